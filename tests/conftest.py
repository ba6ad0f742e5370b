"""What the tests share: a few real digits, a copy of the project to run in, the project's own test run."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock
from kedro.framework.startup import bootstrap_project

from penstroke.pipelines.feature_engineering.parameters import Features

ROOT = Path(__file__).parents[1]

# What this process was started with must not reach the processes that tests start:
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell without job control has its children ignore it
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
for _name in [name for name in os.environ if name.startswith(("GIT_", "KEDRO_"))]:  # of a hook, say
    del os.environ[_name]

Kedro = Callable[..., subprocess.CompletedProcess[str]]


def base_parameters(pipeline: str) -> dict:
    """Return the parameters of a pipeline as ``conf/base`` gives them."""
    return yaml.safe_load((ROOT / f"conf/base/parameters_{pipeline}.yml").read_text())


def run_kedro(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Kedro's command line as a user does."""
    command = [sys.executable, "-m", "kedro", *arguments]
    environment = os.environ | environment
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def copy_project(folder: Path) -> Path:
    """Copy what a run needs to a folder of its own, so that it cannot touch the project."""
    for name in ("conf", "src", "data/01_raw"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("local", "__pycache__"))
    (folder / "conf/local").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def kedro(project: Path) -> Kedro:
    """Kedro's command line, in a fresh copy of the project."""
    return lambda *arguments, **environment: run_kedro(*arguments, cwd=project, **environment)


@pytest.fixture(scope="session")
def test_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of data that ``kedro run --env=test`` has made in the project itself, once for all processes."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    shared = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent
    notes, kept, done = ROOT / ".viz", shared / "viz", shared / "test_run.done"
    with FileLock(shared / "test_run.lock"):
        if not done.exists():
            if notes.exists():  # what Kedro-Viz notes of a user's own run
                shutil.copytree(notes, kept)
            result = run_kedro("run", "--env=test", cwd=ROOT)
            assert result.returncode == 0, result.stderr
            done.touch()
    yield ROOT / "build/test/data"
    if alone:  # else another process may still look at the notes of this run
        shutil.rmtree(notes)
        if kept.exists():
            shutil.copytree(kept, notes)


@pytest.fixture(scope="session")
def bootstrapped() -> Path:
    """The project, made known to Kedro in this process."""
    bootstrap_project(ROOT)
    return ROOT


@pytest.fixture(scope="session")
def raw_digits() -> pd.DataFrame:
    """The first 200 digits that ship with the project."""
    return pd.read_parquet(ROOT / "data/01_raw/digits.parquet").head(200)


@pytest.fixture(scope="session")
def features_of_base() -> Features:
    """What a model sees, as ``conf/base`` chooses it."""
    return Features.model_validate(base_parameters("feature_engineering")["features"])


def table_of(images: np.ndarray, labels: list[int] | None = None) -> pd.DataFrame:
    """Lay (n, height, width) images out as a table of digits named a, b, c, …"""
    count, height, width = images.shape
    names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
    index = pd.Index([chr(ord("a") + place) for place in range(count)], name="digit_id", dtype="str")
    table = pd.DataFrame(images.reshape(count, -1), index, names)
    table.insert(0, "label", np.array(labels or [0] * count, dtype=np.int8))
    return table
