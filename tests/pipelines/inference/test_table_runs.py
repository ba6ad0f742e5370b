"""Whole runs on tables of rows, of any length."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from penstroke.answers import answer_rows
from penstroke.domain import ROWS
from penstroke.models import Answers

from ...conftest import DATA, copy_project, run_kedro, run_well
from ...seam import ALL_ROWS, FORM, identifiers
from ..conftest import bring, lend_model, run_measured

PREDICTIONS = "07_model_output/table_predictions.parquet"
START = "    accepted, reasons = accept(rows, view.form)\n"  # of the work on one table
DIES = """\
    if "row-6000" in rows.index:
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def lent(test_run, project):
    return lend_model(test_run, project)


def _incoming(rows):
    """Repeat the raw rows, without labels, under names of their own."""
    table = ALL_ROWS.drop(columns="label").iloc[np.arange(rows) % len(ALL_ROWS)]
    return table.set_axis(identifiers(f"row-{row}" for row in range(rows)))


def _answers(project):
    return pd.read_parquet(project / DATA / PREDICTIONS)


@pytest.mark.slow
def test_a_table_of_any_length_is_answered_in_the_same_memory(lent):
    peaks = []
    for rows in (10_000, 40_000):  # two whole chunks, and eight
        bring(lent, _incoming(rows))
        peaks.append(run_measured(lent, "--pipelines=inference_table")[1])
        assert len(_answers(lent)) == rows

    assert peaks[1] - peaks[0] < 30


@pytest.mark.slow
def test_two_processes_give_the_same_bytes_as_one_and_the_loss_of_one_leaves_them(lent):
    bring(lent, _incoming(12_000))
    place, found = lent / "conf/test/globals.yml", []
    before = place.read_text()
    for processes in (1, 2):
        place.write_text(f"{before}\nprocesses: {processes}\n")
        run_well(lent, "--pipelines=inference_table")
        found.append(sha256((lent / DATA / PREDICTIONS).read_bytes()).hexdigest())

    assert found[0] == found[1]
    assert run_well(lent, "--pipelines=inference_table", "--changed").splitlines()[-1] == "nothing has changed"

    # one of them is killed
    code = lent / "src/penstroke/answers.py"
    good = code.read_text()
    code.write_text(good.replace(START, DIES + START))
    ended = run_kedro("run", "--env=test", "--pipelines=inference_table", cwd=lent)
    assert ended.returncode == 1
    assert "a worker process was killed" in ended.stderr.splitlines()[0]
    assert len(ended.stderr.splitlines()) <= 3
    assert sha256((lent / DATA / PREDICTIONS).read_bytes()).hexdigest() == found[0]


def test_the_answers_are_those_that_the_rows_have_alone_also_from_a_folder(lent):
    table = _incoming(300)
    folder = lent / f"data/01_raw/incoming_{ROWS}.parquet"
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
    bring(project, _incoming(50))
    run_well(project, "--pipelines=inference_table")
    return project, _answers(project)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table.drop(columns=FORM.columns[1]), FORM.columns[1]),
        (lambda table: table.set_axis(["a"] * len(table)), f"dataset incoming_{ROWS}"),
    ],
    ids=["a column is missing", "names twice"],
)
def test_a_table_that_breaks_its_contract_is_refused_and_the_former_answers_stay(answered, spoil, message):
    project, former = answered
    bring(project, spoil(_incoming(50)))

    result = run_kedro("run", "--env=test", "--pipelines=inference_table", cwd=project)

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    pd.testing.assert_frame_equal(_answers(project), former)
