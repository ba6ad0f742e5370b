"""Calibrate probabilities, so that they claim no more than the data shows."""

from typing import Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils import Tags, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from penstroke.kernels import as_logits, temper

LEAST_PROBABILITY = 1e-12  # added to probabilities, so that the logarithm of 0 is finite


class TemperatureScaledClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Calibrate a classifier by temperature scaling: divide its scores by one number, the temperature.

    The temperature has the maximum likelihood on rows that the classifier was not fitted on. If hardly any of these
    predictions are wrong, that temperature would make the classifier certain of everything. Therefore the temperature
    is at least the maximum-likelihood temperature for the case that exactly one of the predictions is wrong.

    Args:
        classifier: has ``decision_function`` or ``predict_proba``. If it has ``fit_out_of_fold`` too, as
            ``NystroemRidgeClassifier``, it is not fitted anew for each fold.
        folds: folds of the stratified cross-validation that gives the scores; rows are not shuffled. The classifier is
            then fitted on all rows. None for a ``FrozenEstimator`` that was fitted on other rows.

    Attributes:
        classifier_: the fitted classifier.
        temperature_: the divisor of its scores, above 0.
        calibrated_on_: number of ``rows`` that the temperature was fitted on, and number of wrong predictions among
            them (``errors``).

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2. The
    assumed error follows the rule of succession, Laplace, "Essai philosophique sur les probabilités", 1814.

    Examples:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import RidgeClassifier
        >>> rows, label = load_iris(return_X_y=True)
        >>> model = TemperatureScaledClassifier(RidgeClassifier()).fit(rows, label)
        >>> model.predict_proba(rows[[0, 70]]).round(1)
        array([[1. , 0. , 0. ],
               [0. , 0. , 0.9]])
        >>> model.calibrated_on_
        {'rows': 150, 'errors': 27}
    """

    def __init__(self, classifier: BaseEstimator, folds: int | None = 5) -> None:
        self.classifier = classifier
        self.folds = folds

    def fit(self, X: pd.DataFrame | np.ndarray, y: pd.Series | np.ndarray) -> Self:  # noqa: N803
        """Fit the classifier and the temperature on ``X``, (n, features), and the classes ``y``, (n,).

        Raises:
            ValueError: a class has fewer rows than there are folds, or a frozen classifier was fitted on other
                classes than those of ``y``.
        """
        check_classification_targets(y)
        label = column_or_1d(y, warn=True)
        if self.folds is None:
            self.classifier_ = self.classifier
            scores = getattr(self.classifier_, _method(self.classifier_))(X)
        else:
            classes, counts = np.unique(label, return_counts=True)
            if counts.min() < self.folds:
                raise ValueError(
                    f"class {classes[counts.argmin()]} has too few rows: n_samples={counts.min()} is less than "
                    f"folds={self.folds}; give more rows of it, or use fewer folds"
                )
            folds = StratifiedKFold(self.folds)
            if hasattr(self.classifier, "fit_out_of_fold"):
                self.classifier_ = clone(self.classifier)
                scores = self.classifier_.fit_out_of_fold(X, label, _numbers(folds, label))
            else:
                scores = cross_val_predict(self.classifier, X, label, cv=folds, method=_method(self.classifier))
                self.classifier_ = clone(self.classifier).fit(X, label)
        self.classes_ = self.classifier_.classes_
        for known in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.classifier_, known):
                setattr(self, known, getattr(self.classifier_, known))
        alone = np.setxor1d(self.classes_, label)
        if len(alone):
            raise ValueError(
                f"class {alone[0]} occurs only among the training rows or only among the calibration rows; "
                "give more rows of it, or raise final_fit.held_back"
            )
        logits, right = _logits(self.classifier_, scores), np.searchsorted(self.classes_, label)
        answers = logits.argmax(axis=1)
        self.temperature_ = max(_likeliest(logits, right), _likeliest(logits, answers, errors=1))
        self.calibrated_on_ = {"rows": len(label), "errors": int(np.sum(answers != right))}
        return self

    def predict(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Predict the likeliest class of each row, (n,)."""
        answers = self.predict_proba(X).argmax(axis=1)
        return self.classes_[answers]

    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Predict the probability of each class, (n, classes) float64, 0 to 1."""
        if not hasattr(self, "temperature_"):  # for one row the check takes longer than the prediction
            check_is_fitted(self)
        scores = getattr(self.classifier_, _method(self.classifier_))(X)
        return temper(_logits(self.classifier_, scores), self.temperature_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.classifier).input_tags
        return tags


def _numbers(folds: StratifiedKFold, label: np.ndarray) -> np.ndarray:
    """Return the number of the fold of each row, (n,)."""
    numbers = np.empty(len(label), int)
    for number, (_, judged) in enumerate(folds.split(label, label)):
        numbers[judged] = number
    return numbers


def _method(classifier: ClassifierMixin) -> str:
    return "decision_function" if hasattr(classifier, "decision_function") else "predict_proba"


def _logits(classifier: ClassifierMixin, scores: np.ndarray) -> np.ndarray:
    """Convert scores to logits, one float64 column per class, also if two classes share one margin."""
    if _method(classifier) == "predict_proba":
        return np.log(scores + LEAST_PROBABILITY, dtype=np.float64)
    return as_logits(scores)


def _likeliest(logits: np.ndarray, places: np.ndarray, errors: float = 0) -> float:
    """Find the temperature with the maximum likelihood for the given classes.

    Args:
        logits: (n, classes), of any size.
        places: column of the class of each row, (n,).
        errors: number of rows assumed to be of another class, spread evenly over all rows and other classes.
    """
    rows, classes = logits.shape
    size = float(np.abs(logits).max()) or 1.0

    def loss(log_sharpness: float) -> float:
        logs = log_softmax(np.exp(log_sharpness) / size * logits, axis=1)
        own = logs[np.arange(rows), places].sum()
        return float(-own - errors * (logs.sum() - own) / (rows * (classes - 1)))

    return size / float(np.exp(minimize_scalar(loss, bounds=(-10, 10), options={"xatol": 1e-9}).x))
