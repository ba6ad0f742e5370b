"""The plain script that ``kedro run`` is compared with calls the functions of the nodes as the nodes do."""

import json
from pathlib import Path

import pandas as pd
import pytest

from .conftest import run_new_python

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_plain_script_does_the_main_job(tmp_path):
    done = run_new_python("-m", "benchmarks.plain", str(tmp_path), cwd=ROOT, PYTHONPATH="src")

    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "test_scores.json").read_text("utf-8"))
    assert scores["accuracy"] > 0.99
    assert (tmp_path / "champion_model.skops").stat().st_size > 0
    board = pd.read_parquet(tmp_path / "leaderboard.parquet")
    settings = json.loads((tmp_path / "champion_settings.json").read_text("utf-8"))
    assert settings["contender"] == board["contender"].iloc[0]
