"""A canary in credentials and in ``--params`` is in nothing that a run, a site or a package shows or keeps."""

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from .conftest import ROOT, Kedro, copy_project, run_kedro

CANARIES = ("canaryfile", "canaryenvironment", "canaryparameter")
CREDENTIALS = "store: {key: canaryfile}\nother: {key: '${oc.env:STORE_KEY}'}\n"
CATALOG = """\
model_card:
  type: text.TextDataset
  filepath: ${globals:data}/08_reporting/model_card.md
  credentials: store
  metadata:
    kedro-viz: {layer: reporting}

test_scores:
  type: json.JSONDataset
  filepath: ${globals:data}/08_reporting/test_scores.json
  credentials: other
  metadata:
    kedro-viz: {layer: reporting}
"""


def found_in(content: bytes | str) -> list[str]:
    """Name the canaries in some content."""
    content = content.encode() if isinstance(content, str) else content
    return [canary for canary in CANARIES if canary.encode() in content]


def found_below(folder: Path) -> dict[str, list[str]]:
    """Name the canaries in names and contents of files, also of packed ones."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += pd.read_parquet(path).to_csv().encode()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(name) for name in archive.namelist())
        elif path.suffix == ".gz":
            with tarfile.open(path) as archive:
                content += b"".join(archive.extractfile(file).read() for file in archive if file.isfile())
        found[str(path.relative_to(folder))] = found_in(content + str(path.relative_to(folder)).encode())
    return {name: canaries for name, canaries in found.items() if canaries}


def test_the_search_for_canaries_finds_them_wherever_they_are(tmp_path):
    (tmp_path / "canaryfile").touch()
    (tmp_path / "plain.txt").write_text("a canaryfile")
    pd.DataFrame({"text": ["canaryfile"] * 100}).to_parquet(tmp_path / "table.parquet")
    with zipfile.ZipFile(tmp_path / "model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "canaryfile")
    with tarfile.open(tmp_path / "conf.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "plain.txt")
    (tmp_path / "plain.txt").with_name("nothing.txt").write_text("a finch")

    found = {"canaryfile", "plain.txt", "table.parquet", "model.skops", "conf.tar.gz"}
    assert found_below(tmp_path) == {key: ["canaryfile"] for key in found}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A copy of the project with credentials that two datasets use."""
    place = copy_project(tmp_path_factory.mktemp("secrets") / "project")
    (place / "conf/test/credentials.yml").write_text(CREDENTIALS)
    (place / "conf/test/catalog.yml").write_text(CATALOG)
    return place


@pytest.fixture(scope="module")
def told(place):
    """What commands said in that copy, by the status with which they ended."""

    def kedro(*arguments):
        result = run_kedro(*arguments, cwd=place, STORE_KEY="canaryenvironment", KEDRO_ENV="test")
        return result.returncode, result.stdout + result.stderr

    return {
        "run": kedro("run"),
        "site": kedro("viz", "build", "--include-previews"),
        "catalog": kedro("catalog", "resolve-patterns"),
        "unknown group": kedro("run", "--verbose", "--params=token=canaryparameter"),
        "unknown key": kedro("run", "--verbose", "--params=split.token=canaryparameter"),
        "address": kedro("run", "--env=mnist", "--params=source=https://me:canaryparameter@127.0.0.1:9/x"),
        "traceback": kedro("run", "--env=mnist", "--verbose", "--params=source=https://me:canaryparameter@127.0.0.1:9"),
        "package": kedro("package"),
    }


@pytest.mark.slow
def test_a_canary_is_used_and_said_nowhere(told, place):
    assert {name: status for name, (status, _) in told.items() if status == 0} == {"run": 0, "site": 0, "catalog": 0}
    assert {name: found_in(said) for name, (_, said) in told.items() if found_in(said)} == {}
    assert "model_card" in told["run"][1]
    assert "token is not a known group" in told["unknown group"][1]
    assert "https://127.0.0.1:9/x/train-images-idx3-ubyte.gz cannot be read" in told["address"][1]
    assert "Traceback" in told["traceback"][1]


@pytest.mark.slow
def test_a_canary_is_kept_nowhere_but_in_its_own_file(told, place):
    assert (place / "build/test/data/08_reporting/model_card.md").exists()
    assert (place / "build/index.html").exists()
    assert (place / ".viz").exists()

    assert found_below(place) == {"conf/test/credentials.yml": ["canaryfile"]}


@pytest.mark.slow
def test_a_package_is_not_made_of_credentials_in_clear(told, place):
    assert told["package"][1] == (
        "Error: conf/test/credentials.yml would go into the package with the value of store.key; "
        "write ${oc.env:NAME} there, or keep the file in conf/local\n"
    )
    assert not (place / "dist").exists()


def test_a_package_holds_the_names_of_secrets_alone(project, kedro: Kedro):
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    (project / "conf/local/credentials.yml").write_text("store: {key: canaryfile}")
    (project / "conf/test/credentials.yml").write_text("store: {key: '${oc.env:STORE_KEY}'}")

    result = kedro("package", STORE_KEY="canaryenvironment")

    assert result.returncode == 0, result.stderr
    assert len(list((project / "dist").iterdir())) == 2
    with tarfile.open(project / "dist/conf-penstroke.tar.gz") as archive:
        assert "conf/test/credentials.yml" in archive.getnames()
    assert found_below(project / "dist") == {}


def _ignored(*names):
    """Those of the names that git would not take up; they need not exist."""
    result = subprocess.run(
        ["git", "check-ignore", "--no-index", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return set(result.stdout.splitlines())


@pytest.fixture
def repository():
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")


SECRET = {
    *("conf/local/credentials.yml", "conf/local/globals.yml", "conf/test/credentials.yml"),
    *("conf/production/credentials/store.yml", "conf/base/more_credentials.json"),
    *(".env", ".env.production", "conf/production/.env", ".envrc", ".netrc", ".pypirc", ".git-credentials"),
    *(".aws/credentials", "id_rsa", "id_ed25519", "conf/production/store.pem", "src/penstroke/serving/tls.key"),
    *("store.p12", "store.pfx", "registry.token"),
}
MADE = {
    *("data/06_models/champion_model.skops", "data/mnist/01_raw/https/host/train.gz", "data/01_raw/mine.parquet"),
    *(
        "data/.locks/labels",
        ".locks/s3%3A%2F%2Fshop/labels",
        "build/test/data/03_primary/labels.parquet",
        "dist/conf-penstroke.tar.gz",
    ),
    *("mlflow.db", "mlflow.db-journal", "mlruns/0/meta.yaml", "session_store.db", ".viz/stats.json", "run.log"),
}
NEEDED = {
    *(".telemetry", "conf/local/.gitignore", "conf/production/catalog.yml", "conf/production/globals.yml"),
    "conf/production/credentials.yml",  # names of variables
    *("data/README.md", "data/01_raw/digits.parquet", "src/kedro_guards/secrets.py", "tests/test_secrets.py"),
    *("docs/how-to/secrets.md", "requirements.txt", "requirements-dev.txt", ".github/workflows/ci.yml"),
}


def test_git_takes_up_no_secret_and_nothing_that_a_run_makes(repository):
    assert _ignored(*SECRET, *MADE, *NEEDED) == SECRET | MADE


def test_git_leaves_out_nothing_that_was_committed(repository):
    listed = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]

    assert subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("key = '" + "AKIA" + "IOSFODNN7EXAMPLQ'", 1),
        ("-----BEGIN " + "RSA PRIVATE KEY-----", 1),
        ("https://me:" + "swordfish@example.org/x", 1),
        ("store: {key: '${oc.env:STORE_KEY}'}", 0),
        ("https://me:word@example.org/x", 0),
        ("https://me:canary@example.org/x", 0),  # of tests
    ],
)
def test_the_search_of_what_git_takes_up_tells_secrets_from_examples(tmp_path, text, status):
    (tmp_path / "file.txt").write_text(text)

    result = subprocess.run([ROOT / ".ci/secrets", tmp_path / "file.txt"], capture_output=True, text=True, check=False)

    assert result.returncode == status, result.stdout
