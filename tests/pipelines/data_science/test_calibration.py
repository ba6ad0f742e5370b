import doctest

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from penstroke.pipelines.data_science import calibration
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier

CLASSIFIERS = [
    LogisticRegression(),
    OneVsRestClassifier(SVC()),
    KNeighborsClassifier(5),
    NystroemRidgeClassifier(1000, random_state=0),  # all rows, so each fold's machine is the one that is fitted alone
]
ROWS = 300


class GivenScores(ClassifierMixin, BaseEstimator):
    """Answers by scores that are given in place of rows."""

    def fit(self, X, y):  # noqa: N803
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):  # noqa: N803
        return X

    def predict(self, X):  # noqa: N803
        """Only asked for by scikit-learn, which wants that a classifier has it."""


def _blobs(classes, spread):
    return make_blobs(ROWS, centers=8 * np.eye(5)[:classes], random_state=0, cluster_std=spread)


def _calibrate(scores, label):
    return TemperatureScaledClassifier(GivenScores(), folds=3).fit(scores, label)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)
def test_where_all_answers_were_right_one_error_is_promised_all_the_same(classifier, classes):
    rows, label = _blobs(classes, spread=0.5)

    model = TemperatureScaledClassifier(classifier, folds=3).fit(rows, label)

    assert model.calibrated_on_ == {"rows": ROWS, "errors": 0}
    promised = (1 - model.predict_proba(rows).max(axis=1)).sum()
    assert 0.7 < promised < ROWS / 30
    assert (model.predict(rows) == label).all()


def test_alike_answers_that_were_all_right_have_the_confidence_of_the_rule_of_succession():
    scores = np.repeat(np.eye(4), 25, axis=0)

    model = _calibrate(scores, np.repeat(np.arange(4), 25))

    np.testing.assert_allclose(model.predict_proba(scores).max(axis=1), 100 / 101, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("noise", [0.1, 0.6], ids=["no error", "errors"])
def test_the_size_of_the_scores_changes_no_confidence(classes, noise):
    random = np.random.default_rng(0)
    label = np.arange(ROWS) % classes
    scores = np.eye(classes)[label] + random.normal(scale=noise, size=(ROWS, classes))
    if classes == 2:
        scores = scores[:, 1] - scores[:, 0]

    usual, large = (_calibrate(rows, label).predict_proba(rows) for rows in (scores, 1e7 * scores))

    np.testing.assert_allclose(large, usual, atol=1e-6)


def test_the_bound_does_not_give_way_to_lucky_answers_that_were_nearly_ties():
    random = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 100)
    scores = 2 * np.eye(3)[label] + random.normal(scale=0.05, size=(300, 3))
    scores[::50] = 0.5 + 1e-6 * np.eye(3)[label[::50]]  # right by a millionth

    model = _calibrate(scores, label)

    assert model.calibrated_on_["errors"] == 0
    far = 1 / (1 + 2 * np.exp(-2 / model.temperature_))
    assert far < 1 - 1 / 600


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)
def test_where_errors_were_seen_the_probabilities_are_those_of_scikit_learn(classifier, classes):
    rows, label = _blobs(classes, spread=5)

    model = TemperatureScaledClassifier(classifier, folds=3).fit(rows, label)

    assert model.calibrated_on_["errors"] > 10
    theirs = CalibratedClassifierCV(classifier, method="temperature", cv=3, ensemble=False).fit(rows, label)
    np.testing.assert_allclose(model.predict_proba(rows), theirs.predict_proba(rows), atol=1e-6)


@pytest.mark.parametrize("names", [[1, 2, 3, 4], [3, 7, 40, 90], list("abcd")], ids=str)
def test_the_names_of_the_classes_change_no_probability(names):
    rows, label = _blobs(4, spread=3.5)
    usual = TemperatureScaledClassifier(LogisticRegression()).fit(rows, label)

    named = TemperatureScaledClassifier(LogisticRegression()).fit(rows, np.array(names)[label])

    np.testing.assert_allclose(named.predict_proba(rows), usual.predict_proba(rows), atol=1e-6)
    assert list(named.predict(rows)) == list(np.array(names)[usual.predict(rows)])


def test_a_frozen_classifier_is_calibrated_by_all_rows_and_stays_as_it_is():
    rows, label = _blobs(4, spread=3.5)
    classifier = LogisticRegression().fit(rows[::2], label[::2])
    before = classifier.coef_.copy()

    model = TemperatureScaledClassifier(FrozenEstimator(classifier), folds=None).fit(rows[1::2], label[1::2])

    np.testing.assert_array_equal(classifier.coef_, before)
    wrong = classifier.predict(rows[1::2]) != label[1::2]
    assert model.calibrated_on_ == {"rows": ROWS / 2, "errors": wrong.sum()}
    np.testing.assert_array_equal(model.predict(rows), classifier.predict(rows))


def test_a_class_that_no_row_calibrates_is_refused():
    rows, label = _blobs(4, spread=0.5)
    frozen = FrozenEstimator(LogisticRegression().fit(rows, label))
    known = label != 2

    with pytest.raises(ValueError, match="class 2 occurs only among .* raise final_fit.held_back"):
        TemperatureScaledClassifier(frozen, folds=None).fit(rows[known], label[known])


def test_a_class_with_fewer_rows_than_folds_is_refused():
    rows, label = _blobs(2, spread=0.5)
    few = np.r_[np.flatnonzero(label == 0), np.flatnonzero(label == 1)[:2]]

    with pytest.raises(ValueError, match="class 1 has too few rows: n_samples=2 is less than folds=3; [^\n]+$"):
        TemperatureScaledClassifier(LogisticRegression(), folds=3).fit(rows[few], label[few])


def test_the_examples_say_what_comes_out():
    found = doctest.testmod(calibration)

    assert found.attempted > 0
    assert found.failed == 0
