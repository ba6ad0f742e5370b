"""Whole runs on tables of digits, of any length."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from penstroke.answers import answer_rows
from penstroke.models import Answers

from ...conftest import ROOT, copy_project, run_kedro, run_well
from .test_runs import DATA, lend_model, run_measured


@pytest.fixture
def lent(test_run, project):
    return lend_model(test_run, project)


def _incoming(rows):
    """Repeat the shipped digits, without labels, under names of their own."""
    digits = pd.read_parquet(ROOT / "data/01_raw/digits.parquet").drop(columns="label")
    table = digits.iloc[np.arange(rows) % len(digits)]
    return table.set_axis(pd.Index([f"row-{row}" for row in range(rows)], name="digit_id", dtype="str"))


def _answers(project):
    return pd.read_parquet(project / DATA / "07_model_output/table_predictions.parquet")


@pytest.mark.slow
def test_a_table_of_any_length_is_answered_in_the_same_memory(lent):
    place = lent / "data/01_raw/incoming_digits.parquet"
    peaks = []
    for rows in (10_000, 40_000):  # two whole chunks, and eight
        _incoming(rows).to_parquet(place)
        peaks.append(run_measured(lent, "--pipelines=inference_table")[1])
        assert len(_answers(lent)) == rows

    assert peaks[1] - peaks[0] < 30


@pytest.mark.slow
def test_two_processes_give_the_same_bytes_as_one(lent):
    _incoming(12_000).to_parquet(lent / "data/01_raw/incoming_digits.parquet")
    place, found = lent / "conf/test/globals.yml", []
    before = place.read_text()
    for processes in (1, 2):
        place.write_text(f"{before}\nprocesses: {processes}\n")
        run_well(lent, "--pipelines=inference_table")
        found.append(sha256((lent / DATA / "07_model_output/table_predictions.parquet").read_bytes()).hexdigest())

    assert found[0] == found[1]
    assert run_well(lent, "--pipelines=inference_table", "--changed").splitlines()[-1] == "nothing has changed"


def test_the_answers_are_those_that_the_rows_have_alone_also_from_a_folder(lent):
    table = _incoming(300)
    folder = lent / "data/01_raw/incoming_digits.parquet"
    folder.mkdir()
    table[:100].to_parquet(folder / "1.parquet")
    table[100:].reset_index().to_parquet(folder / "2.parquet")  # the identifier may be a column as well

    run_well(lent, "--pipelines=inference_table")

    with (lent / DATA / "06_models/production_model.skops").open("rb") as file:
        model = model_files.load(file)
    chosen = Answers(sure_from=0.9, chunk_rows=77)
    with threadpool_limits(1):  # as in a run; sums of two threads round differently
        expected = answer_rows(table, model, chosen)
    answers = _answers(lent)
    pd.testing.assert_frame_equal(answers[expected.columns], expected)
    assert set(answers.columns) - set(expected.columns) == {"model_version", "model_receipt"}


@pytest.fixture(scope="module")
def answered(test_run, tmp_path_factory):
    """A copy of the project that has answered a table, and the answers; they are only to be read."""
    project = lend_model(test_run, copy_project(tmp_path_factory.mktemp("answered") / "project"))
    _incoming(50).to_parquet(project / "data/01_raw/incoming_digits.parquet")
    run_well(project, "--pipelines=inference_table")
    return project, _answers(project)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table.drop(columns="pixel_3_3"), "dataset incoming_digits: 1 of 64 pixels"),
        (
            lambda table: table + 0.5,
            "dataset incoming_digits: pixel_0_0 must be whole numbers, found float64 0.5 in row row-0",
        ),
        (lambda table: table.set_axis(["a"] * len(table)), "dataset incoming_digits"),
        (lambda table: table * 2, "the model takes pixels from 0 (paper) to 16 (ink), but the darkest found is 32"),
    ],
    ids=["a pixel is missing", "no whole numbers", "names twice", "another scale"],
)
def test_a_table_that_breaks_its_contract_is_refused_and_the_former_answers_stay(answered, spoil, message):
    project, former = answered
    spoil(_incoming(50)).to_parquet(project / "data/01_raw/incoming_digits.parquet")

    result = run_kedro("run", "--env=test", "--pipelines=inference_table", cwd=project)

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    pd.testing.assert_frame_equal(_answers(project), former)
