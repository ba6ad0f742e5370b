from hashlib import sha256
from io import BytesIO
from time import thread_time
from timeit import repeat

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from kedro_guards import model_files
from kedro_guards.model_files import UnreadableModel
from penstroke.domain import Perturbations, extract_features, perturb
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

from ...conftest import base_parameters
from ...seam import CLASSES, FEATURES, FORM, OTHER, RAW_ROWS, fit, rows_with_split

SCORING = Scoring.model_validate(base_parameters("reporting")["scoring"])
PERTURBATIONS = Perturbations.model_validate(base_parameters("domain")["perturbations"])


@pytest.fixture(scope="module")
def rows():
    """200 rows, the last 80 of them test rows."""
    return rows_with_split(np.arange(len(RAW_ROWS)) >= 120)


@pytest.fixture(scope="module")
def champion(rows):
    return _fitted(rows)


def _fitted(rows, classifier=None):
    return fit(make_pipeline(StandardScaler(), classifier or LogisticRegression()), rows[rows["split"] == "train"])


class Answers:
    """A model that answers each row as it was told, and learned these rows."""

    features_, form_ = FEATURES.model_dump(), FORM.model_dump()

    def __init__(self, prediction, learned=(), classes=CLASSES):
        self.prediction = prediction
        self.classes_ = np.array(classes)
        self.row_ids_ = np.array(learned, dtype=str)

    def predict_proba(self, rows):
        answered = self.prediction[rows.index].to_numpy()[:, None] == self.classes_
        return 0.9 * answered + 0.1 / len(self.classes_)


@pytest.fixture
def no_files(monkeypatch):
    monkeypatch.setattr(measures, "fingerprint", lambda model: f"the {type(model).__name__}")


def wrong_about(rows, count):
    """The right answers, but for the first test rows."""
    answers = rows["label"].copy()
    first = answers.index[rows["split"] == "test"][:count]
    answers[first] = answers[first].map(OTHER)
    return answers


def test_the_scores_are_those_that_the_report_gives(rows, champion):
    reported = score_test_rows(predict_test_rows(champion, rows, SCORING), {"sha256": fingerprint(champion)}, SCORING)

    scores = score_champion(champion, rows, SCORING)

    assert {name: scores[name] for name in reported} == reported
    assert scores["model_sha256"] == fingerprint(champion)
    assert scores["test_rows_learned"] == 0


def test_a_class_without_test_rows_has_no_recall(rows, champion):
    known = rows[(rows["label"] != CLASSES[0]) | (rows["split"] == "train")]

    scores = score_champion(champion, known, SCORING)

    assert scores[f"recall_{CLASSES[0]}"] is None
    assert scores[f"recall_{CLASSES[1]}"] > 0


def test_a_class_that_the_champion_does_not_know_has_a_recall_of_none(rows, no_files):
    first, *others = CLASSES
    ignorant = Answers(rows["label"].replace(first, others[0]), classes=others)

    scores = score_champion(ignorant, rows, SCORING)

    unknown = (rows["label"][rows["split"] == "test"] == first).mean()
    assert scores[f"recall_{first}"] == 0
    assert scores["log_loss"] > 30 * unknown > 0


def test_test_rows_that_taught_the_champion_are_counted(rows, no_files):
    test = rows.index[rows["split"] == "test"]
    champion = Answers(rows["label"], learned=[*test[:3], "elsewhere"])

    assert score_champion(champion, rows, SCORING)["test_rows_learned"] == 3


def test_a_champion_that_does_not_say_what_taught_it_leaves_that_unknown(rows, no_files):
    champion = Answers(rows["label"])
    del champion.row_ids_

    assert score_champion(champion, rows, SCORING)["test_rows_learned"] is None


def test_each_perturbation_is_scored_by_its_name(rows, champion, monkeypatch):
    def perturb(rows, perturbations):
        values = rows.drop(columns=["label", "split"])
        return {"nothing": values, "mixed": values[::-1].set_axis(values.index)}

    monkeypatch.setattr(measures, "perturb", perturb)
    scores = stress_champion(champion, rows, SCORING, PERTURBATIONS)

    clean = score_champion(champion, rows, SCORING)
    assert {name for name in scores if name.startswith("accuracy_")} == {"accuracy_nothing", "accuracy_mixed"}
    assert scores["accuracy"] == scores["accuracy_nothing"] == clean["accuracy"] > scores["accuracy_mixed"] + 0.2
    assert scores["log_loss"] > clean["log_loss"]
    assert scores["rows"] == 80


def test_the_perturbations_of_the_domain_are_scored(rows, champion):
    scores = stress_champion(champion, rows, SCORING, PERTURBATIONS)

    names = {f"accuracy_{name}" for name in perturb(rows, PERTURBATIONS)}
    assert {name for name in scores if name.startswith("accuracy_")} == names


def test_no_more_rows_are_perturbed_than_stated(rows, champion):
    few = PERTURBATIONS.model_copy(update={"rows": 25})

    assert stress_champion(champion, rows, SCORING, few)["rows"] == 25


def test_the_costs_are_those_of_the_models_file(rows):
    model = fit(GaussianNB(), rows[rows["split"] == "train"])
    file = BytesIO()
    model_files.dump(model, file)

    costs = measure_costs(model, rows)

    assert costs["size_mb"] == len(file.getvalue()) / 1e6
    assert costs["model_sha256"] == fingerprint(model) == sha256(file.getvalue()).hexdigest()
    assert 0 < costs["latency_ms"] < 1000


@pytest.mark.slow
def test_the_costs_say_whether_the_service_would_answer_the_same(rows, monkeypatch):
    spread = extract_features(rows, FEATURES).std()
    places = np.array_split(np.arange(len(spread)), 20)
    parts = [(str(number), FunctionTransformer(), part.tolist()) for number, part in enumerate(places)]
    weights = {name: 1 / float(spread.iloc[part].max() or 1) for name, _, part in parts}
    scaled = ColumnTransformer(parts, transformer_weights=weights)
    machine = make_pipeline(scaled, NystroemRidgeClassifier(200, random_state=0))
    model = TemperatureScaledClassifier(machine, folds=3)
    fit(model, rows[rows["split"] == "train"])

    same = measure_costs(model, rows)
    plain = measures.read_plain_model(measures._file_of(model))
    monkeypatch.setattr(measures, "read_plain_model", lambda _: plain._replace(temperature_=1.1 * plain.temperature_))
    other = measure_costs(model, rows)

    assert (same["service_difference"], same["service_note"]) == (0, "")
    assert other["service_difference"] > 1e-6


def test_a_champion_that_the_service_loads_with_scikit_learn_is_not_compared(rows, champion):
    costs = measure_costs(champion, rows)

    assert costs["service_difference"] is None
    assert costs["service_note"] == "the service loads it with scikit-learn: Pipeline is not known"


def test_without_production_there_is_nothing_to_compare_with(rows, no_files):
    found = compare_models(Answers(rows["label"]), None, rows, SCORING)

    assert (found["rows"], found["p_value"], found["production"]) == (0, None, None)
    assert found["fault"] == "there is no production model"


def test_the_p_value_is_the_one_that_one_counts_by_hand(rows, no_files):
    """Of five rows that only one model has right all are production's: so far in 1 of 32 cases by chance."""
    found = compare_models(Answers(wrong_about(rows, 5)), Answers(rows["label"]), rows, SCORING)

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


def test_a_better_champion_and_an_equal_one_lose_nothing(rows, no_files):
    right, wrong = Answers(rows["label"]), Answers(wrong_about(rows, 5))

    better = compare_models(right, wrong, rows, SCORING)
    equal = compare_models(wrong, wrong, rows, SCORING)

    assert (better["only_champion"], better["p_value"]) == (5, 1)
    assert (equal["only_champion"], equal["only_production"], equal["p_value"]) == (0, 0, 1)


def test_rows_that_either_model_was_trained_on_are_left_out(rows, no_files):
    test = rows.index[rows["split"] == "test"]
    champion = Answers(wrong_about(rows, 5), learned=test[:2])
    former = Answers(rows["label"], learned=test[1:4])

    found = compare_models(champion, former, rows, SCORING)

    assert (found["rows"], found["only_production"]) == (76, 1)


def test_models_that_were_trained_on_every_row_are_not_compared(rows, no_files):
    former = Answers(rows["label"], learned=rows.index)

    found = compare_models(Answers(rows["label"]), former, rows, SCORING)

    assert (found["rows"], found["p_value"], found["fault"]) == (0, None, "")


def test_production_that_does_not_say_what_taught_it_is_not_compared(rows, no_files):
    former = Answers(rows["label"])
    del former.row_ids_

    found = compare_models(Answers(rows["label"]), former, rows, SCORING)

    assert found["rows"] == 0
    assert "does not say which rows it was trained on" in found["fault"]


def test_production_whose_features_no_longer_exist_is_not_compared(rows, champion, no_files):
    former = _fitted(rows)
    former.features_ = FEATURES.model_dump() | {"zoning": 4}

    found = compare_models(champion, former, rows, SCORING)

    assert found["rows"] == 0
    assert found["fault"] == "production cannot answer these rows: zoning is not a known key"


def test_production_that_can_no_longer_be_loaded_is_not_compared(rows, champion):
    found = compare_models(champion, UnreadableModel("a" * 64, "its class is gone"), rows, SCORING)

    assert (found["rows"], found["production"]) == (0, "a" * 64)
    assert found["fault"] == "production cannot be read any more: its class is gone"


def test_a_champion_that_does_not_say_what_taught_it_is_not_left_out(rows, no_files):
    champion = Answers(rows["label"])
    del champion.row_ids_

    found = compare_models(champion, Answers(rows["label"]), rows, SCORING)

    assert "does not say which rows it was trained on" in found["champion_fault"]


class Failing(Answers):
    """A model that cannot answer."""

    def __init__(self, prediction, error):
        super().__init__(prediction)
        self.error = error

    def predict_proba(self, rows):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no such column"), KeyError("slant"), AttributeError("gone")], ids=repr)
def test_what_fails_in_the_champion_is_its_own_fault_and_what_fails_in_production_is_not(rows, no_files, error):
    right, failing = Answers(rows["label"]), Failing(rows["label"], error)

    ours, theirs = (compare_models(*pair, rows, SCORING) for pair in ((failing, right), (right, failing)))

    assert ours["champion_fault"].startswith("the champion cannot answer these rows: ")
    assert str(error) in ours["champion_fault"]
    assert ours["fault"] == ""
    assert theirs["champion_fault"] == ""
    assert theirs["fault"].startswith("production cannot answer these rows: ")


class Says(Answers):
    """A model that gives these two numbers for probabilities, and 0 for all other classes."""

    def __init__(self, prediction, numbers):
        super().__init__(prediction)
        self.numbers = numbers

    def predict_proba(self, rows):
        return np.tile([*self.numbers, *[0.0] * (len(self.classes_) - 2)], (len(rows), 1))


@pytest.mark.parametrize("numbers", [[np.nan, np.nan], [0.0, 0.0], [np.inf, 0.0], [1.5, -0.5], [0.5, 0.0]], ids=str)
def test_numbers_that_are_no_probabilities_are_no_answers(rows, no_files, numbers):
    champion = Says(rows["label"], numbers)

    found = compare_models(champion, Answers(rows["label"]), rows, SCORING)

    assert "gives no probabilities for 80 of 80 rows" in found["champion_fault"]
    with pytest.raises(ValueError, match="gives no probabilities for 80 of 80 rows"):
        score_champion(champion, rows, SCORING)


class Busy(Answers):
    """A model that has its work done by threads."""

    def predict_proba(self, rows):
        Parallel(n_jobs=2, prefer="threads")(delayed(_work)() for _ in range(4))
        return super().predict_proba(rows)


def _work():
    return sum(range(200_000))


def test_the_work_that_a_model_gives_to_other_threads_is_part_of_its_latency(rows, no_files, monkeypatch):
    monkeypatch.setattr(measures, "_file_of", lambda model: b"")
    one = 1000 * min(repeat(_work, timer=thread_time, repeat=5, number=1))

    assert measure_costs(Busy(rows["label"]), rows)["latency_ms"] > 2 * one


def test_the_tables_that_came_in_stay_as_they_were(rows, champion):
    before = rows.copy()

    stress_champion(champion, rows, SCORING, PERTURBATIONS)

    pd.testing.assert_frame_equal(rows, before)


@pytest.fixture(scope="module")
def named(rows):
    """The same rows, of two classes whose names are texts."""
    return rows.assign(label=np.where(rows["label"] == CLASSES[0], "odd/1", "e_ven"))


def test_classes_of_text_are_scored_perturbed_and_compared(named):
    champion, former = (_fitted(named, classifier) for classifier in (LogisticRegression(), LogisticRegression(C=0.01)))

    scores = score_champion(champion, named, SCORING)
    stress = stress_champion(champion, named, SCORING, PERTURBATIONS)
    found = compare_models(champion, former, named, SCORING)

    assert scores["accuracy"] > 0.9
    assert {name for name in scores if name.startswith("recall_")} == {"recall_odd/1", "recall_e_ven"}
    assert (stress["accuracy"], stress["model_sha256"]) == (scores["accuracy"], fingerprint(champion))
    assert (found["rows"], found["fault"], found["champion_fault"]) == (80, "", "")


def test_models_of_other_classes_are_compared_on_those_that_both_know(rows, named, no_files):
    """Two champions may have different classes; an answer that a model cannot give says nothing of how good it is."""
    of_text, every = Answers(named["label"], classes=["e_ven", "odd/1"]), Answers(rows["label"])
    first, *others = CLASSES
    fewer = Answers(rows["label"].replace(first, others[0]), classes=others)
    shared = ((rows["split"] == "test") & (rows["label"] != first)).sum()

    nothing = compare_models(of_text, every, named, SCORING)
    lost = compare_models(fewer, every, rows, SCORING)
    gained = compare_models(every, fewer, rows, SCORING)

    assert (nothing["rows"], nothing["classes_lost"]) == (0, sorted(map(str, CLASSES)))
    assert (lost["rows"], lost["classes_lost"]) == (shared, [str(first)])
    assert (gained["rows"], gained["classes_lost"]) == (shared, [])
