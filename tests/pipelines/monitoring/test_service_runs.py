"""Whole runs on what the service was asked and answered."""

import hashlib
import json

import pandas as pd
import pytest
from kedro.framework.project import pipelines

from kedro_guards import model_files
from penstroke.answers import answer_rows
from penstroke.domain import ROWS
from penstroke.models import Answers, version_of

from ...conftest import DATA, run_kedro, run_well
from ..conftest import lend_profiles, scores_of
from .conftest import DESCRIBED, of_one_class


@pytest.fixture
def serve(test_run, project):
    """Ask the model about rows as the service does, and keep both, in a file for each hundred."""
    lend_profiles(test_run, project)
    place = project / DATA / "06_models/production_model.skops"
    with place.open("rb") as file:
        model = model_files.load(file)

    receipt = hashlib.sha256(place.read_bytes()).hexdigest()
    version = version_of(receipt)

    def serve(rows):
        answers = answer_rows(rows, model, Answers(sure_from=0.9, chunk_rows=500))
        answers = answers.assign(model_version=version, model_receipt=receipt)
        for name, table in ((f"served_{ROWS}", rows), ("served_predictions", answers)):
            folder = project / DATA / "07_model_output" / name
            folder.mkdir(parents=True)
            for start in range(0, len(table), 100):
                table[start : start + 100].to_parquet(folder / f"{start}.parquet")
        return project

    return serve


@pytest.fixture(scope="module")
def fresh(came_in):
    return came_in.drop(columns="label")


@pytest.mark.slow
def test_rows_as_the_model_knows_them_raise_no_alarm_and_nothing_is_done_twice(serve, fresh):
    project = serve(fresh)

    said = run_well(project, "--pipelines=monitoring_service")

    assert f"No drift: {len(fresh)} rows that model" in said
    assert scores_of(project, "service_drift_scores")["alarms"] == []
    assert scores_of(project, "service_silent_drift_scores")["judged"]
    assert not (project / DATA / "08_reporting/drift_scores.json").exists()
    assert "nothing has changed" in run_well(project, "--changed", "--pipelines=monitoring_service")


@pytest.mark.slow
def test_rows_of_another_source_raise_an_alarm(serve, came_in, drift, bootstrapped):
    project = serve(of_one_class(came_in).drop(columns="label"))

    result = run_kedro("run", "--env=test", "--pipelines=monitoring_service", cwd=project)

    assert result.returncode == 1
    assert "drift alarm (" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert set(scores_of(project, "service_drift_scores")["alarms"]) & set(DESCRIBED)
    report = project / DATA / "08_reporting"
    oddest = pd.read_parquet(report / f"service_oddest_{ROWS}.parquet")
    assert len(oddest) == drift.shown
    plots = {name for name in pipelines["monitoring_service"].all_outputs() if name.endswith("_plot")}
    assert plots
    assert all(json.loads((report / f"{name}.json").read_text())["data"] for name in plots)
    assert oddest.index[0] in (report / "service_drift_card.md").read_text()


def test_a_service_that_was_not_asked_is_said(serve, fresh):
    result = run_kedro("run", "--env=test", "--pipelines=monitoring_service", cwd=serve(fresh.head(0)))

    assert result.returncode == 1
    assert f"served_{ROWS} is a folder without a file" in result.stderr
