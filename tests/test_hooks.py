import re

import pandas as pd

from .conftest import DATA, run_kedro


def test_a_run_ends_with_leaderboard_accuracy_and_what_to_open(trained):
    lines = (trained / "stdout").read_text().splitlines()

    assert "Cross-validation on the training rows" in lines[0]
    ranked = [name for line in lines for name in ("svm", "logistic") if f" {name} " in line]
    assert ranked == list(pd.read_parquet(trained / DATA / "06_models/leaderboard.parquet")["contender"])
    assert any(re.fullmatch(r"Test accuracy [\d.]+% \([\d.]+% to [\d.]+%\), \d+ of 355 wrong", line) for line in lines)
    assert "model_card: build/test/data/08_reporting/model_card.md" in lines
    assert "test_scores: build/test/data/08_reporting/test_scores.json" in lines
    assert any("mistakes_plot" in line and "kedro viz" in line for line in lines)


def test_a_run_says_nothing_else(trained):
    said = (trained / "stdout").read_bytes().decode()

    assert (trained / "stderr").read_text() == ""
    assert len(said.splitlines()) < 15
    assert "\r" not in said  # no progress bar where there is no terminal


def test_a_part_of_the_run_says_nothing_of_what_it_did_not_make(project):
    result = run_kedro("run", "--env=test", "--pipelines=data_processing", cwd=project)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
