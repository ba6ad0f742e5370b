"""Every line of the shell and block of Python in the documentation is run: here, or by the test that is named here."""

import re
import subprocess
from contextlib import chdir

import pytest
from kedro.framework.session import KedroSession

from .conftest import DATA, ROOT, copy_tree, run_kedro
from .test_docs import TYPED_PAGES, blocks_of

# Lines that are not run here: by which test, or why none can.
ELSEWHERE = {
    r"kedro run( --pipelines=promotion)?": "tests/conftest.py",
    r"kedro rollback|kedro run --changed --pipelines=feedback": "tests/test_loop.py",
    r"kedro run --pipelines=monitoring_service .*": "tests/test_loop.py",
    r"kedro run --pipelines=monitoring_table .*": "tests/pipelines/monitoring/test_table_runs.py",
    r"kedro run --pipelines=inference_table": "tests/pipelines/inference/test_table_runs.py",
    r"kedro run --pipelines=inference": "tests/test_own_projects.py",
    r"kedro run --pipelines=inference,monitoring .*": "tests/domain/pipelines/monitoring/test_runs.py",
    r"kedro run --params=split.seed=3": "tests/test_promotion.py",
    r"kedro schemas": "tests/test_starter.py",
    r"tar .*|kedro run --changed --pipelines=__default__,promotion": "tests/test_runbook.py",
    r"(python -m penstroke|pip install -r requirements-train.txt &&|kedro package).*": "tests/test_package.py",
    r"kedro (new|draft) .*|cp path/to/flowers.csv .*": "tests/test_starter.py",
    r".ci/update .*|git (add|cherry-pick) .*|python ../CLONE/starter/update.py": "tests/test_update.py",
    r"(mkdir|mv|rm) .*": "tests/test_table_domain.py",
    r"python -m build .*|pip install .*whl.*": "tests/guards/test_wheel.py",
    r"kedro serve|curl .*|PENSTROKE_TOKEN=… kedro serve .*": "tests/serving/test_service.py",
    r"kedro viz build .*": "tests/viz/test_viz.py",
    r"kedro run .*tracking.address.*": "tests/test_tracking.py",
    r"kedro run --env=cluster.*|dask .*|export PYTHONPATH=.*": "tests/test_cluster.py",
    r"kedro run --env=production": "tests/test_production.py",
    r"airflow .*|systemctl .*": "tests/test_schedules.py",
    r".ci/image|(buildah|podman) .*|mkdir data .*": "tests/images.py",
    r"kedro run --env=mnist.*": "tests/test_environments.py",
    r"pip install -r requirements.txt && kedro run|python -m venv .*": ".github/workflows/ci.yml",
    r"pip install -r \S+( -r \S+)*( && pytest)?|pytest": ".ci/run",
    r".*python -m benchmarks.*": "minutes of CPU; tests of benchmarks/results compare what it printed with the page",
    r".*pytest -n0 -m torture": "half an hour; .ci/run has a part of it",
    r"export .*….*|export \w+=\S+ # .*|export PGHOST.*": "names of a store of the reader's",
    r"kedro (viz run|jupyter lab)|python -m http.server .*|uvx .*": "serves until somebody ends it",
}
PYTHON_ELSEWHERE = {
    "PostgresTableDataset(": "tests/test_production.py",
    "SESSION_CLASS": "tests/guards/test_wheel.py",
    "# cli.py": "tests/guards/test_wheel.py",
}


def _lines(page):
    return [line for block in blocks_of(page, "sh") for line in block.splitlines()]


def _place(line):
    return next((place for pattern, place in ELSEWHERE.items() if re.fullmatch(pattern, line)), None)


PAGES = [page for page in TYPED_PAGES if [line for line in _lines(page) if not _place(line)]]
CODE = [(page, block) for page in TYPED_PAGES for block in blocks_of(page, "python")]


@pytest.fixture(scope="module")
def project(promoted, tmp_path_factory):
    """A project with a production model, in a repository."""
    folder = copy_tree(promoted, tmp_path_factory.mktemp("blocks") / "project")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def _run(line, project):
    line = line.partition(" # ")[0]
    if line.startswith("kedro "):
        return run_kedro(*line.split()[1:], cwd=project, KEDRO_ENV="test")
    return subprocess.run(line, shell=True, cwd=project, capture_output=True, text=True, check=False)  # noqa: S602 # ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_line_of_the_shell_in_a_page_can_be_run(page, project):
    for line in _lines(page):
        if not _place(line):
            result = _run(line, project)
            assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"


def test_what_is_not_run_here_is_run_by_a_test_that_is_there():
    lines = [line for page in TYPED_PAGES for line in _lines(page)]

    assert [pattern for pattern in ELSEWHERE if not any(re.fullmatch(pattern, line) for line in lines)] == []
    places = [place for place in (*ELSEWHERE.values(), *PYTHON_ELSEWHERE.values()) if re.fullmatch(r"\S+", place)]
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(("page", "block"), CODE, ids=lambda part: getattr(part, "stem", ""))
def test_every_block_of_python_in_a_page_can_be_run(page, block, trained, bootstrapped):
    if any(mark in block for mark in PYTHON_ELSEWHERE):
        return
    known = {}
    if "%load_ext kedro.ipython" in block:
        with KedroSession.create(project_path=trained, env="test") as session:
            known["catalog"] = session.load_context().catalog
    with chdir(trained / DATA / "06_models"):  # where the pages have the model
        exec(re.sub(r"(?m)^%load_ext kedro.ipython$", "", block), known)  # noqa: S102 # pages of ours
