"""Whole runs on a table of rows and its answers."""

import pandas as pd
import pytest
from kedro.framework.project import pipelines

from penstroke.domain import ROWS

from ...conftest import DATA, copy_project, run_kedro, run_well
from ..conftest import bring, lend_profiles, scores_of
from .conftest import DESCRIBED, of_one_class

TABLE = ("--pipelines=inference_table,monitoring_table",)


@pytest.fixture(scope="module")
def watched(test_run, tmp_path_factory):
    return lend_profiles(test_run, copy_project(tmp_path_factory.mktemp("watched") / "project"))


def test_a_table_like_those_the_model_came_from_raises_no_alarm(watched, came_in):
    bring(watched, came_in.drop(columns="label"))

    said = run_well(watched, *TABLE)

    scores = scores_of(watched, "table_drift_scores")
    assert f"No drift: {len(came_in)} rows that model {scores['model_version']} answered" in said
    assert (scores["judged"], scores["alarms"], scores["rows"]) == (True, [], len(came_in))
    assert "rows_rejected" not in scores
    assert scores_of(watched, "table_silent_drift_scores") == scores
    assert not (watched / DATA / "08_reporting/drift_scores.json").exists()


@pytest.mark.slow
def test_a_table_of_another_source_raises_an_alarm_and_the_oddest_rows_are_shown(watched, came_in, drift):
    bring(watched, of_one_class(came_in).drop(columns="label"))

    result = run_kedro("run", "--env=test", *TABLE, cwd=watched)

    assert result.returncode == 1
    assert "drift alarm (" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert set(scores_of(watched, "table_drift_scores")["alarms"]) & set(DESCRIBED)
    report = watched / DATA / "08_reporting"
    oddest = pd.read_parquet(report / f"table_oddest_{ROWS}.parquet")
    assert len(oddest) == drift.shown
    assert oddest.index[0] in (report / "table_drift_card.md").read_text()


def test_what_comes_in_by_another_way_is_watched_under_its_own_names(bootstrapped):
    of_table, of_service = (
        {name.partition(f"{way}_")[2] for name in pipelines[f"monitoring_{way}"].all_outputs()}
        for way in ("table", "service")
    )

    assert {"drift_scores", "drift_card", "silent_drift_scores"} < of_table == of_service
    for way in ("table", "service"):
        assert {node.namespace for node in pipelines[f"monitoring_{way}"].nodes} == {way}
