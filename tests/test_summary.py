import re

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro_datasets.json import JSONDataset

from penstroke.summary import SummaryHooks

from .conftest import DATA, run_kedro


def test_a_run_ends_with_leaderboard_accuracy_and_what_to_open(trained):
    lines = (trained / "stdout").read_text().splitlines()

    assert "Cross-validation on the training rows" in lines[0]
    ranked = [name for line in lines for name in ("kernel_ridge", "logistic") if f" {name} " in line]
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


SCORES = {"accuracy": 0.98, "accuracy_low": 0.96, "accuracy_high": 0.99, "errors": 7, "rows": 355}


def _catalog(folder):
    filepath = str(folder / "scores.json")
    catalog = DataCatalog({"test_scores": JSONDataset(filepath=filepath), "model_card": MemoryDataset("# Card")})
    catalog.save("test_scores", SCORES)
    catalog["leaderboard"] = MemoryDataset(
        pd.DataFrame({"contender": ["svm[a]"], "accuracy_mean": [0.97], "accuracy_sd": [0.01]})
    )
    return catalog


def _made(*names):
    return Pipeline([Node(lambda: None, None, list(names), name="make")])


def test_a_summary_shows_paths_and_names_as_they_are(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    SummaryHooks().after_pipeline_run(
        _made("leaderboard", "test_scores", "model_card"), _catalog(tmp_path / "team[a]/:cat:")
    )

    lines = capsys.readouterr().out.splitlines()
    assert any("svm[a]" in line and "97.00%" in line and "± 1.00" in line for line in lines)
    assert lines[-2:] == [
        "Test accuracy 98.00% (96.00% to 99.00%), 7 of 355 wrong",
        "test_scores: team[a]/:cat:/scores.json",
    ]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            {"rows_read": 9, "rows_accepted": 4, "rows_rejected_conflict": 2, "rows_rejected_blank": 3},
            "5 of 9 raw rows rejected (2 conflict, 3 blank), see rejected_digits\n",
        ),
        ({"rows_read": 9, "rows_accepted": 9, "rows_rejected_conflict": 0}, ""),
    ],
)
def test_a_summary_says_how_many_raw_rows_were_rejected_and_why(scores, said, capsys):
    catalog = DataCatalog({"cleaning_scores": MemoryDataset(scores)})

    SummaryHooks().after_pipeline_run(_made("cleaning_scores"), catalog)

    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("taken", "rejected", "said"),
    [
        (3, 1, "3 labelled files taken, 1 rejected, see rejected_feedback\n"),
        (0, 0, "0 labelled files taken, 0 rejected\n"),
    ],
)
def test_a_summary_says_how_many_labelled_files_were_taken_and_rejected(taken, rejected, said, capsys):
    parts = {"labelled_drawings": taken, "rejected_feedback": rejected}
    catalog = DataCatalog({name: MemoryDataset(pd.DataFrame(index=range(many))) for name, many in parts.items()})

    SummaryHooks().after_pipeline_run(_made(*parts), catalog)

    assert capsys.readouterr().out == said


def test_a_summary_that_cannot_be_made_costs_the_run_nothing(tmp_path, capsys, caplog):
    catalog = _catalog(tmp_path)
    catalog["test_scores"].save({"accuracy": "none"})

    SummaryHooks().after_pipeline_run(_made("leaderboard", "test_scores"), catalog)

    assert "svm[a]" in capsys.readouterr().out
    assert "the summary of this run cannot be printed" in caplog.text
