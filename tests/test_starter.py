"""A project that ``kedro new`` makes of this one: whole, and nothing of ours in it by name."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from .conftest import ROOT, run_kedro

LEAVES = {
    "project_name": "Leaf Finder",
    "repo_name": "leaf-finder",
    "python_package": "leaf_finder",
    "row": "leaf",
    "rows": "leaves",
    "data": "table",
    **dict.fromkeys(("service", "monitoring", "production", "cluster", "benchmarks"), "yes"),
}
AUTHOR = {f"GIT_{who}_{what}": "n" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
OURS = re.compile("penstroke", re.IGNORECASE)
IMAGES = re.compile("digit|pixel|mnist|drawing|penstroke", re.IGNORECASE)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Make projects of answers, changed as given."""

    def make(**changes):
        answers, folder = LEAVES | changes, tmp_path_factory.mktemp("new")
        (folder / "answers.yml").write_text(yaml.safe_dump(answers))
        asked = ("new", f"--starter={ROOT}", "--directory=starter", "--config=answers.yml")
        result = run_kedro(
            *asked,
            cwd=folder,
            DO_NOT_TRACK="1",
            **AUTHOR,
        )
        assert result.returncode == 0, result.stderr
        return folder / answers["repo_name"]

    return make


@pytest.fixture(scope="module")
def leaves(new):
    return new()


def _found(project, words):
    """The names and lines of a project's files in which words stand."""
    files = [path for path in project.rglob("*") if path.is_file() and ".git" not in path.relative_to(project).parts]
    names = [str(path.relative_to(project)) for path in files]
    assert len(files) > 150
    texts = {name: path.read_bytes().decode("utf-8", "replace") for name, path in zip(names, files, strict=True)}
    lines = {(name, line) for name, text in texts.items() for line in text.splitlines() if words.search(line)}
    return lines | {name for name in names if words.search(name)}


def _pipelines(project):
    result = run_kedro("registry", "list", cwd=project)
    assert result.returncode == 0, result.stderr
    return set(yaml.safe_load(result.stdout))


def test_a_project_for_a_table_has_no_word_of_images_and_none_of_ours(leaves):
    assert _found(leaves, IMAGES) == set()
    assert (leaves / "README.md").read_text("utf-8").startswith("# Leaf Finder\n")
    for check in (".ci/secrets", ".ci/guards"):  # which its first commit would pass
        subprocess.run([check], cwd=leaves, check=True)


def test_a_project_for_a_table_is_committed_and_trains_and_passes_its_gate(leaves):
    log = subprocess.run(["git", "log", "--format=%s"], cwd=leaves, capture_output=True, text=True, check=True)
    assert log.stdout == "Start the project\n"

    result = run_kedro("run", "--pipelines=__default__,promotion", cwd=leaves)

    assert result.returncode == 0, result.stderr
    assert "The champion passes the gate" in result.stdout
    assert yaml.safe_load((leaves / ".starter.yml").read_text())["rows"] == "leaves"
    assert run_kedro("schemas", cwd=leaves).returncode == 0  # whose files are those of the first commit
    assert subprocess.run(["git", "status", "--porcelain"], cwd=leaves, capture_output=True, check=True).stdout == b""


def test_a_project_takes_a_later_version_and_keeps_what_its_team_changed(leaves, tmp_path):
    live, project = tmp_path / "live", tmp_path / "leaf-finder"
    subprocess.run(["git", "clone", "--quiet", ROOT, live], check=True)
    shutil.copytree(leaves, project)
    (live / "src/penstroke/plots.py").rename(live / "src/penstroke/charts.py")
    for path in (live / "src").rglob("*.py"):
        path.write_text(re.sub(r"\bplots(?= import)", "charts", path.read_text("utf-8")), "utf-8")
    own = '\n\ndef mine() -> int:\n    """Return one."""\n    return 1\n'
    _append({live / "src/kedro_guards/files.py": "# later\n", live / "src/penstroke/cards.py": "# later\n"})
    _append({project / f"src/leaf_finder/{name}.py": own for name in ("plots", "rows")})
    for folder in (live, project):
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message=Change")

    updated = subprocess.run(
        [".ci/update", live], cwd=project, env=os.environ | AUTHOR, capture_output=True, check=False
    )

    assert updated.returncode == 0, updated.stderr
    assert _git(project, "status", "--porcelain") == ""
    assert _git(project, "log", "--format=%s").splitlines()[1:] == ["Change", "Start the project"]
    package = project / "src/leaf_finder"
    assert [(package / f"{name}.py").read_text("utf-8").endswith(own) for name in ("charts", "rows")] == [True, True]
    assert not (package / "plots.py").exists()
    assert (package / "cards.py").read_text("utf-8").endswith("# later\n")
    subprocess.run([".ci/guards"], cwd=project, check=True)  # those of the later version
    result = run_kedro("run", cwd=project)
    assert result.returncode == 0, result.stderr


def _append(texts):
    for place, text in texts.items():
        with place.open("a", encoding="utf-8") as file:
            file.write(text)


def _git(folder, *arguments):
    call = ["git", *arguments]
    return subprocess.run(call, cwd=folder, env=os.environ | AUTHOR, text=True, stdout=-1, check=True).stdout.strip()


def test_parts_can_be_left_out(new, leaves):
    bare = new(service="no", monitoring="no", production="no", cluster="no")

    assert _pipelines(leaves) - _pipelines(bare) == {"monitoring_table", "monitoring_service"}
    assert not list(bare.rglob("serving"))
    schemas = [json.loads((project / "conf/schemas/parameters.json").read_text()) for project in (leaves, bare)]
    assert schemas[0]["properties"].keys() - schemas[1]["properties"].keys() == {"drift", "serving"}
    assert not [place for name in ("production", "cluster") for place in bare.glob(f"conf/{name}")]
    assert "Serve the production model" not in run_kedro("--help", cwd=bare).stdout


def test_a_project_with_the_digits_is_renamed_and_has_the_same_pipelines(new):
    renamed = new(data="digits", row="digit", rows="digits", benchmarks="no")

    assert _found(renamed, OURS) == set()
    assert _pipelines(renamed) == _pipelines(ROOT)


def test_a_row_may_have_another_name(new):
    """Names of functions of other libraries stay."""
    renamed = new(data="digits", row="numeral", rows="numerals")

    catalog = (renamed / "conf/base/catalog.yml").read_text()
    assert "raw_numerals:" in catalog
    assert (renamed / "data/01_raw/numerals.parquet").exists()
    assert not [line for _, line in _found(renamed, re.compile("load_numerals|isnumeral")) if line]


def test_a_project_for_images_reads_a_folder_for_each_class(new):
    shapes = new(data="images", row="shape", rows="shapes", benchmarks="no")

    result = run_kedro("run", "--pipelines=__default__,promotion,inference", cwd=shapes)

    assert result.returncode == 0, result.stderr
    assert "The champion passes the gate" in result.stdout
    assert "3 files answered" in result.stdout
    assert {line for _, line in _found(shapes, OURS)} == set()
