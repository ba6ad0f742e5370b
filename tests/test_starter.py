"""A project that ``kedro new`` makes of this one: whole, and nothing of ours in it by name."""

import json
import re
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
            GIT_AUTHOR_NAME="n",
            GIT_AUTHOR_EMAIL="e",
            GIT_COMMITTER_NAME="n",
            GIT_COMMITTER_EMAIL="e",
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


def test_a_project_for_a_table_is_committed_and_trains_and_passes_its_gate(leaves):
    log = subprocess.run(["git", "log", "--format=%s"], cwd=leaves, capture_output=True, text=True, check=True)
    assert log.stdout == "Start the project\n"

    result = run_kedro("run", "--pipelines=__default__,promotion", cwd=leaves)

    assert result.returncode == 0, result.stderr
    assert "The champion passes the gate" in result.stdout
    assert yaml.safe_load((leaves / ".starter.yml").read_text())["rows"] == "leaves"
    assert run_kedro("schemas", cwd=leaves).returncode == 0  # whose files are those of the first commit
    assert subprocess.run(["git", "status", "--porcelain"], cwd=leaves, capture_output=True, check=True).stdout == b""


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
