"""The guards as a wheel of their own, in a project that Kedro's own starter made."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path
from textwrap import dedent

import pytest

import kedro_guards

FOLDER = Path(kedro_guards.__file__).parent
PIPELINE = """
    import time

    from kedro.pipeline import Node, Pipeline


    def count(text):
        return {"words": len(text.split())}


    def double(counted):
        time.sleep(NAP_S)
        return {"words": 2 * counted["words"]}


    NAP_S = 0


    def register_pipelines():
        nodes = [
            Node(count, "text", "counted", name="count"),
            Node(double, "counted", "doubled", name="double"),
        ]
        return {"__default__": Pipeline(nodes)}
    """
CATALOG = """
    text: {type: text.TextDataset, filepath: data/01_raw/text.txt}
    counted: {type: json.JSONDataset, filepath: data/counted.json}
    doubled: {type: json.JSONDataset, filepath: data/doubled.json}
    """


def _lines_of_the_readme():
    """The lines that switch the guards on, by the file that the first line of their block names."""
    blocks = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return dict(blocks)


def _run(*command, cwd, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KEDRO"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean | {"PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _words(project, name):
    return json.loads((project / f"data/{name}.json").read_text())["words"]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of a fresh environment with the wheel; what that requires comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(FOLDER, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    built = _run(sys.executable, "-m", "build", "--wheel", f"--outdir={folder}", folder / "source", cwd=folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("kedro_guards-*.whl")
    venv.create(folder / "venv")
    python = folder / "venv/bin/python"
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
    options = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    installed = _run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.fixture
def project(python, tmp_path):
    """A project of Kedro's own starter, with two nodes and the lines of the README."""
    new = ["new", "--name=Words", "--tools=none", "--example=n", "--telemetry=no"]
    made = _run(python, "-m", "kedro", *new, cwd=tmp_path)
    project = tmp_path / "words"
    assert made.returncode == 0, made.stderr
    package = project / "src/words"
    (package / "pipeline_registry.py").write_text(dedent(PIPELINE))
    (project / "conf/base/catalog.yml").write_text(dedent(CATALOG))
    (project / "data/01_raw").mkdir(parents=True, exist_ok=True)
    (project / "data/01_raw/text.txt").write_text("one two three")
    lines = _lines_of_the_readme()
    assert set(lines) == {"settings.py", "cli.py", "conf/base/globals.yml"}
    for name, text in lines.items():
        with (project / name if "/" in name else package / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")
    return project


@pytest.mark.slow
def test_a_new_project_with_the_lines_of_the_readme_is_guarded(python, project):
    def kedro(*arguments):
        result = _run(python, "-m", "kedro", *arguments, cwd=project)
        assert result.returncode == 0, result.stderr
        return result.stdout

    where = _run(python, "-c", "import kedro_guards; print(kedro_guards.__file__)", cwd=project).stdout
    assert Path(where.strip()).is_relative_to(python.parents[1])

    kedro("run")
    assert _words(project, "doubled") == 6
    assert "nothing has changed" in kedro("run", "--changed")

    registry = project / "src/words/pipeline_registry.py"
    whole = registry.read_text()
    registry.write_text(whole.replace("NAP_S = 0", "NAP_S = 60"))
    (project / "data/01_raw/text.txt").write_text("one two three four")
    run = subprocess.Popen(
        [str(python), "-m", "kedro", "run"], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while _words(project, "counted") != 4:
        assert run.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    run.kill()
    run.wait()
    assert _words(project, "doubled") == 6  # the old one is whole
    registry.write_text(whole)

    said = kedro("run", "--changed")
    assert "double: doubled was made with other data (counted)" in said
    assert "count:" in said  # the module of its function was another one when it ran
    assert _words(project, "doubled") == 8
    assert "nothing has changed" in kedro("run", "--changed")

    told = kedro("receipt", "doubled")
    assert re.search(r"double.*counted.*doubled", told)
    assert re.search("text .*made by no node", told)
