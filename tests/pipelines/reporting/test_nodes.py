import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from penstroke.pipelines.data_science.parameters import FinalFit
from penstroke.pipelines.feature_engineering.parameters import Augmentation
from penstroke.pipelines.reporting.nodes import (
    bin_by_confidence,
    predict_test_rows,
    score_test_rows,
    state_origin,
    write_model_card,
)
from penstroke.pipelines.reporting.parameters import Elsewhere, Scoring

from ...conftest import base_parameters, table_of

RECEIPT = {"sha256": "0123abc"}
SCORING = Scoring(interval=0.95, calibration_bins=10, chunk_rows=100)
ELSEWHERE = Elsewhere.model_validate(
    {
        "command": "python measure.py",
        "origin": "0123456789ab",
        "figures": [{"digits": "Strangers' digits", "rows": 20, "accuracy": 0.85}],
    }
)
ORIGIN = {"origin": "0123456789ab", "calibration_rows": 60, "calibration_errors": 2}
SETTINGS = {
    "contender": "svm",
    "accuracy_mean": 0.99,
    "parameters": {},
    "steps": [{"class": "sklearn.svm.SVC", "arguments": {}}],
    "seed": 7,
}
LEADERBOARD = pd.DataFrame({"contender": ["svm"], "accuracy_mean": [0.99], "accuracy_sd": [0.01], "combinations": 1})


def _answers(label, probabilities):
    """Answers of a model with classes 0, 1, …, one row of probabilities each."""
    probabilities = np.array(probabilities)
    index = pd.Index([f"row-{place}" for place in range(len(label))], name="digit_id", dtype="str")
    answers = pd.DataFrame(probabilities, index, [f"probability_{name}" for name in range(probabilities.shape[1])])
    answers.insert(0, "confidence", probabilities.max(axis=1))
    answers.insert(0, "prediction", probabilities.argmax(axis=1).astype(np.int8))
    answers.insert(0, "label", np.array(label, dtype=np.int8))
    return answers


FOUR = _answers([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])


def test_only_test_rows_are_predicted():
    index = pd.Index(list("abcd"), name="digit_id", dtype="str")
    labels = pd.DataFrame({"label": np.int8([0, 0, 1, 0]), "split": ["train", "test", "train", "test"]}, index)
    features = pd.DataFrame({"x": np.float32([1, 2, 3, 4])}, index)
    model = DummyClassifier().fit(features, [0, 0, 1, 0])

    answers = predict_test_rows(model, features, labels, SCORING)

    assert list(answers.index) == ["b", "d"]
    assert list(answers.columns) == ["label", "prediction", "confidence", "probability_0", "probability_1"]
    np.testing.assert_allclose(answers["confidence"], 0.75)
    assert list(answers["prediction"]) == [0, 0]


def test_the_champion_is_asked_about_no_more_rows_at_once_than_stated():
    asked = []

    class Counting(DummyClassifier):
        def predict_proba(self, rows):
            asked.append(len(rows))
            return super().predict_proba(rows)

    index = pd.Index([f"row-{place}" for place in range(7)], name="digit_id", dtype="str")
    labels = pd.DataFrame({"label": np.int8([0, 1] * 3 + [0]), "split": "test"}, index)
    features = pd.DataFrame({"x": np.arange(7, dtype=np.float32)}, index)
    model = Counting().fit(features, labels["label"])

    answers = predict_test_rows(model, features, labels, SCORING.model_copy(update={"chunk_rows": 3}))

    assert asked == [3, 3, 1]
    assert list(answers.index) == list(index)


def test_the_scores_are_those_that_one_counts_by_hand():
    scores = score_test_rows(FOUR, RECEIPT, SCORING)

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
    scores = score_test_rows(_answers([0] * 10, [[0.9, 0.1]] * 9 + [[0.1, 0.9]]), RECEIPT, SCORING)

    assert (scores["accuracy_low"], scores["accuracy_high"]) == pytest.approx((0.596, 0.982), abs=5e-4)


def test_a_class_that_never_occurs_takes_no_part_in_the_scores():
    scores = score_test_rows(_answers([0, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), RECEIPT, SCORING)

    assert scores["accuracy"] == 1
    assert scores["macro_f1"] == 1
    assert "recall_2" not in scores


def test_a_class_that_the_model_does_not_know_has_no_recall_and_costs_dearly():
    answers = _answers([0, 1, 2, 2], [[0.8, 0.2], [0.2, 0.8], [0.9, 0.1], [0.9, 0.1]])

    scores = score_test_rows(answers, RECEIPT, SCORING)

    assert scores["recall_2"] == 0
    assert scores["log_loss"] > 10


def test_a_model_that_is_right_as_often_as_it_says_has_no_calibration_error():
    answers = _answers([0, 0, 0, 1], [[0.75, 0.25]] * 4)

    assert score_test_rows(answers, RECEIPT, SCORING)["calibration_error"] == pytest.approx(0)


def test_full_confidence_falls_in_the_last_bin():
    bins = bin_by_confidence(_answers([0, 0], [[1.0, 0.0], [0.95, 0.05]]), 10)

    assert list(bins.index) == [9]
    assert bins["rows"].sum() == 2


def test_the_model_card_says_what_was_measured():
    settings = {
        "contender": "svm",
        "parameters": {"svc__C": 5},
        "steps": [
            {"class": "sklearn.decomposition.PCA", "arguments": {}},
            {
                "class": "sklearn.multiclass.OneVsRestClassifier",
                "arguments": {"estimator": {"class": "sklearn.svm.SVC"}},
            },
        ],
    }
    leaderboard = pd.DataFrame(
        {
            "contender": ["svm", "knn"],
            "accuracy_mean": [0.99, 0.5],
            "accuracy_sd": [0.01, 0.2],
            "combinations": [9, 3],
        }
    )

    cleaning_scores, scores = {"rows_read": 10, "rows_accepted": 8}, score_test_rows(FOUR, RECEIPT, SCORING)
    card = write_model_card(settings | ORIGIN, leaderboard, cleaning_scores, scores, ELSEWHERE)

    assert "# Model card: svm" in card
    assert "`0123abc`" in card
    assert "PCA → OneVsRestClassifier (SVC)" in card
    assert "svc__C = 5" in card
    assert "10 rows were read and 2 rejected" in card
    assert "Accuracy **75.00%**, interval 30.06% to 95.44%; 1 of 4 wrong" in card
    assert "| svm | 99.00% | 1.00 | 9 |" in card
    assert "The lowest recall is that of class 1: 0.500" in card
    assert "| 0 | 0.667 | 1.000 | 0.800 |" in card
    assert "Strangers' digits: **85.00%** of 20 right" in card
    assert "`python measure.py` printed this" in card
    assert "calibrated on 60 training rows, of whose answers 2 were wrong.\n" in card


def _card(origin=ORIGIN, elsewhere=ELSEWHERE):
    cleaning_scores, scores = {"rows_read": 10, "rows_accepted": 8}, score_test_rows(FOUR, RECEIPT, SCORING)
    return write_model_card(SETTINGS | origin, LEADERBOARD, cleaning_scores, scores, elsewhere)


def test_a_card_without_figures_from_elsewhere_says_that_nobody_knows():
    card = _card(elsewhere=ELSEWHERE.model_copy(update={"figures": []}))

    assert "Not measured: how well it reads digits from another source, nobody knows." in card
    assert "origin" not in card


def test_a_card_does_not_state_figures_that_are_of_another_champion():
    card = _card(origin=ORIGIN | {"origin": "ba9876543210"})

    assert "Strangers' digits" not in card
    assert "85.00%" not in card
    assert "Not measured: how well it reads digits from another source, nobody knows." in card
    assert "`0123456789ab`; this one has origin `ba9876543210`" in card


def test_a_card_says_of_no_row_what_only_a_digit_is():
    assert "handwritten" not in _card()


def test_a_card_says_that_an_error_is_assumed_where_the_calibration_saw_none():
    assert "of whose answers 0 were wrong. One error is assumed" in _card(ORIGIN | {"calibration_errors": 0})


def test_a_card_says_so_where_the_champion_does_not_say_what_calibrated_it():
    card = _card(ORIGIN | {"calibration_rows": None, "calibration_errors": None})

    assert "The champion's file does not say what its calibration saw." in card


AUGMENTATION = Augmentation.model_validate(base_parameters("feature_engineering")["augmentation"])
FINAL_FIT = FinalFit.model_validate(base_parameters("data_science")["final_fit"])


def _origin(digits, settings=SETTINGS, augmentation=AUGMENTATION, final_fit=FINAL_FIT, **attributes):
    model = DummyClassifier()
    model.__dict__ |= {"features_": {"grid": 5}, "calibrated_on_": {"rows": 60, "errors": 2}} | attributes
    return state_origin(model, settings, digits, augmentation, final_fit)


@pytest.fixture
def digits():
    table = table_of(np.arange(40, dtype=np.uint8).reshape(10, 2, 2), labels=[0, 1] * 5)
    return table.assign(split=["train"] * 8 + ["test"] * 2)


def test_the_origin_of_a_champion_is_its_training_rows_and_its_settings(digits):
    usual = _origin(digits)

    assert usual["origin"] == _origin(digits.copy())["origin"]
    assert (usual["calibration_rows"], usual["calibration_errors"]) == (60, 2)
    others = [
        _origin(digits.assign(pixel_1_1=np.uint8(9))),
        _origin(digits.assign(label=np.int8(1))),
        _origin(digits.assign(split="train")),
        _origin(digits.iloc[1:]),
        _origin(digits, SETTINGS | {"parameters": {"svc__C": 2}}),
        _origin(digits, SETTINGS | {"seed": 8}),
        _origin(digits, augmentation=AUGMENTATION.model_copy(update={"seed": 8})),
        _origin(digits, final_fit=FINAL_FIT.model_copy(update={"folds": 4})),
        _origin(digits, features_={"grid": 6}),
    ]
    assert len({usual["origin"], *(other["origin"] for other in others)}) == 1 + len(others)


def test_rows_and_figures_that_did_not_teach_the_champion_change_no_origin(digits):
    test_row = digits.assign(pixel_0_0=np.where(digits["split"] == "test", 99, digits["pixel_0_0"]).astype(np.uint8))

    assert _origin(test_row) == _origin(digits)
    renamed = _origin(digits, SETTINGS | {"accuracy_mean": 0.5, "contender": "renamed"})
    assert renamed["origin"] == _origin(digits)["origin"]
