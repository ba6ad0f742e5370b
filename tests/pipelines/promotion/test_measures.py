from copy import deepcopy
from hashlib import sha256
from io import BytesIO
from time import thread_time
from timeit import repeat

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kedro_guards import model_files
from kedro_guards.model_files import UnreadableModel
from penstroke.domain import Perturbations, accept, extract_features
from penstroke.domain.layout import pixel_names
from penstroke.domain.pixels import to_images, to_table
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier
from penstroke.pipelines.promotion import measures
from penstroke.pipelines.promotion.measures import (
    compare_models,
    fingerprint,
    measure_costs,
    score_champion,
    stress_champion,
)
from penstroke.pipelines.reporting.nodes import predict_test_rows, score_test_rows
from penstroke.scoring import Scoring

from ...conftest import FORM, base_parameters

SCORING = Scoring.model_validate(base_parameters("reporting")["scoring"])
PERTURBATIONS = Perturbations.model_validate(base_parameters("domain")["perturbations"])


@pytest.fixture(scope="module")
def digits(raw_digits):
    """200 digits, the last 80 of them test rows."""
    accepted, _ = accept(raw_digits, FORM)
    accepted.insert(0, "label", raw_digits["label"].astype("int64"))
    accepted.insert(1, "split", np.where(np.arange(len(accepted)) < 120, "train", "test"))
    return accepted


@pytest.fixture(scope="module")
def champion(digits, features_of_base):
    return _fitted(digits, features_of_base)


def _fitted(digits, features):
    training = digits[digits["split"] == "train"]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        extract_features(training, features), training["label"]
    )
    model.row_ids_ = training.index.to_numpy(str)
    model.features_, model.form_ = features.model_dump(), FORM.model_dump()
    return model


class Answers:
    """A model that answers each digit as it was told, and learned these rows."""

    classes_ = np.arange(10)
    features_ = base_parameters("domain")["features"]
    form_ = FORM.model_dump()

    def __init__(self, prediction, learned=()):
        self.prediction = prediction
        self.row_ids_ = np.array(learned, dtype=str)

    def predict_proba(self, rows):
        return 0.9 * np.eye(10)[self.prediction[rows.index]] + 0.01


@pytest.fixture
def no_files(monkeypatch):
    monkeypatch.setattr(measures, "fingerprint", lambda model: f"the {type(model).__name__}")


def _wrong_about(digits, count):
    """The right answers, but for the first test rows."""
    answers = digits["label"].copy()
    first = answers.index[digits["split"] == "test"][:count]
    answers[first] = (answers[first] + 1) % 10
    return answers


def test_the_scores_are_those_that_the_report_gives(digits, champion):
    reported = score_test_rows(predict_test_rows(champion, digits, SCORING), {"sha256": fingerprint(champion)}, SCORING)

    scores = score_champion(champion, digits, SCORING)

    assert {name: scores[name] for name in reported} == reported
    assert scores["model_sha256"] == fingerprint(champion)
    assert scores["test_rows_learned"] == 0


def test_a_class_without_test_rows_has_no_recall(digits, champion):
    known = digits[(digits["label"] != 3) | (digits["split"] == "train")]

    scores = score_champion(champion, known, SCORING)

    assert scores["recall_3"] is None
    assert scores["recall_4"] > 0


def test_a_class_that_the_champion_does_not_know_has_a_recall_of_none(digits, features_of_base):
    ignorant = _fitted(digits[digits["label"] != 3], features_of_base)

    scores = score_champion(ignorant, digits, SCORING)

    assert scores["recall_3"] == 0
    assert scores["log_loss"] > 3


def test_test_rows_that_taught_the_champion_are_counted(digits, no_files):
    test = digits.index[digits["split"] == "test"]
    champion = Answers(digits["label"], learned=[*test[:3], "elsewhere"])

    assert score_champion(champion, digits, SCORING)["test_rows_learned"] == 3


def test_a_champion_that_does_not_say_what_taught_it_leaves_that_unknown(digits, no_files):
    champion = Answers(digits["label"])
    del champion.row_ids_

    assert score_champion(champion, digits, SCORING)["test_rows_learned"] is None


def test_perturbations_that_change_nothing_cost_nothing(digits, champion):
    none = {"shift": 0.0, "rotation_degrees": 0.0, "noise": 0.0, "thickening": 0.0, "contrast": 0.0}

    scores = stress_champion(champion, digits, SCORING, PERTURBATIONS.model_copy(update=none))

    clean = score_champion(champion, digits, SCORING)
    assert {value for name, value in scores.items() if name.startswith("accuracy")} == {clean["accuracy"]}
    assert scores["log_loss"] == pytest.approx(clean["log_loss"])
    assert scores["rows"] == 80


@pytest.mark.parametrize(
    "change",
    [{"shift": 0.4}, {"rotation_degrees": 45.0}, {"noise": 0.6}, {"thickening": 0.3}, {"contrast": 0.99}],
    ids=lambda change: next(iter(change)),
)
def test_each_perturbation_is_scored_by_its_name(digits, champion, change):
    (name,) = change
    usual, hard = (
        stress_champion(champion, digits, SCORING, perturbations)
        for perturbations in (PERTURBATIONS, PERTURBATIONS.model_copy(update=change))
    )

    name = f"accuracy_{name.removesuffix('_degrees')}"
    assert hard[name] < usual[name] - 0.2
    assert {key for key in usual if key.startswith("accuracy") and usual[key] != hard[key]} == {name}
    assert hard["log_loss"] > usual["log_loss"]


def test_no_more_rows_are_perturbed_than_stated(digits, champion):
    few = PERTURBATIONS.model_copy(update={"rows": 25})

    assert stress_champion(champion, digits, SCORING, few)["rows"] == 25


def test_the_costs_are_those_of_the_models_file(digits, features_of_base):
    training = digits[digits["split"] == "train"]
    model = GaussianNB().fit(extract_features(training, features_of_base), training["label"])
    model.features_, model.form_ = features_of_base.model_dump(), FORM.model_dump()
    file = BytesIO()
    model_files.dump(model, file)

    costs = measure_costs(model, digits)

    assert costs["size_mb"] == len(file.getvalue()) / 1e6
    assert costs["model_sha256"] == fingerprint(model) == sha256(file.getvalue()).hexdigest()
    assert 0 < costs["latency_ms"] < 1000


def test_the_costs_say_whether_the_service_would_answer_the_same(digits, features_of_base, monkeypatch):
    training = digits[digits["split"] == "train"]
    model = TemperatureScaledClassifier(NystroemRidgeClassifier(200, random_state=0), folds=3)
    model.features_, model.form_ = features_of_base.model_dump(), FORM.model_dump()
    model.fit(extract_features(training, features_of_base), training["label"])

    same = measure_costs(model, digits)
    plain = measures.read_plain_model(measures._file_of(model))
    monkeypatch.setattr(measures, "read_plain_model", lambda _: plain._replace(temperature_=1.1 * plain.temperature_))
    other = measure_costs(model, digits)

    assert (same["service_difference"], same["service_note"]) == (0, "")
    assert other["service_difference"] > 1e-6


def test_a_champion_that_the_service_loads_with_scikit_learn_is_not_compared(digits, champion):
    costs = measure_costs(champion, digits)

    assert costs["service_difference"] is None
    assert costs["service_note"] == "the service loads it with scikit-learn: Pipeline is not known"


def test_without_production_there_is_nothing_to_compare_with(digits, no_files):
    found = compare_models(Answers(digits["label"]), None, digits, SCORING)

    assert (found["rows"], found["p_value"], found["production"]) == (0, None, None)
    assert found["fault"] == "there is no production model"


def test_the_p_value_is_the_one_that_one_counts_by_hand(digits, no_files):
    """Of five rows that only one model has right all are production's: so far in 1 of 32 cases by chance."""
    found = compare_models(Answers(_wrong_about(digits, 5)), Answers(digits["label"]), digits, SCORING)

    assert found == {
        "rows": 80,
        "only_champion": 0,
        "only_production": 5,
        "p_value": pytest.approx(1 / 32),
        "model_sha256": "the Answers",
        "production": "the Answers",
        "fault": "",
        "champion_fault": "",
        "classes_lost": [],
    }


def test_a_better_champion_and_an_equal_one_lose_nothing(digits, no_files):
    right, wrong = Answers(digits["label"]), Answers(_wrong_about(digits, 5))

    better = compare_models(right, wrong, digits, SCORING)
    equal = compare_models(wrong, wrong, digits, SCORING)

    assert (better["only_champion"], better["p_value"]) == (5, 1)
    assert (equal["only_champion"], equal["only_production"], equal["p_value"]) == (0, 0, 1)


def test_rows_that_either_model_was_trained_on_are_left_out(digits, no_files):
    test = digits.index[digits["split"] == "test"]
    champion = Answers(_wrong_about(digits, 5), learned=test[:2])
    former = Answers(digits["label"], learned=test[1:4])

    found = compare_models(champion, former, digits, SCORING)

    assert (found["rows"], found["only_production"]) == (76, 1)


def test_models_that_were_trained_on_every_row_are_not_compared(digits, no_files):
    former = Answers(digits["label"], learned=digits.index)

    found = compare_models(Answers(digits["label"]), former, digits, SCORING)

    assert (found["rows"], found["p_value"], found["fault"]) == (0, None, "")


def test_production_that_does_not_say_what_taught_it_is_not_compared(digits, no_files):
    former = Answers(digits["label"])
    del former.row_ids_

    found = compare_models(Answers(digits["label"]), former, digits, SCORING)

    assert found["rows"] == 0
    assert "does not say which rows it was trained on" in found["fault"]


def test_production_of_other_features_is_compared_by_its_own(digits, champion, features_of_base, no_files):
    others = features_of_base.model_copy(update={"grid": 3, "deskew": 0.0})
    former = _fitted(digits, others)

    found = compare_models(champion, former, digits, SCORING)

    assert (found["rows"], found["fault"]) == (80, "")
    scores = [score_champion(model, digits, SCORING) for model in (champion, former)]
    assert found["only_champion"] - found["only_production"] == scores[1]["errors"] - scores[0]["errors"]


def test_production_whose_features_no_longer_exist_is_not_compared(digits, champion, features_of_base, no_files):
    former = _fitted(digits, features_of_base)
    former.features_ = features_of_base.model_dump() | {"zoning": 4}

    found = compare_models(champion, former, digits, SCORING)

    assert found["rows"] == 0
    assert found["fault"] == "production cannot answer these rows: zoning is not a known key"


def test_production_that_takes_images_of_another_size_is_not_compared(digits, champion, no_files):
    former = deepcopy(champion)
    former.form_ = FORM.model_copy(update={"columns": pixel_names(28, 28)}).model_dump()

    found = compare_models(champion, former, digits, SCORING)

    assert found["rows"] == 0
    assert found["fault"].startswith(
        "production cannot answer these rows: the model takes rows of 28 x 28 pixels (pixel_0_0 to pixel_27_27), "
        "found 8 x 8 pixels"
    )


def test_a_champion_is_not_scored_on_images_of_another_size(digits, champion):
    larger = to_table(to_images(digits).repeat(2, 1).repeat(2, 2)).set_axis(digits.index)

    with pytest.raises(ValueError, match="takes rows of 8 x 8 pixels .*, found 16 x 16 pixels"):
        score_champion(champion, digits[["label", "split"]].join(larger), SCORING)


def test_production_that_can_no_longer_be_loaded_is_not_compared(digits, champion):
    found = compare_models(champion, UnreadableModel("a" * 64, "its class is gone"), digits, SCORING)

    assert (found["rows"], found["production"]) == (0, "a" * 64)
    assert found["fault"] == "production cannot be read any more: its class is gone"


def test_a_champion_that_does_not_say_what_taught_it_is_not_left_out(digits, no_files):
    champion = Answers(digits["label"])
    del champion.row_ids_

    found = compare_models(champion, Answers(digits["label"]), digits, SCORING)

    assert "does not say which rows it was trained on" in found["champion_fault"]


class Failing(Answers):
    """A model that cannot answer."""

    def __init__(self, prediction, error):
        super().__init__(prediction)
        self.error = error

    def predict_proba(self, rows):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no such column"), KeyError("slant"), AttributeError("gone")], ids=repr)
def test_what_fails_in_the_champion_is_its_own_fault_and_what_fails_in_production_is_not(digits, no_files, error):
    right, failing = Answers(digits["label"]), Failing(digits["label"], error)

    ours, theirs = (compare_models(*pair, digits, SCORING) for pair in ((failing, right), (right, failing)))

    assert ours["champion_fault"].startswith("the champion cannot answer these rows: ")
    assert str(error) in ours["champion_fault"]
    assert ours["fault"] == ""
    assert theirs["champion_fault"] == ""
    assert theirs["fault"].startswith("production cannot answer these rows: ")


class Says(Answers):
    """A model that gives these numbers for probabilities."""

    def __init__(self, prediction, numbers):
        super().__init__(prediction)
        self.numbers = numbers

    def predict_proba(self, rows):
        return np.tile(self.numbers, (len(rows), 1))


@pytest.mark.parametrize(
    "numbers", [[np.nan] * 10, [0.0] * 10, [np.inf, *[0.0] * 9], [1.5, -0.5, *[0.0] * 8], [0.5, *[0.0] * 9]], ids=str
)
def test_numbers_that_are_no_probabilities_are_no_answers(digits, no_files, numbers):
    champion = Says(digits["label"], numbers)

    found = compare_models(champion, Answers(digits["label"]), digits, SCORING)

    assert "gives no probabilities for 80 of 80 rows" in found["champion_fault"]
    with pytest.raises(ValueError, match="gives no probabilities for 80 of 80 rows"):
        score_champion(champion, digits, SCORING)


class Busy(Answers):
    """A model that has its work done by threads."""

    def predict_proba(self, rows):
        Parallel(n_jobs=2, prefer="threads")(delayed(_work)() for _ in range(4))
        return super().predict_proba(rows)


def _work():
    return sum(range(200_000))


def test_the_work_that_a_model_gives_to_other_threads_is_part_of_its_latency(digits, no_files, monkeypatch):
    monkeypatch.setattr(measures, "_file_of", lambda model: b"")
    one = 1000 * min(repeat(_work, timer=thread_time, repeat=5, number=1))

    assert measure_costs(Busy(digits["label"]), digits)["latency_ms"] > 2 * one


def test_the_tables_that_came_in_stay_as_they_were(digits, champion):
    before = digits.copy()

    stress_champion(champion, digits, SCORING, PERTURBATIONS)

    pd.testing.assert_frame_equal(digits, before)


def test_a_model_of_before_says_under_another_name_what_taught_it(digits, no_files):
    test = digits.index[digits["split"] == "test"]
    champion = Answers(_wrong_about(digits, 5), learned=test[:2])
    former = Answers(digits["label"])
    del former.row_ids_
    former.digit_ids_ = test[1:4].to_numpy(str)
    former.form_ = FORM.model_dump(exclude={"paper"}) | {"classes": list(range(10))}

    found = compare_models(champion, former, digits, SCORING)

    assert (found["rows"], found["only_production"], found["fault"]) == (76, 1, "")


@pytest.fixture(scope="module")
def named(digits):
    """The same rows, of two classes whose names are texts."""
    return digits.assign(label=np.where(digits["label"] % 2, "odd/1", "e_ven"))


def test_classes_of_text_are_scored_perturbed_and_compared(named, features_of_base):
    champion, former = (_fitted(named, features_of_base.model_copy(update={"grid": grid})) for grid in (5, 3))

    scores = score_champion(champion, named, SCORING)
    stress = stress_champion(champion, named, SCORING, PERTURBATIONS)
    found = compare_models(champion, former, named, SCORING)

    assert scores["accuracy"] > 0.9
    assert {name for name in scores if name.startswith("recall_")} == {"recall_odd/1", "recall_e_ven"}
    assert (stress["accuracy"], stress["model_sha256"]) == (scores["accuracy"], fingerprint(champion))
    assert (found["rows"], found["fault"], found["champion_fault"]) == (80, "", "")


def test_models_of_other_classes_are_compared_on_those_that_both_know(digits, named, champion, features_of_base):
    """Two champions may have different classes; an answer that a model cannot give says nothing of how good it is."""
    of_text = _fitted(named, features_of_base)
    fewer = _fitted(digits[digits["label"] < 8], features_of_base)
    shared = ((digits["split"] == "test") & (digits["label"] < 8)).sum()

    nothing = compare_models(of_text, champion, named, SCORING)
    lost = compare_models(fewer, champion, digits, SCORING)
    gained = compare_models(champion, fewer, digits, SCORING)

    assert (nothing["rows"], nothing["classes_lost"]) == (0, list("0123456789"))
    assert (lost["rows"], lost["classes_lost"]) == (shared, ["8", "9"])
    assert (gained["rows"], gained["classes_lost"]) == (shared, [])
