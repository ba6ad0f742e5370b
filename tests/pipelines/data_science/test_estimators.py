import re
import warnings

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from kedro_guards.datasets.model import ModelDataset
from penstroke import settings
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.estimators import (
    AugmentedClassifier,
    block_of,
    build_estimator,
    build_pipeline,
    part_copies,
    resolve_class,
)
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier

from ...conftest import ROOT

ESTIMATORS = [
    NystroemRidgeClassifier(n_components=50),
    AugmentedClassifier(LogisticRegression()),
    TemperatureScaledClassifier(LogisticRegression(), folds=3),
    TemperatureScaledClassifier(AugmentedClassifier(KNeighborsClassifier()), folds=3),
]


def _rows(copies=2, count=30):
    generator = np.random.default_rng(0)
    own = {f"f{place}": generator.normal(size=count) for place in range(3)}
    copied = {
        f"copy_{copy}_{name}": values + 100 * (copy + 1) for copy in range(copies) for name, values in own.items()
    }
    return pd.DataFrame(own | copied), pd.Series(np.arange(count) % 3)


@pytest.mark.filterwarnings("ignore")  # of data that the checks make
@parametrize_with_checks(ESTIMATORS)
def test_every_estimator_of_the_project_is_one_as_scikit_learn_wants_them(estimator, check):
    check(estimator)


def test_every_estimator_of_a_pipeline_that_a_model_file_may_hold_is_checked():
    checked = {f"{type(estimator).__module__}.{type(estimator).__name__}" for estimator in ESTIMATORS}

    assert checked == {name for name in settings.TRUSTED_TYPES if ".pipelines." in name}


def test_a_class_of_scikit_learn_is_found():
    assert resolve_class("sklearn.svm.SVC") is SVC


def test_a_class_of_the_project_is_found():
    assert resolve_class(f"{AugmentedClassifier.__module__}.AugmentedClassifier") is AugmentedClassifier


def test_the_selector_of_columns_is_found():
    assert resolve_class("sklearn.compose.make_column_selector") is make_column_selector


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("os.system", "'os.system' is not allowed; name a class of sklearn or penstroke"),
        ("sklearnlike.SVC", "not allowed"),
        ("SVC", "not allowed"),
        ("", "not allowed"),
        ("sklearn.svm.SVM", "'sklearn.svm.SVM' does not exist"),
        ("sklearn.svn.SVC", "does not exist"),
        ("sklearn.datasets.load_iris", "is no estimator"),
        ("sklearn.utils.os.system", "is no estimator|does not exist"),
    ],
)
def test_anything_else_is_refused(path, message):
    with pytest.raises(ValueError, match=message):
        resolve_class(path)


def test_blocks_may_stand_within_blocks_and_lists():
    member = {"class": "sklearn.svm.SVC", "arguments": {"C": 3}}
    vote = build_estimator(
        {"class": "sklearn.ensemble.VotingClassifier", "arguments": {"estimators": [["one", member]]}}
    )

    assert vote.get_params()["one__C"] == 3


@pytest.mark.parametrize(
    "place", sorted((ROOT / "conf").glob("*/parameters_data_science.yml")), ids=lambda place: place.parent.name
)
def test_an_estimator_becomes_the_block_that_builds_it_again(place):
    contenders = yaml.safe_load(place.read_text()).get("contenders", {}).values()
    for contender in (block for block in contenders if "steps" in block):
        built = [build_estimator(step) for step in contender["steps"]]

        blocks = yaml.safe_load(yaml.safe_dump(block_of(built)))  # YAML can hold it

        again = [build_estimator(block) for block in blocks]
        assert block_of(again) == blocks
        assert re.sub(" at 0x[0-9a-f]+", "", repr(again)) == re.sub(" at 0x[0-9a-f]+", "", repr(built))
        assert [block["class"] for block in blocks] == [step["class"] for step in contender["steps"]]


def test_an_argument_that_the_class_lacks_is_refused():
    with pytest.raises(ValueError, match="arguments: .*unexpected keyword argument 'CC'"):
        build_estimator({"class": "sklearn.svm.SVC", "arguments": {"CC": 1}})


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"class": "sklearn.svm.SVC", "argument": {"C": 3}}, "found the unknown key argument"),
        ({"class": 5}, "a block has the keys class"),
        ({"class": "sklearn.svm.SVC", "arguments": None}, "and arguments \\(values by name\\)"),
    ],
)
def test_a_block_of_another_form_is_refused_at_any_depth(block, message):
    with pytest.raises(ValueError, match=message):
        build_estimator({"class": "sklearn.multiclass.OneVsRestClassifier", "arguments": {"estimator": block}})


def test_every_estimator_that_draws_gets_the_seed_unless_it_has_its_own():
    steps = [
        {"class": "sklearn.decomposition.PCA", "arguments": {"random_state": 1}},
        {"class": "sklearn.ensemble.ExtraTreesClassifier"},
    ]

    parameters = build_pipeline(steps, seed=5).get_params()

    assert parameters["pca__random_state"] == 1
    assert parameters["extratreesclassifier__random_state"] == 5


def test_a_selector_of_names_becomes_the_places_of_these_features():
    selector = {"class": "sklearn.compose.make_column_selector", "arguments": {"pattern": "^raw_"}}
    parts = {"transformers": [["raw", "passthrough", selector]]}
    steps = [
        {"class": "sklearn.compose.ColumnTransformer", "arguments": parts},
        {"class": "sklearn.neighbors.KNeighborsClassifier"},
    ]

    def places(features):
        return build_pipeline(steps, seed=0, features=features)[0].transformers[0][2]

    assert places(["mean_0", "raw_1", "raw_0"]) == slice(1, 3)
    assert places(["raw_1", "mean_0", "raw_0"]) == [0, 2]
    with pytest.raises(ValueError, match="matches '\\^raw_', the first of 1 names is mean_0; [^\n]+$"):
        build_pipeline(steps, seed=0, features=["mean_0"])


def test_rows_are_parted_from_their_copies():
    rows, _ = _rows()

    own, copies = part_copies(rows)

    assert list(own.columns) == ["f0", "f1", "f2"]
    np.testing.assert_allclose(copies[1] - own, 200)


def test_a_classifier_learns_from_the_copies_and_answers_for_the_rows():
    rows, labels = _rows()

    model = AugmentedClassifier(KNeighborsClassifier(1)).fit(rows, labels)

    assert model.classifier_.n_samples_fit_ == 90
    np.testing.assert_array_equal(model.predict(rows), labels)
    far = rows[["f0", "f1", "f2"]] + 200
    np.testing.assert_array_equal(model.predict(far), labels)


@pytest.mark.parametrize(("copies", "fitted_on"), [(0, 30), (1, 60), (2, 90), (None, 90)])
def test_it_learns_from_as_many_copies_as_asked_for(copies, fitted_on):
    model = AugmentedClassifier(KNeighborsClassifier(1), copies).fit(*_rows())

    assert model.classifier_.n_samples_fit_ == fitted_on


def test_more_copies_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="3 copies are asked for, the rows have 2"):
        AugmentedClassifier(KNeighborsClassifier(1), 3).fit(*_rows())


def test_an_array_is_answered_bit_by_bit_as_the_table_that_it_stands_in():
    rows, labels = _rows()
    rows = rows.astype(np.float32)
    model = AugmentedClassifier(NystroemRidgeClassifier(50, gamma=1e-3, random_state=0)).fit(rows, labels)

    own = rows[["f0", "f1", "f2"]]
    for array in (np.asfortranarray(own), np.ascontiguousarray(own), own.to_numpy(np.float32)[:1]):
        expected = model.decision_function(rows.head(len(array)))
        with warnings.catch_warnings(action="error"):
            np.testing.assert_array_equal(model.decision_function(array), expected)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows[["f2", "f0", "f1"]], "must be in the same order"),
        (lambda rows: rows[["f0", "f1"]], "now missing:\n- f2"),
        (lambda rows: rows[["f0", "f1", "f2"]].assign(f3=1.0), "unseen at fit time:\n- f3"),
        (lambda rows: rows[["f0", "f1"]].to_numpy(), "X has 2 features, but AugmentedClassifier is expecting 3"),
    ],
)
def test_other_features_and_another_order_of_them_are_refused(change, told):
    rows, labels = _rows()
    model = AugmentedClassifier(KNeighborsClassifier(1)).fit(rows, labels)

    with pytest.raises(ValueError, match=told):
        model.predict(change(rows))


@pytest.mark.parametrize("held", [FrozenEstimator, lambda fitted: fitted], ids=["frozen", "of folds"])
def test_a_file_of_before_whose_steps_were_fitted_on_tables_answers_as_it_did(held, tmp_path):
    rows, labels = _rows()
    own = rows[["f0", "f1", "f2"]]
    parts = ColumnTransformer([("first", StandardScaler(), make_column_selector(pattern="f[01]"))])
    former = AugmentedClassifier(make_pipeline(parts, OneVsRestClassifier(SVC())))
    former.classifier_ = former.classifier.fit(own, labels)
    former.classes_, former.n_features_in_ = former.classifier_.classes_, 3
    former.feature_names_in_ = np.array(["f0", "f1", "f2"], dtype=object)
    model = CalibratedClassifierCV(OneVsRestClassifier(SVC()), method="temperature", cv=2, ensemble=False)
    model.fit(own, labels).calibrated_classifiers_[0].estimator = held(former)
    dataset = ModelDataset(filepath=str(tmp_path / "model.skops"))
    dataset.save(model)

    again = dataset.load()

    assert hasattr(again.calibrated_classifiers_[0].estimator.classifier_, "feature_names_in_")
    expected = former.classifier_.decision_function(own)
    for given in (rows, own, own.to_numpy()):
        with warnings.catch_warnings(action="error"):
            answers = again.predict_proba(given)
        assert (answers.argmax(axis=1) == expected.argmax(axis=1)).all()
        np.testing.assert_array_equal(answers, again.predict_proba(own))


def test_a_copy_never_teaches_the_fold_that_its_original_judges():
    rows, _ = _rows()
    alone = pd.Series(np.arange(len(rows)))  # each row its own class: only a row, or its copy, could tell it

    answers = cross_val_predict(AugmentedClassifier(KNeighborsClassifier(1)), rows, alone, cv=_ten_parts(rows))

    assert (answers != alone).all()


def _ten_parts(rows):
    places = np.arange(len(rows))
    return [(places[places % 10 != part], places[places % 10 == part]) for part in range(10)]


def test_a_copy_has_no_part_in_the_score_of_its_original_out_of_fold():
    rows, labels = _rows()
    fold = np.arange(len(rows)) // 10
    machine = AugmentedClassifier(NystroemRidgeClassifier(gamma=1e-4, random_state=0))

    scores = machine.fit_out_of_fold(rows, labels, fold)

    own = rows[["f0", "f1", "f2"]]
    for number in range(3):
        other = clone(machine).fit(rows[fold != number], labels[fold != number])
        expected = other.decision_function(own[fold == number])
        np.testing.assert_allclose(scores[fold == number], expected, atol=1e-5)


def test_new_copies_reach_the_last_step_as_the_rows_do():
    rows, labels = _rows(copies=1)
    machine, scaler = NystroemRidgeClassifier(gamma=1e-3, near_copies=5, random_state=0), StandardScaler()
    own, asked_for = rows[["f0", "f1", "f2"]].to_numpy(), []

    def copies_of(places):
        asked_for.extend(places)
        return own[places] + 50

    model = AugmentedClassifier(make_pipeline(scaler, machine)).fit(rows, labels, copies_of)

    assert len(asked_for) == 5
    assert max(asked_for) < len(rows)
    learned = scaler.fit_transform(np.vstack([own, own + 100]))  # the copy that each row has already
    machine.fit(learned, np.tile(labels, 2), lambda places: scaler.transform(copies_of(places % len(own))))
    expected = machine.decision_function(learned[: len(own)])
    np.testing.assert_allclose(model.decision_function(own), expected, atol=1e-9)


def test_a_classifier_that_takes_no_new_copies_is_fitted_as_without():
    model = AugmentedClassifier(KNeighborsClassifier(1)).fit(*_rows(), copies_of=pytest.fail)

    assert model.classifier_.n_samples_fit_ == 90


def test_it_offers_what_its_classifier_offers():
    rows, labels = _rows()

    assert hasattr(AugmentedClassifier(SVC()).fit(rows, labels), "decision_function")
    assert not hasattr(AugmentedClassifier(SVC()).fit(rows, labels), "predict_proba")
    logistic = AugmentedClassifier(LogisticRegression()).fit(rows, labels)
    np.testing.assert_allclose(logistic.predict_proba(rows).sum(axis=1), 1)
    assert not hasattr(AugmentedClassifier(DummyClassifier()).fit(rows, labels), "decision_function")
