"""Whole runs on tables of digits of another scale."""

import pandas as pd
import pytest

from ....conftest import DATA, copy_project, run_kedro, run_well
from ....pipelines.conftest import bring, lend_model
from ....seam import ALL_ROWS

DIGITS = ALL_ROWS.drop(columns="label").head(50)


@pytest.fixture(scope="module")
def answered(test_run, tmp_path_factory):
    """A copy of the project that has answered a table."""
    project = lend_model(test_run, copy_project(tmp_path_factory.mktemp("answered") / "project"))
    bring(project, DIGITS)
    run_well(project, "--pipelines=inference_table")
    return project


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            DIGITS + 0.5,
            f"dataset incoming_digits: pixel_0_0 must be whole numbers, found float64 0.5 in row {DIGITS.index[0]}",
        ),
        (DIGITS * 2, "the model takes pixels from 0 (paper) to 16 (ink), but the darkest found is 32"),
        (16 - DIGITS, "50 of 50 rows are inverted; replace each pixel by 16"),
    ],
    ids=["no whole numbers", "another scale", "inverted"],
)
def test_a_table_on_another_scale_is_refused_and_the_former_answers_stay(answered, table, message):
    answers = answered / DATA / "07_model_output/table_predictions.parquet"
    former = pd.read_parquet(answers)
    bring(answered, table)

    result = run_kedro("run", "--env=test", "--pipelines=inference_table", cwd=answered)

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    pd.testing.assert_frame_equal(pd.read_parquet(answers), former)
