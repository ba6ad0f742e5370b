import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from penstroke.pipelines.data_science.estimators import (
    AugmentedClassifier,
    build_estimator,
    build_pipeline,
    part_copies,
    resolve_class,
)


def _rows(copies=2, count=30):
    generator = np.random.default_rng(0)
    own = {f"f{place}": generator.normal(size=count) for place in range(3)}
    copied = {
        f"copy_{copy}_{name}": values + 100 * (copy + 1) for copy in range(copies) for name, values in own.items()
    }
    return pd.DataFrame(own | copied), pd.Series(np.arange(count) % 3)


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
        ("sklearn.datasets.load_digits", "is no estimator"),
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


def test_an_argument_that_the_class_lacks_is_refused():
    with pytest.raises(ValueError, match="arguments: .*unexpected keyword argument 'CC'"):
        build_estimator({"class": "sklearn.svm.SVC", "arguments": {"CC": 1}})


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"class": "sklearn.svm.SVC", "argument": {"C": 3}}, "found the unknown key argument"),
        ({"class": 5}, "a block has a class, by its path"),
        ({"class": "sklearn.svm.SVC", "arguments": None}, "and arguments, by their names"),
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
    np.testing.assert_array_equal(model.predict(rows[["f2", "f0", "f1"]]), labels)
    far = (rows[["f0", "f1", "f2"]] + 200).assign(label=labels)
    np.testing.assert_array_equal(model.predict(far), labels)


@pytest.mark.parametrize(("copies", "fitted_on"), [(0, 30), (1, 60), (2, 90), (None, 90)])
def test_it_learns_from_as_many_copies_as_asked_for(copies, fitted_on):
    model = AugmentedClassifier(KNeighborsClassifier(1), copies).fit(*_rows())

    assert model.classifier_.n_samples_fit_ == fitted_on


def test_more_copies_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="3 copies are asked for, the rows have 2"):
        AugmentedClassifier(KNeighborsClassifier(1), 3).fit(*_rows())


def test_a_copy_never_teaches_the_fold_that_its_original_judges():
    rows, _ = _rows()
    alone = pd.Series(np.arange(len(rows)))  # each row its own class: only a row, or its copy, could tell it

    answers = cross_val_predict(AugmentedClassifier(KNeighborsClassifier(1)), rows, alone, cv=_ten_parts(rows))

    assert (answers != alone).all()


def _ten_parts(rows):
    places = np.arange(len(rows))
    return [(places[places % 10 != part], places[places % 10 == part]) for part in range(10)]


def test_it_offers_what_its_classifier_offers():
    rows, labels = _rows()

    assert hasattr(AugmentedClassifier(SVC()).fit(rows, labels), "decision_function")
    assert not hasattr(AugmentedClassifier(SVC()).fit(rows, labels), "predict_proba")
    logistic = AugmentedClassifier(LogisticRegression()).fit(rows, labels)
    np.testing.assert_allclose(logistic.predict_proba(rows).sum(axis=1), 1)
    assert not hasattr(AugmentedClassifier(DummyClassifier()).fit(rows, labels), "decision_function")
