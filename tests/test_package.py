"""What ``kedro package`` makes, in a folder and in environments that hold nothing else."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import venv
import zipfile
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from penstroke.serving.middleware import PROBES

from .conftest import DATA, ROOT, copy_project, run_kedro

GIVEN = ("--env=test", "--conf-source=conf-penstroke.tar.gz")
CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder with the wheel and the configuration."""
    project = copy_project(tmp_path_factory.mktemp("package") / "project")
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    done = run_kedro("package", cwd=project)
    assert done.returncode == 0, done.stderr
    return project / "dist"


def _environment(folder, lock, dist):
    """Make an environment that has what a lock names, as links to what is installed here, and the wheel."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    for line in re.findall(r"^\w.*==.*(?= \\$)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE):
        pin = Requirement(line)
        if pin.marker and not pin.marker.evaluate():
            continue
        installed = importlib.metadata.distribution(pin.name)
        for part in {file.parts[0] for file in installed.files if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / part).exists():
                (packages / part).symlink_to(installed.locate_file(part))
    (wheel,) = dist.glob("penstroke-*.whl")
    shutil.unpack_archive(wheel, packages, "zip")
    return folder / "bin/python"


@pytest.fixture(scope="module")
def training(dist, tmp_path_factory):
    return _environment(tmp_path_factory.mktemp("train") / "venv", "requirements-train.txt", dist)


@pytest.fixture(scope="module")
def service(dist, tmp_path_factory):
    return _environment(tmp_path_factory.mktemp("serve") / "venv", "requirements-serve.txt", dist)


@pytest.fixture(scope="module")
def folder(dist, promoted, tmp_path_factory):
    """A folder with the packed configuration, raw digits, and a production model that replaced another one."""
    folder = tmp_path_factory.mktemp("empty")
    shutil.copy(dist / "conf-penstroke.tar.gz", folder)
    shutil.copytree(ROOT / "data/01_raw", folder / "data/01_raw")
    model, receipt = (
        folder / DATA / name for name in ("06_models/production_model.skops", ".receipts/production_model.json")
    )
    for place in (model, receipt):
        place.parent.mkdir(parents=True)
        shutil.copy(promoted / place.relative_to(folder), place)
    former = Path(shutil.copy(model, f"{model}.former"))
    with zipfile.ZipFile(former, "a") as archive:
        archive.comment = b"other bytes"
    sums = [sha256(place.read_bytes()).hexdigest() for place in (model, former)]
    receipt.with_suffix(".former.json").write_text(receipt.read_text().replace(*sums))
    return folder


def _clean():
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KEDRO", "COV"))}


def _run(python, folder, *arguments):
    command = [python, "-m", "penstroke", *arguments, *GIVEN]
    return subprocess.run(command, cwd=folder, env=_clean(), capture_output=True, text=True, timeout=300, check=False)


def test_the_package_has_the_guards_the_page_and_no_tests(dist):
    (wheel,) = dist.glob("penstroke-*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert {"kedro_guards/files.py", "penstroke/cli.py", "penstroke/serving/page/index.html"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"kedro_guards", "penstroke"}
    with tarfile.open(dist / "conf-penstroke.tar.gz") as archive:
        assert "conf/logging.yml" in archive.getnames()
        assert not [name for name in archive.getnames() if name.startswith("conf/local/") and name.endswith(".yml")]


@pytest.mark.slow
def test_all_commands_run_from_a_folder_without_a_project(training, folder):
    made = _run(training, folder, "--pipelines=data_processing")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")  # no word of telemetry or of logging
    again = _run(training, folder, "run", "--pipelines=data_processing", "--changed")
    assert (again.stdout, again.stderr) == ("nothing has changed\n", "")
    assert "split_rows" in _run(training, folder, "receipt", "labels").stdout
    assert "production_model is the previous one again" in _run(training, folder, "rollback").stdout
    assert {path.name for path in folder.iterdir()} == {"build", "conf-penstroke.tar.gz", "data"}


@pytest.mark.slow
def test_the_service_needs_no_more_than_its_lock(service, folder):
    command = [service, "-m", "penstroke", "serve", "--port=0", *GIVEN]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=folder, env=_clean(), **pipes)
    try:
        address = re.search(r"http://\S+", process.stdout.readline())[0]
        drawing = (ROOT / "data/01_raw/drawings/3_pencil.jpg").read_bytes()
        answer = httpx.post(f"{address}/v1/predictions", content=drawing, timeout=30)
    finally:
        process.terminate()
    log, _ = process.communicate(timeout=30)

    assert answer.json()["predictions"][0]["prediction"] == 3, log
    assert '"path":"/v1/predictions","status":200' in log
    assert list((folder / DATA / "07_model_output/served_predictions").glob("*.parquet"))


def test_the_images_are_made_of_the_locks_and_of_the_package(dist):
    copied = re.findall(r"^(?:COPY|ADD) (?!--)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
    patterns = " ".join(copied).split()

    assert "\n".join(patterns) == "dist/penstroke-*.whl\nrequirements*.txt\ndist/conf-penstroke.tar.gz"
    assert all(list(dist.parent.glob(pattern)) for pattern in patterns if pattern.startswith("dist/"))
    assert (ROOT / ".containerignore").read_text().split() == ["*", "!dist", "!requirements*.txt"]
    assert set(re.findall(r"requirements-[\w-]+\.txt", CONTAINERFILE)) == {
        "requirements-serve.txt",
        "requirements-train.txt",
    }


def test_an_image_has_the_oldest_python_another_user_and_a_check_of_its_service():
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    bases = re.findall(r"^ARG (?:BASE|BUILDER)=\S+/python:([\d.]+)-", CONTAINERFILE, re.MULTILINE)

    assert bases == [oldest] * 2
    assert re.findall(r"^USER (.*)", CONTAINERFILE, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"http://127\.0\.0\.1:8000(/\w+)", CONTAINERFILE)[0] in PROBES  # 8000 is the default of --port
    assert "EXPOSE 8000" in CONTAINERFILE
    assert 'CMD ["serve", "--host=0.0.0.0"]' in CONTAINERFILE
