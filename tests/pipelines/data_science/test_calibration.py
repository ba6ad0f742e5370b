import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from penstroke.pipelines.data_science.calibration import GivenScores, calibrate, scores_by

CLASSIFIERS = [LogisticRegression(), OneVsRestClassifier(SVC()), KNeighborsClassifier(5)]
ROWS = 300


def _fit(classifier, rows, label, method):
    with threadpool_limits(1):
        scores = cross_val_predict(classifier, rows, label, cv=3, method=scores_by(classifier))
        return calibrate(classifier.fit(rows, label), scores, label, method, folds=3)


def _blobs(classes, spread):
    return make_blobs(ROWS, centers=8 * np.eye(5)[:classes], random_state=0, cluster_std=spread)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)
def test_where_all_answers_were_right_one_error_is_promised_all_the_same(classifier, method, classes):
    rows, label = _blobs(classes, spread=0.5)

    model = _fit(classifier, rows, label, method)

    assert model.calibrated_on_ == {"rows": ROWS, "errors": 0}
    promised = (1 - model.predict_proba(rows).max(axis=1)).sum()
    assert 0.7 < promised < ROWS / 30
    assert (model.predict(rows) == label).all()


def test_alike_answers_that_were_all_right_have_the_confidence_of_the_rule_of_succession():
    scores = np.repeat(np.eye(4), 25, axis=0)
    label = np.repeat(np.arange(4), 25)

    for method in ("temperature", "isotonic"):
        model = calibrate(GivenScores("decision_function").fit(scores, label), scores, label, method)
        np.testing.assert_allclose(model.predict_proba(scores).max(axis=1), 100 / 101, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("noise", [0.1, 0.6], ids=["no error", "errors"])
def test_the_size_of_the_scores_changes_no_confidence(classes, noise):
    random = np.random.default_rng(0)
    label = np.arange(ROWS) % classes
    scores = np.eye(classes)[label] + random.normal(scale=noise, size=(ROWS, classes))
    if classes == 2:
        scores = scores[:, 1] - scores[:, 0]

    usual, large = (
        calibrate(GivenScores("decision_function").fit(rows, label), rows, label, "temperature").predict_proba(rows)
        for rows in (scores, 1e7 * scores)
    )

    np.testing.assert_allclose(large, usual, atol=1e-6)


def test_the_bound_does_not_give_way_to_lucky_answers_that_were_nearly_ties():
    random = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 100)
    scores = 2 * np.eye(3)[label] + random.normal(scale=0.05, size=(300, 3))
    scores[::50] = 0.5 + 1e-6 * np.eye(3)[label[::50]]  # right by a millionth

    model = calibrate(LogisticRegression().fit(scores, label), scores, label, "temperature")

    assert model.calibrated_on_["errors"] == 0
    temperature = model.calibrated_classifiers_[0].calibrators[0].beta_
    far = 1 / (1 + 2 * np.exp(-2 * temperature))
    assert far < 1 - 1 / 600


@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
def test_where_errors_were_seen_the_calibration_is_that_of_scikit_learn(method):
    rows, label = _blobs(4, spread=3.5)

    model = _fit(LogisticRegression(), rows, label, method)

    assert model.calibrated_on_["errors"] > 10
    theirs = CalibratedClassifierCV(LogisticRegression(), method=method, cv=3, ensemble=False).fit(rows, label)
    np.testing.assert_array_equal(model.predict_proba(rows), theirs.predict_proba(rows))


@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("names", [[1, 2, 3, 4], [3, 7, 40, 90], list("abcd")], ids=str)
def test_the_names_of_the_classes_change_no_probability(method, names):
    rows, label = _blobs(4, spread=3.5)
    usual = _fit(LogisticRegression(), rows, label, method)

    named = _fit(LogisticRegression(), rows, np.array(names)[label], method)

    np.testing.assert_allclose(named.predict_proba(rows), usual.predict_proba(rows), atol=1e-6)
    assert list(named.predict(rows)) == list(np.array(names)[usual.predict(rows)])


def test_a_class_that_no_row_calibrates_is_refused():
    rows, label = _blobs(4, spread=0.5)
    classifier = LogisticRegression().fit(rows, label)
    known = label != 2

    with pytest.raises(ValueError, match="class 2 stands on one side only .* raise final_fit.held_back"):
        calibrate(classifier, classifier.decision_function(rows[known]), label[known], "temperature")


def test_a_class_with_fewer_rows_than_folds_is_refused():
    rows, label = _blobs(2, spread=0.5)
    few = np.r_[np.flatnonzero(label == 0), np.flatnonzero(label == 1)[:2]]
    classifier = LogisticRegression().fit(rows, label)

    with pytest.raises(ValueError, match="less than 3 examples"):
        calibrate(classifier, classifier.decision_function(rows[few]), label[few], "temperature", folds=3)
