import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from kedro_guards.datasets.model import ModelDataset
from kedro_guards.parameters import Parameters
from penstroke import domain
from penstroke.answers import ask
from penstroke.domain import ROW_ID, Features, Form
from penstroke.pipelines.data_science.nodes import (
    _stratified_part,
    assemble_training_rows,
    choose_champion,
    fit_champion,
    rank_contenders,
    search_contenders,
)
from penstroke.pipelines.data_science.parameters import Contenders, FinalFit, Search

from ...seam import FEATURES, FORM

CONTENDERS = Contenders.model_validate(
    {
        "knn": {
            "steps": [
                {"class": "sklearn.preprocessing.StandardScaler"},
                {"class": "sklearn.neighbors.KNeighborsClassifier", "arguments": {"algorithm": "brute"}},
            ],
            "grid": {"kneighborsclassifier__n_neighbors": [1, 3]},
        },
        "svm": {
            "steps": [{"class": "sklearn.svm.SVC"}],
            "grid": {"svc__C": [0.001, 1], "svc__gamma": ["scale"]},
        },
        "guess": {"steps": [{"class": "sklearn.dummy.DummyClassifier"}], "grid": {}},
    }
)
SEARCH = Search(contenders=["guess", "knn", "svm"], folds=3, rows=None, copies=0, backend="threading", jobs=1, seed=7)
AS_STORED = FORM.model_dump()
FINAL_FIT = FinalFit(folds=3, held_back=None)


@pytest.fixture(scope="module")
def tables():
    """Three classes in a plane, 40 rows each, every fifth a test row."""
    generator = np.random.default_rng(0)
    index = pd.Index([f"row-{place:03d}" for place in range(120)], name=ROW_ID, dtype="str")
    label = pd.Series(np.arange(120) % 3, index)
    points = np.eye(3)[label, :2] * 3 + generator.normal(size=(120, 2))
    features = pd.DataFrame(points.astype(np.float32), index, ["x", "y"])
    labels = pd.DataFrame({"label": label, "split": np.where(np.arange(120) % 5 == 0, "test", "train")})
    training = labels.index[labels["split"] == "train"]
    copies = (features.loc[training] + np.float32(0.1)).add_prefix("copy_0_")
    return features, labels, copies


@pytest.fixture(scope="module")
def training_rows(tables):
    return assemble_training_rows(*tables)


@pytest.fixture(scope="module")
def search_results(training_rows):
    return search_contenders(training_rows, CONTENDERS, SEARCH, FINAL_FIT)[0]


def test_training_rows_hold_no_test_row(tables, training_rows):
    labels = tables[1]

    assert set(labels.loc[training_rows.index, "split"]) == {"train"}
    assert len(training_rows) == 96
    assert list(training_rows.columns) == ["label", "x", "y", "copy_0_x", "copy_0_y"]


def test_where_no_copies_are_made_there_are_none_to_learn_from(tables):
    features, labels, _ = tables

    assert list(assemble_training_rows(features, labels)) == ["label", "x", "y"]


def test_every_combination_is_scored_in_every_fold(search_results):
    tried = search_results.groupby("contender")["parameters"].unique().map(list).to_dict()

    assert tried == {
        "guess": ["{}"],
        "knn": ['{"kneighborsclassifier__n_neighbors": 1}', '{"kneighborsclassifier__n_neighbors": 3}'],
        "svm": ['{"svc__C": 0.001, "svc__gamma": "scale"}', '{"svc__C": 1, "svc__gamma": "scale"}'],
    }
    assert (
        search_results.groupby(["contender", "parameters"])["fold"].unique().map(list).map(sorted).map(tuple)
        == (0, 1, 2)
    ).all()
    guess = search_results.query("contender == 'guess'")["accuracy"]
    np.testing.assert_allclose(guess, 1 / 3, atol=0.03)
    assert search_results.query("contender == 'knn'")["accuracy"].mean() > 0.8


def test_what_the_clock_says_stands_apart(training_rows, search_results):
    _, timings = search_contenders(training_rows, CONTENDERS, SEARCH, FINAL_FIT)

    assert len(timings) == 5
    assert (timings[["fit_s", "score_s"]] > 0).all(axis=None)
    assert not any(column.endswith("_s") for column in search_results.columns)


def test_the_search_can_learn_from_copies(training_rows):
    far = training_rows.assign(copy_0_x=np.float32(50), copy_0_y=np.float32(50), label=training_rows["label"])
    knn = SEARCH.model_copy(update={"contenders": ["knn"], "copies": 1})
    spoilt = training_rows.assign(copy_0_x=training_rows["x"], copy_0_y=training_rows["y"])

    apart, _ = search_contenders(far, CONTENDERS, knn, FINAL_FIT)
    alike, _ = search_contenders(spoilt, CONTENDERS, knn, FINAL_FIT)

    # copies that equal their rows vote twice, copies far away do not vote at all
    assert not np.allclose(apart["accuracy"], alike["accuracy"])


def test_the_search_needs_no_standard_output(training_rows, search_results, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)

    assert search_contenders(training_rows, CONTENDERS, SEARCH, FINAL_FIT)[0].equals(search_results)


@pytest.mark.parametrize("jobs", [2, None])
def test_threads_give_the_scores_of_one(training_rows, search_results, jobs):
    several = SEARCH.model_copy(update={"jobs": jobs})

    assert search_contenders(training_rows, CONTENDERS, several, FINAL_FIT)[0].equals(search_results)


def test_the_seed_of_the_search_deals_the_folds(training_rows):
    first, again, other = (
        search_contenders(training_rows, CONTENDERS, SEARCH.model_copy(update={"seed": seed}), FINAL_FIT)[0]["accuracy"]
        for seed in (7, 7, 8)
    )

    assert first.equals(again)
    assert not first.equals(other)


def test_a_regressor_is_refused_before_the_search(training_rows):
    linear = {"steps": [{"class": "sklearn.linear_model.LinearRegression"}], "grid": {}}
    contenders = Contenders.model_validate({"linear": linear})

    with pytest.raises(ValueError, match="contenders.linear does not pass its rehearsal on 75 rows: [^\n]+$"):
        search_contenders(training_rows, contenders, SEARCH.model_copy(update={"contenders": ["linear"]}), FINAL_FIT)


@pytest.mark.parametrize(
    ("kept", "search", "final_fit", "told"),
    [
        (1, {}, {}, "class 2 has 1 training rows, but final_fit.folds needs 3 of each class; give more rows of it"),
        (2, {}, {}, "class 2 has 2 training rows, but final_fit.folds needs 3"),
        (9, {}, {"held_back": 0.1}, "class 2 has 9 training rows, but final_fit.held_back needs 11"),
        (4, {"rows": 30}, {}, "class 2 has 4 training rows, but search.rows needs 5"),
    ],
)
def test_a_class_of_too_few_rows_is_named_before_the_search(training_rows, kept, search, final_fit, told):
    rare = training_rows[(training_rows["label"] != 2) | (training_rows.groupby("label").cumcount() < kept)]

    with pytest.raises(ValueError, match=f"^{told}[^\n]+$"):
        search_contenders(rare, CONTENDERS, SEARCH.model_copy(update=search), FINAL_FIT.model_copy(update=final_fit))


@pytest.mark.parametrize("held_back", [None, 0.25])
def test_a_champion_can_be_kept_and_answers_arrays_as_tables(training_rows, champion_settings, held_back, tmp_path):
    final_fit = FINAL_FIT.model_copy(update={"held_back": held_back})
    model = fit_champion(training_rows, champion_settings, final_fit, FEATURES, AS_STORED)
    dataset = ModelDataset(filepath=str(tmp_path / "model.skops"))
    rows = training_rows[["x", "y"]]

    dataset.save(model)

    again = dataset.load()
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))
    np.testing.assert_array_equal(again.predict_proba(rows.to_numpy()), model.predict_proba(rows))
    assert list(again.feature_names_in_) == ["x", "y"]


def test_a_name_without_a_block_is_refused(training_rows):
    search = SEARCH.model_copy(update={"contenders": ["svn"]})

    with pytest.raises(ValueError, match="search.contenders names svn, which has no block; did you mean svm?"):
        search_contenders(training_rows, CONTENDERS, search, FINAL_FIT)


def test_a_contender_that_cannot_work_is_refused_before_the_search(training_rows):
    pca = {
        "steps": [
            {"class": "sklearn.decomposition.PCA", "arguments": {"n_components": 5}},
            {"class": "sklearn.svm.SVC"},
        ],
        "grid": {},
    }
    contenders = Contenders.model_validate({"knn": CONTENDERS.root["knn"].model_dump(by_alias=True), "wide": pca})
    search = SEARCH.model_copy(update={"contenders": ["knn", "wide"]})

    with pytest.raises(ValueError, match="contenders.wide does not pass its rehearsal on 75 rows: n_components=5"):
        search_contenders(training_rows, contenders, search, FINAL_FIT)


def test_a_value_that_the_class_refuses_stops_the_search(training_rows):
    bad = Contenders.model_validate({"svm": {"steps": [{"class": "sklearn.svm.SVC"}], "grid": {"svc__C": [1, -1]}}})

    with pytest.raises(ValueError, match="'C' parameter of SVC must be"):
        search_contenders(training_rows, bad, SEARCH.model_copy(update={"contenders": ["svm"]}), FINAL_FIT)


class Foreign(ClassifierMixin, BaseEstimator):
    """An estimator of the project whose file would hold a type that nobody has read."""

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        self.helper_ = Helper()
        return self

    def predict_proba(self, rows):
        return np.full((len(rows), 3), 1 / 3)

    def predict(self, rows):
        return np.zeros(len(rows))


class Helper:
    def __init__(self):
        self.value = 1


def test_a_contender_whose_file_would_be_refused_does_not_take_part(training_rows, monkeypatch):
    monkeypatch.setattr("penstroke.pipelines.data_science.estimators.ALLOWED_PACKAGES", ("sklearn", "tests"))
    foreign = Contenders.model_validate({"foreign": {"steps": [{"class": f"{__name__}.Foreign"}], "grid": {}}})

    with pytest.raises(ValueError, match="contenders.foreign does not pass .* is not trusted"):
        search_contenders(training_rows, foreign, SEARCH.model_copy(update={"contenders": ["foreign"]}), FINAL_FIT)


def _results(**accuracies):
    rows = [
        {"contender": name, "parameters": "{}", "fold": fold, "accuracy": accuracy}
        for name, values in accuracies.items()
        for fold, accuracy in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_the_highest_mean_wins():
    leaderboard = rank_contenders(_results(low=[0.8, 0.8], high=[0.7, 1.0]))

    assert list(leaderboard["contender"]) == ["high", "low"]
    assert leaderboard.loc[0, "accuracy_mean"] == pytest.approx(0.85)
    assert leaderboard.loc[0, "accuracy_sd"] == pytest.approx(np.std([0.7, 1.0], ddof=1))


def test_ties_go_to_the_smaller_spread_and_then_to_the_earlier_name():
    leaderboard = rank_contenders(_results(wide=[0.8, 1.0], first=[0.9, 0.9], second=[0.9, 0.9]))

    assert list(leaderboard["contender"]) == ["first", "second", "wide"]


def test_a_contender_stands_on_the_leaderboard_once_with_its_best_combination(search_results):
    leaderboard = rank_contenders(search_results)

    assert sorted(leaderboard["contender"]) == ["guess", "knn", "svm"]
    assert leaderboard["accuracy_mean"].is_monotonic_decreasing
    assert dict(zip(leaderboard["contender"], leaderboard["combinations"], strict=True)) == {
        "guess": 1,
        "knn": 2,
        "svm": 2,
    }
    assert json.loads(leaderboard.set_index("contender").loc["svm", "parameters"])["svc__C"] == 1


def test_the_champion_is_the_first_with_all_that_builds_it_again(search_results):
    leaderboard = rank_contenders(search_results).query("contender == 'knn'")

    settings = choose_champion(leaderboard, CONTENDERS, SEARCH)

    assert settings["contender"] == "knn"
    assert settings["seed"] == 7
    assert [step["class"] for step in settings["steps"]] == [
        "sklearn.preprocessing.StandardScaler",
        "sklearn.neighbors.KNeighborsClassifier",
    ]
    assert settings == json.loads(json.dumps(settings))


@pytest.fixture(scope="module")
def champion_settings(search_results):
    leaderboard = rank_contenders(search_results).query("contender == 'svm'")
    return choose_champion(leaderboard, CONTENDERS, SEARCH)


def test_the_champion_learns_from_all_training_rows_and_copies(training_rows, champion_settings):
    model = fit_champion(training_rows, champion_settings, FINAL_FIT, FEATURES, AS_STORED)

    inner = model.classifier_.classifier_
    assert inner.shape_fit_ == (192, 2)
    assert inner.C == 1
    assert list(model.classes_) == [0, 1, 2]


@pytest.mark.parametrize("held_back", [None, 0.25])
def test_the_file_of_a_champion_says_what_taught_it_and_how_it_sees(
    training_rows, champion_settings, held_back, tmp_path
):
    dataset = ModelDataset(filepath=str(tmp_path / "model.skops"))

    final_fit = FINAL_FIT.model_copy(update={"held_back": held_back})
    dataset.save(fit_champion(training_rows, champion_settings, final_fit, FEATURES, AS_STORED))

    model = dataset.load()
    assert list(model.row_ids_) == list(training_rows.index)
    assert Features.model_validate(model.features_) == FEATURES
    assert Form.model_validate(model.form_) == FORM


def test_the_calibration_can_learn_from_rows_held_back_and_the_champion_from_the_others(tables, champion_settings):
    features, labels, copies = tables
    many = pd.concat([assemble_training_rows(features, labels, copies)] * 2).reset_index(drop=True)

    model = fit_champion(many, champion_settings, FINAL_FIT.model_copy(update={"held_back": 0.25}), FEATURES, AS_STORED)

    champion = model.classifier_.estimator
    assert champion.classifier_.shape_fit_ == (2 * 0.75 * len(many), 2)
    np.testing.assert_allclose(model.predict_proba(many.drop(columns="label")).sum(axis=1), 1)


class Augmentation(Parameters):
    """How copies are made, in a domain that makes them."""

    copies: int


def test_the_copies_of_rows_near_the_margin_are_made_of_rows_that_are_not_held_back(tables, monkeypatch):
    features, labels, copies = tables
    rows, made = assemble_training_rows(features, labels, copies), []

    def extract_copy_features(originals, given, augmentation):
        made.append(originals.index)
        assert (given, augmentation.copies) == (FEATURES, 1)
        return features.loc[originals.index] + np.float32(0.1)

    monkeypatch.setattr(domain, "extract_copy_features", extract_copy_features, raising=False)
    step = {"class": "penstroke.pipelines.data_science.kernel_machines.NystroemRidgeClassifier"}
    champion = {"steps": [step | {"arguments": {"near_copies": 20}}], "parameters": {}, "seed": 7}

    fit_champion(
        rows,
        champion,
        FINAL_FIT.model_copy(update={"held_back": 0.25}),
        FEATURES,
        AS_STORED,
        copied_rows=features,
        augmentation=Augmentation(copies=3),
    )

    held_back = _stratified_part(rows["label"], round(0.25 * len(rows)), seed=7).index
    (copied,) = made
    assert len(copied) == 20
    assert copied.isin(rows.index).all()
    assert not copied.isin(held_back).any()


def test_the_search_can_keep_to_a_part_of_the_rows(tables, monkeypatch):
    training_rows = pd.concat([assemble_training_rows(*tables)] * 3).reset_index(drop=True)
    judged_on = []
    monkeypatch.setattr(
        "penstroke.pipelines.data_science.nodes.map_in_order",
        lambda judge, fits, *_: judged_on.append((judge.keywords["label"], fits)) or [(1.0, 0.0, 0.0)] * len(fits),
    )

    search_contenders(training_rows, CONTENDERS, SEARCH.model_copy(update={"rows": 120}), FINAL_FIT)

    ((label, fits),) = judged_on
    assert label.value_counts().to_dict() == {0: 40, 1: 40, 2: 40}
    assert {len(train) + len(test) for _, train, test in fits} == {120}


def test_the_champion_answers_with_probabilities_that_hold(tables, training_rows, champion_settings):
    features, labels, _ = tables
    test = labels.index[labels["split"] == "test"]

    probabilities = fit_champion(training_rows, champion_settings, FINAL_FIT, FEATURES, AS_STORED).predict_proba(
        features.loc[test]
    )

    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    right = probabilities.argmax(axis=1) == labels.loc[test, "label"]
    assert right.mean() > 0.75
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.15


def test_the_calibration_does_not_look_at_rows_that_were_fitted_on(training_rows, champion_settings):
    """Labels that mean nothing can be learned by heart, but a calibrated model knows that it knows nothing."""
    random_labels = training_rows.assign(label=np.random.default_rng(1).permutation(training_rows["label"].to_numpy()))
    by_heart = champion_settings | {"parameters": {"svc__C": 1e6, "svc__gamma": 1e3}}

    model = fit_champion(random_labels, by_heart, FINAL_FIT, FEATURES, AS_STORED)

    rows = random_labels.drop(columns="label")
    assert (model.predict(rows) == random_labels["label"]).mean() > 0.95
    assert model.predict_proba(rows).max(axis=1).mean() < 0.6


CLASSES = {"text": ["a/b", "b_c", "007"], "large": [-5, 300, 2**40], "two": ["no", "yes", "yes"]}


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_of_any_kind_are_searched_and_become_those_of_the_champion(training_rows, kind, tmp_path):
    names = CLASSES[kind]
    rows = training_rows.assign(label=[names[place] for place in training_rows["label"]])
    search = SEARCH.model_copy(update={"contenders": ["knn", "svm"]})

    results, _ = search_contenders(rows, CONTENDERS, search, FINAL_FIT)
    settings = choose_champion(rank_contenders(results), CONTENDERS, search)
    dataset = ModelDataset(filepath=str(tmp_path / "model.skops"))
    dataset.save(fit_champion(rows, settings, FINAL_FIT, FEATURES, AS_STORED))

    model, values = dataset.load(), rows.drop(columns="label")
    assert list(model.classes_) == sorted(set(names))
    answers = ask(model, values, chunk_rows=10)
    assert (answers["prediction"] == rows["label"]).mean() > 0.8
    assert answers.shape[1] == 2 + len(set(names))
    assert settings["accuracy_mean"] > 0.7


@pytest.mark.parametrize("contender", ["knn", "svm"])
def test_what_classes_are_called_changes_no_probability(training_rows, contender):
    """Names that sort as the numbers do."""
    named = training_rows.assign(label=[["a", "b", "c"][place] for place in training_rows["label"]])
    leaderboard = rank_contenders(_results(**{contender: [1.0, 1.0]}))
    settings = choose_champion(leaderboard, CONTENDERS, SEARCH)

    numbers, texts = (fit_champion(rows, settings, FINAL_FIT, FEATURES, AS_STORED) for rows in (training_rows, named))

    values = training_rows.drop(columns="label")
    np.testing.assert_allclose(texts.predict_proba(values), numbers.predict_proba(values), atol=1e-9)
