from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from kedro_datasets.pandas import ParquetDataset
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from kedro_guards.parameters import Parameters
from penstroke.contracts import REFERENCE_PROFILES, TEST_PREDICTIONS
from penstroke.domain import INTENDED_USE, ROW_ID, ROWS, Form, describe
from penstroke.pipelines.data_science.parameters import FinalFit
from penstroke.pipelines.reporting.nodes import (
    predict_test_rows,
    profile_rows,
    score_test_rows,
    state_origin,
    write_model_card,
)
from penstroke.pipelines.reporting.parameters import Elsewhere, Profile
from penstroke.scoring import Scoring, answer_test_rows, score_answers

from ...conftest import base_parameters
from ...seam import FEATURES, FORM, RAW_ROWS, fit, rows_with_split

PROBABILITIES = ["probability_a_b", "probability_c d"]
RECEIPT = {"sha256": "0123abc"}
SCORING = Scoring(interval=0.95, calibration_bins=10, chunk_rows=100)
ELSEWHERE = Elsewhere.model_validate(
    {
        "command": "python measure.py",
        "origin": "0123456789ab",
        "figures": [{"of": "Strangers' rows", "rows": 20, "accuracy": 0.85}],
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
    index = pd.Index([f"row-{place}" for place in range(len(label))], name=ROW_ID, dtype="str")
    answers = pd.DataFrame(probabilities, index, [f"probability_{name}" for name in range(probabilities.shape[1])])
    answers.insert(0, "confidence", probabilities.max(axis=1))
    answers.insert(0, "prediction", probabilities.argmax(axis=1))
    answers.insert(0, "label", label)
    return answers


FOUR = _answers([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])


def test_the_test_rows_are_answered_and_scored_as_everywhere():
    rows = rows_with_split(np.arange(len(RAW_ROWS)) % 3 == 0)
    model = fit(KNeighborsClassifier(3), rows)

    answers = predict_test_rows(model, rows, SCORING)

    TEST_PREDICTIONS.validate(answers)
    pd.testing.assert_frame_equal(answers, answer_test_rows(model, rows, SCORING))
    assert score_test_rows(answers, RECEIPT, SCORING) == score_answers(answers, "0123abc", SCORING)


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
    assert "Strangers' rows: **85.00%** of 20 right" in card
    assert "`python measure.py` printed this" in card
    assert "calibrated on 60 training rows; 2 of these predictions were wrong.\n" in card


def card_of(origin=ORIGIN, elsewhere=ELSEWHERE, scores=None):
    cleaning_scores, scores = {"rows_read": 10, "rows_accepted": 8}, scores or score_test_rows(FOUR, RECEIPT, SCORING)
    return write_model_card(SETTINGS | origin, LEADERBOARD, cleaning_scores, scores, elsewhere)


def test_a_card_without_figures_from_elsewhere_says_that_nobody_knows():
    card = card_of(elsewhere=ELSEWHERE.model_copy(update={"figures": []}))

    assert f"Not measured: the accuracy on {ROWS} of another source is unknown." in card
    assert "origin" not in card


def test_a_card_does_not_state_figures_that_are_of_another_champion():
    card = card_of(origin=ORIGIN | {"origin": "ba9876543210"})

    assert "Strangers' rows" not in card
    assert "85.00%" not in card
    assert f"Not measured: the accuracy on {ROWS} of another source is unknown." in card
    assert "`0123456789ab`; this one has origin `ba9876543210`" in card


def test_a_card_says_of_no_row_what_only_the_domain_knows(monkeypatch):
    monkeypatch.setattr("penstroke.pipelines.reporting.nodes.INTENDED_USE", "Wines of one valley.")
    monkeypatch.setattr("penstroke.pipelines.reporting.nodes.ROWS", "wines")

    card = card_of(origin=ORIGIN | {"origin": "ba9876543210"}, elsewhere=ELSEWHERE.model_copy(update={"figures": []}))

    assert "Wines of one valley. Use it for rows like" in card
    assert "`rejected_wines`" in card
    assert INTENDED_USE not in card
    assert f"`rejected_{ROWS}`" not in card


def test_a_card_states_the_figures_of_classes_of_text():
    label = FOUR["label"].map(["a_b", "c d"].__getitem__)
    prediction = FOUR["prediction"].map(["a_b", "c d"].__getitem__)
    answers = FOUR.assign(label=label, prediction=prediction).set_axis([*list(FOUR)[:3], *PROBABILITIES], axis=1)

    card = card_of(scores=score_test_rows(answers, RECEIPT, SCORING))

    assert "| a_b | 0.667 | 1.000 | 0.800 |" in card
    assert "The lowest recall is that of class c d: 0.500" in card
    assert "one of its 2 classes" in card


def test_a_class_with_a_line_break_and_a_bar_keeps_its_row_of_the_card():
    label = FOUR["label"].map(["a|b", "c\nd"].__getitem__)
    answers = FOUR.assign(label=label, prediction=label).set_axis(
        [*list(FOUR)[:3], "probability_a|b", "probability_c\nd"], axis=1
    )

    card = card_of(scores=score_test_rows(answers, RECEIPT, SCORING))

    assert r"| a\|b | 1.000 | 1.000 | 1.000 |" in card
    assert "| c d | 1.000 | 1.000 | 1.000 |" in card


def test_a_card_says_that_an_error_is_assumed_where_the_calibration_saw_none():
    assert "0 of these predictions were wrong. The calibration assumes one error" in card_of(
        ORIGIN | {"calibration_errors": 0}
    )


def test_a_card_says_so_where_the_champion_does_not_say_what_calibrated_it():
    card = card_of(ORIGIN | {"calibration_rows": None, "calibration_errors": None})

    assert "The champion's file does not say which rows it was calibrated on." in card


class Augmentation(Parameters):
    """How copies are made, in a domain that makes them."""

    copies: int
    seed: int


AUGMENTATION = Augmentation(copies=3, seed=7)
FINAL_FIT = FinalFit.model_validate(base_parameters("data_science")["final_fit"])


def _origin(rows, settings=SETTINGS, augmentation=AUGMENTATION, final_fit=FINAL_FIT, **attributes):
    model = DummyClassifier()
    model.__dict__ |= {"features_": {"grid": 5}, "calibrated_on_": {"rows": 60, "errors": 2}} | attributes
    return state_origin(model, settings, rows, final_fit, augmentation)


@pytest.fixture
def rows():
    """Ten rows of two classes, the last two of them test rows."""
    return rows_with_split(np.arange(10) >= 8, RAW_ROWS.head(10)).assign(label=[0, 1] * 5)


def _exchanged(rows, one, other):
    """The same rows, of which two have each other's values."""
    changed = rows.copy()
    changed.iloc[[one, other], 2:] = rows.iloc[[other, one], 2:].to_numpy()
    return changed


def test_the_origin_of_a_champion_is_its_training_rows_and_its_settings(rows):
    usual = _origin(rows)

    assert usual["origin"] == _origin(rows.copy())["origin"]
    assert (usual["calibration_rows"], usual["calibration_errors"]) == (60, 2)
    others = [
        _origin(_exchanged(rows, 0, 1)),
        _origin(rows.assign(label=1)),
        _origin(rows.assign(split="train")),
        _origin(rows.iloc[1:]),
        _origin(rows, SETTINGS | {"parameters": {"svc__C": 2}}),
        _origin(rows, SETTINGS | {"seed": 8}),
        _origin(rows, augmentation=AUGMENTATION.model_copy(update={"seed": 8})),
        _origin(rows, final_fit=FINAL_FIT.model_copy(update={"folds": 4})),
        _origin(rows, features_={"grid": 6}),
    ]
    assert len({usual["origin"], *(other["origin"] for other in others)}) == 1 + len(others)


def test_rows_and_figures_that_did_not_teach_the_champion_change_no_origin(rows):
    test_rows = _exchanged(rows, 8, 9)

    assert not test_rows.equals(rows)
    assert _origin(test_rows) == _origin(rows)
    renamed = _origin(rows, SETTINGS | {"accuracy_mean": 0.5, "contender": "renamed"})
    assert renamed["origin"] == _origin(rows)["origin"]


OF_CHAMPION = {"sha256": "0123456789abcdef"}
CHAMPION = SimpleNamespace(form_=FORM.model_dump(), features_=FEATURES.model_dump(), classes_=np.array([3, 5]))


@pytest.fixture
def known():
    """20 rows, the last six of them test rows."""
    return rows_with_split(np.arange(20) >= 14, RAW_ROWS.head(20))


@pytest.fixture
def answers(known):
    test = known[known["split"] == "test"]
    answered = pd.DataFrame({"label": 3, "prediction": 3, "confidence": 0.9}, test.index)
    answered.iloc[0, 1] = 5
    return answered


def test_a_profile_is_called_by_the_version_of_its_champion(known, answers):
    assert list(profile_rows(known, answers, CHAMPION, OF_CHAMPION, Profile(rows=100, seed=1))) == ["0123456789ab"]


def test_a_profile_knows_answers_of_test_rows_alone(known, answers):
    (profile,) = profile_rows(known, answers, CHAMPION, OF_CHAMPION, Profile(rows=100, seed=1)).values()

    assert set(profile.index) == set(known.index)
    assert profile["confidence"].notna().sum() == profile["right"].notna().sum() == 6
    assert profile.loc[answers.index, "right"].sum() == 5
    assert profile.loc[answers.index[0], "prediction"] == 5


def test_test_rows_come_first_where_there_are_too_many(known, answers):
    few = Profile(rows=100, seed=1).model_copy(update={"rows": 8})
    (profile,) = profile_rows(known, answers, CHAMPION, OF_CHAMPION, few).values()

    assert len(profile) == 8
    assert set(answers.index) < set(profile.index)
    pd.testing.assert_frame_equal(profile, profile_rows(known, answers, CHAMPION, OF_CHAMPION, few)["0123456789ab"])


def test_a_profile_keeps_its_contract_and_says_what_the_domain_says_of_rows(known, answers):
    (profile,) = REFERENCE_PROFILES.validate(
        profile_rows(known, answers, CHAMPION, OF_CHAMPION, Profile(rows=100, seed=1))
    ).values()

    seen = describe(known)
    pd.testing.assert_frame_equal(profile[list(seen)], seen.loc[profile.index])
    assert profile["prediction"].dtype == "Int64"


def test_a_profile_says_the_form_and_the_classes_of_its_champion_once_it_is_stored(known, answers, tmp_path):
    (profile,) = profile_rows(known, answers, CHAMPION, OF_CHAMPION, Profile(rows=100, seed=1)).values()

    dataset = ParquetDataset(filepath=(tmp_path / "profile.parquet").as_posix())
    dataset.save(REFERENCE_PROFILES.validate({"": profile})[""])
    kept = REFERENCE_PROFILES.validate({"": dataset.load})[""]().attrs

    assert Form.model_validate(kept["form"]) == FORM
    assert kept["classes"] == [3, 5]


def test_a_profile_of_classes_of_text_keeps_its_contract(known, answers):
    named = answers.assign(label="a/b", prediction="a/b")

    (profile,) = REFERENCE_PROFILES.validate(
        profile_rows(known, named, CHAMPION, OF_CHAMPION, Profile(rows=100, seed=1))
    ).values()

    assert set(profile["prediction"].dropna()) == {"a/b"}
    assert profile["prediction"].isna().sum() == 14
    assert profile["right"].sum() == 6
