"""Projects with a model in production, and what comes in there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from penstroke.domain import ROWS

from ..conftest import DATA
from ..seam import ALL_ROWS


def lend_model(test_run: Path, project: Path) -> Path:
    """Give a copy of the project the champion of the test run as the model that people use, with its receipt."""
    for folder, ending in (("06_models", "skops"), (".receipts", "json")):
        (project / DATA / folder).mkdir(parents=True)
        source = test_run / folder / f"champion_model.{ending}"
        shutil.copy(source, project / DATA / folder / f"production_model.{ending}")
    return project


def lend_profiles(test_run: Path, project: Path) -> Path:
    """Give a copy of the project production, and the profile of the champion that it is."""
    lend_model(test_run, project)
    shutil.copytree(test_run / "06_models/reference_profiles", project / DATA / "06_models/reference_profiles")
    shutil.copy(test_run / ".receipts/reference_profiles.json", project / DATA / ".receipts")
    return project


def scores_of(project: Path, name: str = "drift_scores") -> dict[str, Any]:
    """Return the scores that a run of the environment ``test`` stored."""
    return json.loads((project / DATA / f"08_reporting/{name}.json").read_text())


def bring(project: Path, table: pd.DataFrame) -> None:
    """Have a table come in."""
    table.to_parquet(project / f"data/01_raw/incoming_{ROWS}.parquet")


def run_measured(project: Path, *arguments: str) -> tuple[str, float]:
    """Run Kedro to its good end; give what it said, and its peak memory in MB."""
    command = [sys.executable, "-m", "kedro", "run", "--env=test", *arguments]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return said, used.ru_maxrss / 1024


@pytest.fixture(scope="session")
def came_in(test_run: Path) -> pd.DataFrame:
    """The test rows of the test run as they came in, with their labels."""
    rows = pd.read_parquet(test_run / f"03_primary/{ROWS}.parquet").query("split == 'test'")
    return ALL_ROWS.loc[rows.index]
