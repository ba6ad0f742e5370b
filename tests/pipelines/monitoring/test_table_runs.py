"""Whole runs on a table of digits and its answers."""

import json

import pandas as pd
import pytest
from kedro.framework.project import pipelines

from ...conftest import ROOT, copy_project, run_kedro, run_well
from ..inference.test_runs import DATA
from .test_runs import lend_profiles, scores_of

TABLE = ("--pipelines=inference_table,monitoring_table",)


@pytest.fixture(scope="module")
def fresh(test_run):
    """Test rows, as they came in."""
    digits = pd.read_parquet(test_run / "03_primary/digits.parquet").query("split == 'test'")
    return pd.read_parquet(ROOT / "data/01_raw/digits.parquet").loc[digits.index].drop(columns="label")


@pytest.fixture(scope="module")
def watched(test_run, tmp_path_factory):
    return lend_profiles(test_run, copy_project(tmp_path_factory.mktemp("watched") / "project"))


def _bring(project, table):
    table.to_parquet(project / "data/01_raw/incoming_digits.parquet")


def test_a_table_like_those_the_model_came_from_raises_no_alarm(watched, fresh):
    _bring(watched, fresh)

    said = run_well(watched, *TABLE)

    scores = scores_of(watched, "table_drift_scores")
    assert f"No drift: {len(fresh)} rows that model {scores['model_version']} answered" in said
    assert (scores["judged"], scores["alarms"], scores["rows"]) == (True, [], len(fresh))
    assert "rows_rejected" not in scores
    assert scores_of(watched, "table_silent_drift_scores") == scores
    assert not (watched / DATA / "08_reporting/drift_scores.json").exists()


def test_a_pale_table_raises_an_alarm_and_the_oddest_rows_are_shown(watched, fresh):
    _bring(watched, fresh // 2)

    result = run_kedro("run", "--env=test", *TABLE, cwd=watched)

    assert result.returncode == 1
    assert "drift alarm (" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert "darkest_pixel" in scores_of(watched, "table_drift_scores")["alarms"]
    report = watched / DATA / "08_reporting"
    oddest = pd.read_parquet(report / "table_oddest_digits.parquet")
    assert len(json.loads((report / "table_oddest_digits_plot.json").read_text())["data"]) == len(oddest) == 24
    assert oddest.index[0] in (report / "table_drift_card.md").read_text()


def test_a_few_inverted_rows_are_answered_unsurely_and_shown(watched, fresh):
    mixed = fresh.astype(int)
    mixed[:30] = 16 - mixed[:30]
    _bring(watched, mixed)

    run_kedro("run", "--env=test", *TABLE, cwd=watched)

    answers = pd.read_parquet(watched / DATA / "07_model_output/table_predictions.parquet")
    assert answers["unsure"][:30].all()
    oddest = pd.read_parquet(watched / DATA / "08_reporting/table_oddest_digits.parquet")
    assert len(set(oddest.index) & set(mixed.index[:30])) >= 20


def test_an_inverted_table_is_refused_in_three_lines(watched, fresh):
    _bring(watched, 16 - fresh)

    result = run_kedro("run", "--env=test", "--pipelines=inference_table", cwd=watched)

    assert result.returncode == 1
    assert f"{len(fresh)} of {len(fresh)} rows are inverted; replace each pixel by 16" in result.stderr
    assert len(result.stderr.splitlines()) <= 3


@pytest.mark.parametrize(("pipeline", "namespace"), [("monitoring_table", "table"), ("monitoring_service", "service")])
def test_what_comes_in_by_another_way_is_watched_under_its_own_names(bootstrapped, pipeline, namespace):
    made = pipelines[pipeline].all_outputs()

    assert made == {f"{namespace}_{name}" for name in pipelines["monitoring"].all_outputs()}
    assert {node.name for node in pipelines[pipeline].nodes} == {
        f"{namespace}.{node.name}" for node in pipelines["monitoring"].nodes
    }
