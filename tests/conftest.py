"""What the tests share: parameters, a copy of the project to run in, the project's own test run."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from kedro.framework.project import configure_project, pipelines
from kedro.framework.startup import ProjectMetadata, bootstrap_project

from .fork_server import server

ROOT = Path(__file__).parents[1]
DATA = "build/test/data"  # of the environment test
PRINTED = ("stdout", "stderr")  # files beside a run's data with what it printed

# What this process was started with must not reach the processes that tests start:
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell without job control has its children ignore it
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
for _name in [name for name in os.environ if name.startswith(("GIT_", "KEDRO_"))]:  # of a hook, say
    del os.environ[_name]

configure_project("penstroke")  # its settings say which types model files may hold

MOST_PROCESSES = 4
READ_BY_PYTHON = ("PYTHON", "LANG", "LC_")  # when it starts
Kedro = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Divide test files among processes, unless there is one file, a debugger or, without ``-n``, coverage."""
    options = config.option
    if not hasattr(options, "numprocesses") or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if options.numprocesses is None and not options.usepdb and not getattr(options, "cov_source", None):
        files = {argument.partition("::")[0] for argument in config.args}
        alone = len(files) == 1 and files.pop().endswith(".py")
        options.numprocesses = 0 if alone else min(MOST_PROCESSES, os.cpu_count() or 1)
    if options.dist == "no":  # by file, as many files share what they make
        options.dist, options.loadscopereorder = "loadfile", False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of this folder, which run whole projects, so that no process is left alone with one."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


def base_parameters(pipeline: str) -> dict:
    """Return the parameters of a pipeline, and those of the domain, as ``conf/base`` gives them."""
    files = [ROOT / f"conf/base/parameters_{name}.yml" for name in (pipeline, "domain")]
    return {name: group for file in files if file.exists() for name, group in yaml.safe_load(file.read_text()).items()}


def run_kedro(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Kedro's command line as a user does, in a fork of a process that has imported the libraries.

    A variable that Python reads when it starts, such as ``PYTHONHASHSEED``, needs a new Python and gets one.
    """
    if any(name.startswith(READ_BY_PYTHON) for name in environment):
        return run_new_python("-m", "kedro", *arguments, cwd=cwd, **environment)
    return server().run(arguments, cwd, os.environ | environment, timeout_s=300)


def run_well(project: Path, *arguments: str, **environment: str) -> str:
    """Run ``kedro run --env=test …`` to its good end, and return what it printed."""
    result = run_kedro("run", "--env=test", *arguments, cwd=project, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def run_new_python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a new Python, which has imported nothing."""
    command = [sys.executable, *arguments]
    environment = os.environ | environment
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


@contextmanager
def known_to_kedro(project: Path) -> Iterator[ProjectMetadata]:
    """Work in a project in this process: Kedro knows it, and it is the present folder; both end with the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])  # Kedro adds to both, and leaves it there
        patch.setenv("PYTHONPATH", "")
        patch.chdir(project)
        yield bootstrap_project(project)
    pipelines.set_requested(None)
    configure_project("penstroke")


def copy_project(folder: Path) -> Path:
    """Copy what a run needs to a folder of its own, so that it cannot touch the project."""
    for name in ("conf", "src", "data/01_raw"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("local", "*.pyc.*"))
    (folder / "conf/local").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def copy_tree(source: Path, folder: Path) -> Path:
    """Copy a project with its data, to write in; its receipts stay valid, wherever it lies."""
    return Path(shutil.copytree(source, folder, symlinks=True))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def kedro(project: Path) -> Kedro:
    """Kedro's command line, in a fresh copy of the project."""
    return lambda *arguments, **environment: run_kedro(*arguments, cwd=project, **environment)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this call of pytest share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Have the first process that asks make a folder, while the others wait."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            make(unfinished := folder.with_name(f"{folder.name}.unfinished"))
            unfinished.rename(folder)
    return folder


def _train(project: Path) -> None:
    """Run the main job of the environment ``test``, and keep what it said beside its data."""
    result = run_kedro("run", "--env=test", cwd=copy_project(project), COLUMNS="100")
    assert result.returncode == 0, result.stderr
    for name in PRINTED:
        (project / name).write_text(getattr(result, name))


def _promote(project: Path) -> None:
    result = run_kedro("run", "--env=test", "--pipelines=promotion", cwd=project)
    assert result.returncode == 0, result.stderr
    (project / "stdout").write_text(result.stdout)


@pytest.fixture(scope="session")
def trained(shared: Path) -> Path:
    """A copy of the project after ``kedro run --env=test``, made once for all processes; only to be read.

    What the run printed lies in its files ``stdout`` and ``stderr``. :func:`copy_tree` copies it to write in.
    """
    return once(shared / "trained", _train)


@pytest.fixture(scope="session")
def promoted(trained: Path, shared: Path) -> Path:
    """The same after a promotion, whose output is in ``stdout``; only to be read."""
    return once(shared / "promoted", lambda project: _promote(copy_tree(trained, project)))


@pytest.fixture(scope="session")
def test_run(trained: Path) -> Path:
    """The folder of data of :func:`trained`; only to be read."""
    return trained / DATA


@pytest.fixture(scope="session")
def bootstrapped() -> Path:
    """The project, made known to Kedro in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", "")  # which Kedro would set for the processes of all later tests
        bootstrap_project(ROOT)
    return ROOT
