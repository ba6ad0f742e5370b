import json

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.domain import extract_features
from penstroke.scoring import Scoring, answer_test_rows, bin_by_confidence, score_answers

from .seam import CLASSES, FEATURES, RAW_ROWS, fit, identifiers, rows_with_split

SCORING = Scoring(interval=0.95, calibration_bins=10, chunk_rows=100)


def _answers(label, probabilities):
    """Answers of a model with classes 0, 1, …, one row of probabilities each."""
    probabilities = np.array(probabilities)
    index = identifiers(f"row-{place}" for place in range(len(label)))
    answers = pd.DataFrame(probabilities, index, [f"probability_{name}" for name in range(probabilities.shape[1])])
    answers.insert(0, "confidence", probabilities.max(axis=1))
    answers.insert(0, "prediction", probabilities.argmax(axis=1))
    answers.insert(0, "label", label)
    return answers


FOUR = _answers([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])


@pytest.fixture(scope="module")
def rows():
    """Accepted rows, every third a test row."""
    return rows_with_split(np.arange(len(RAW_ROWS)) % 3 == 0)


class Counting(KNeighborsClassifier):
    """Notes how many rows it is asked about at once."""

    asked = ()

    def predict_proba(self, rows):
        self.asked = (*self.asked, len(rows))
        return super().predict_proba(rows)


def test_only_test_rows_are_answered_by_what_the_model_sees_of_them(rows):
    model = fit(Counting(3), rows)
    test = rows[rows["split"] == "test"]

    answers = answer_test_rows(model, rows, SCORING)

    assert list(answers.index) == list(test.index)
    assert list(answers)[:4] == ["label", "prediction", "confidence", f"probability_{CLASSES[0]}"]
    pd.testing.assert_series_equal(answers["label"], test["label"])
    np.testing.assert_array_equal(answers["prediction"], model.predict(extract_features(test, FEATURES)))


def test_a_model_is_asked_about_no_more_rows_at_once_than_stated(rows):
    model = fit(Counting(3), rows)

    answer_test_rows(model, rows.tail(20), SCORING.model_copy(update={"chunk_rows": 3}))

    assert model.asked == (3, 3, 1)


def test_the_scores_are_those_that_one_counts_by_hand():
    scores = score_answers(FOUR, "0123abc", SCORING)

    assert (scores["rows"], scores["errors"], scores["accuracy"]) == (4, 1, 0.75)
    assert scores["model_sha256"] == "0123abc"
    assert scores["precision_0"] == pytest.approx(2 / 3)
    assert scores["recall_0"] == 1
    assert scores["f1_1"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.7, 0.2]).mean())
    assert scores["confidence_mean"] == pytest.approx(0.75)
    assert scores["calibration_error"] == pytest.approx((0.1 + 0.4 + 0.3 + 0.8) / 4)


def test_the_interval_is_wilsons():
    """Wilson's interval of 9 in 10 at 95 % is 0.596 to 0.982."""
    scores = score_answers(_answers([0] * 10, [[0.9, 0.1]] * 9 + [[0.1, 0.9]]), "0123abc", SCORING)

    assert (scores["accuracy_low"], scores["accuracy_high"]) == pytest.approx((0.596, 0.982), abs=5e-4)


def test_a_class_that_never_occurs_takes_no_part_in_the_scores():
    scores = score_answers(_answers([0, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), "0123abc", SCORING)

    assert scores["accuracy"] == 1
    assert scores["macro_f1"] == 1
    assert "recall_2" not in scores


def test_a_class_that_the_model_does_not_know_has_no_recall_and_costs_dearly():
    answers = _answers([0, 1, 2, 2], [[0.8, 0.2], [0.2, 0.8], [0.9, 0.1], [0.9, 0.1]])

    scores = score_answers(answers, "0123abc", SCORING)

    assert scores["recall_2"] == 0
    assert scores["log_loss"] > 10


def test_a_model_that_is_right_as_often_as_it_says_has_no_calibration_error():
    answers = _answers([0, 0, 0, 1], [[0.75, 0.25]] * 4)

    assert score_answers(answers, "0123abc", SCORING)["calibration_error"] == pytest.approx(0)


def test_full_confidence_falls_in_the_last_bin():
    bins = bin_by_confidence(_answers([0, 0], [[1.0, 0.0], [0.95, 0.05]]), 10)

    assert list(bins.index) == [9]
    assert bins["rows"].sum() == 2


@pytest.mark.parametrize("names", [["a/b", "no"], ["007", "7"], [-1, 300], ["accuracy", "macro avg"]])
def test_the_figures_of_a_class_bear_its_name_whatever_it_is(names):
    of_numbers = score_answers(FOUR, "0123abc", SCORING)
    named = FOUR.rename(columns={f"probability_{place}": f"probability_{name}" for place, name in enumerate(names)})
    for column in ("label", "prediction"):
        named[column] = [names[place] for place in FOUR[column]]

    scores = score_answers(named, "0123abc", SCORING)

    renamed = {
        key.replace("_0", f"_{names[0]}").replace("_1", f"_{names[1]}") if key[-2:] in ("_0", "_1") else key: value
        for key, value in of_numbers.items()
    }
    assert scores == renamed
    json.dumps(scores, allow_nan=False)
