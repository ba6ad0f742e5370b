"""Predictions of digits: other sizes, other scales, models of earlier versions."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import answer_rows
from penstroke.domain.layout import pixel_columns
from penstroke.domain.pixels import to_images, to_table
from penstroke.models import Answers, trained_on
from penstroke.scoring import Scoring, answer_test_rows

from ..seam import FEATURES, FORM, RAW_ROWS, fit, rows_with_split

ANSWERS = Answers(sure_from=0.9, chunk_rows=7)
SCORING = Scoring(interval=0.95, calibration_bins=10, chunk_rows=100)


@pytest.fixture(scope="module")
def reader():
    """A model of digits that says how it sees them."""
    return fit(KNeighborsClassifier(5), rows_with_split(False))


def test_rows_of_another_size_are_refused_whichever_is_larger(reader):
    small, large = (to_table(to_images(RAW_ROWS).repeat(3, 1).repeat(3, 2)[:, :side, :side]) for side in (7, 24))

    for rows, found in ((small, "7 x 7 pixels"), (large, "24 x 24 pixels")):
        with pytest.raises(ValueError, match=rf"takes rows of 8 x 8 pixels \(pixel_0_0 to pixel_7_7\), found {found}"):
            answer_rows(rows, reader, ANSWERS)


def test_a_row_that_would_not_be_accepted_is_unsure_whatever_the_model_says(reader):
    rows = RAW_ROWS[pixel_columns(RAW_ROWS)].head(4).copy()
    rows.iloc[1], rows.iloc[2] = 0, 16 - rows.iloc[2].astype(int)
    certain = ANSWERS.model_copy(update={"sure_from": 0.0})

    answered = answer_rows(rows, reader, certain)

    assert answered["unsure"].tolist() == [False, True, True, False]


def test_a_table_of_another_scale_is_refused(reader):
    pixels = pixel_columns(RAW_ROWS)

    for factor, found in ((2, 32), (255 / 16, 255), (1 / 4, 4), (1 / 16, 1), (-1, -16)):
        other = (RAW_ROWS[pixels].astype(float) * factor).round().astype(np.int16)
        with pytest.raises(
            ValueError, match=rf"takes pixels from 0 \(paper\) to 16 \(ink\), .*found (is )?{found}[; ]"
        ):
            answer_rows(other, reader, ANSWERS)


def test_a_model_of_before_answers_as_it_did(reader):
    """Its form says its classes, and not how dark the paper of its training rows was."""
    before = deepcopy(reader)
    before.form_ = FORM.model_dump(exclude={"paper"}) | {"classes": list(range(10))}

    pd.testing.assert_frame_equal(answer_rows(RAW_ROWS, before, ANSWERS), answer_rows(RAW_ROWS, reader, ANSWERS))


def test_the_rows_that_taught_a_model_are_read_from_files_of_before_too(reader):
    for name in ("row_ids_", "digit_ids_"):
        model = deepcopy(reader)
        del model.row_ids_
        setattr(model, name, np.array(["a", "b"]))
        assert list(trained_on(model)) == ["a", "b"]


def test_a_model_of_other_features_than_todays_is_asked_by_its_own():
    rows = rows_with_split(np.arange(len(RAW_ROWS)) % 3 == 0)
    model = fit(KNeighborsClassifier(3), rows, FEATURES.model_copy(update={"grid": 3}))

    assert len(answer_test_rows(model, rows, SCORING)) == 67
