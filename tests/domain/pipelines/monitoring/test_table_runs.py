"""Whole runs on a table of inverted digits."""

import json

import pandas as pd
import pytest
from kedro.framework.project import pipelines

from ....conftest import DATA, copy_project, run_kedro
from ....pipelines import conftest as shared

bring, came_in = shared.bring, shared.came_in
TABLE = ("--pipelines=inference_table,monitoring_table",)


@pytest.fixture(scope="module")
def watched(test_run, tmp_path_factory):
    return shared.lend_profiles(test_run, copy_project(tmp_path_factory.mktemp("watched") / "project"))


@pytest.fixture(scope="module")
def fresh(came_in):
    return came_in.drop(columns="label")


def test_a_few_inverted_rows_are_answered_unsurely_and_shown(watched, fresh):
    mixed = fresh.astype(int)
    mixed[:30] = 16 - mixed[:30]
    bring(watched, mixed)

    run_kedro("run", "--env=test", *TABLE, cwd=watched)

    answers = pd.read_parquet(watched / DATA / "07_model_output/table_predictions.parquet")
    assert answers["unsure"][:30].all()
    report = watched / DATA / "08_reporting"
    oddest = pd.read_parquet(report / "table_oddest_digits.parquet")
    assert len(json.loads((report / "table_oddest_digits_plot.json").read_text())["data"]) == len(oddest) == 24
    assert len(set(oddest.index) & set(mixed.index[:30])) >= 20


@pytest.mark.parametrize(("pipeline", "namespace"), [("monitoring_table", "table"), ("monitoring_service", "service")])
def test_what_comes_in_by_another_way_is_watched_as_drawings_are(bootstrapped, pipeline, namespace):
    made = pipelines[pipeline].all_outputs()

    assert made == {f"{namespace}_{name}" for name in pipelines["monitoring"].all_outputs()}
    assert {node.name for node in pipelines[pipeline].nodes} == {
        f"{namespace}.{node.name}" for node in pipelines["monitoring"].nodes
    }
