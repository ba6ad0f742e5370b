"""Probabilities that promise no more than was seen."""

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

LEAST_PROBABILITY = 1e-12  # of a class that a classifier calls impossible, so that its logarithm is a number


class TemperatureScaledClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Divide the scores of a classifier by one number, the temperature, so that its probabilities hold.

    The temperature is the likeliest one on rows that the classifier was not fitted on. Where few answers were wrong, or
    none, the likeliest temperature promises that none ever will be. So the temperature is at least the one that is
    likeliest if all these answers had been right but one.

    Args:
        classifier: has ``decision_function`` or ``predict_proba``.
        folds: parts of the stratified cross-validation that gives the scores, of rows in their order; the classifier
            is then fitted on all rows. None for a ``FrozenEstimator``, which was fitted on other rows.

    Attributes:
        classifier_: the fitted classifier.
        temperature_: what its scores are divided by, above 0.
        calibrated_on_: the number of ``rows`` that the temperature was learned from, and of wrong answers to them
            (``errors``).

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2; one
    error more, the rule of succession, Laplace, "Essai philosophique sur les probabilités", 1814.

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
            ValueError: a class has fewer rows than there are folds, or none where a frozen classifier knows it, or is
                one that it does not know.
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
                    f"folds={self.folds}; give more rows of it, or ask for fewer folds"
                )
            folds = StratifiedKFold(self.folds)
            scores = cross_val_predict(self.classifier, X, label, cv=folds, method=_method(self.classifier))
            self.classifier_ = clone(self.classifier).fit(X, label)
        self.classes_ = self.classifier_.classes_
        for known in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.classifier_, known):
                setattr(self, known, getattr(self.classifier_, known))
        alone = np.setxor1d(self.classes_, label)
        if len(alone):
            raise ValueError(
                f"class {alone[0]} stands on one side only of the rows that teach and the rows that calibrate; "
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
        """Give the probability of each class, (n, classes) float64, 0 to 1."""
        if not hasattr(self, "temperature_"):  # for one row the check takes longer than the answer
            check_is_fitted(self)
        scores = getattr(self.classifier_, _method(self.classifier_))(X)
        logits = _logits(self.classifier_, scores) / self.temperature_
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.classifier).input_tags
        return tags


def _method(classifier: ClassifierMixin) -> str:
    return "decision_function" if hasattr(classifier, "decision_function") else "predict_proba"


def _logits(classifier: ClassifierMixin, scores: np.ndarray) -> np.ndarray:
    """Turn scores into one float64 column for each class, also where two classes have one margin."""
    if _method(classifier) == "predict_proba":
        return np.log(scores + LEAST_PROBABILITY, dtype=np.float64)
    return np.asarray(np.column_stack([-scores, scores]) if scores.ndim == 1 else scores, np.float64)


def _likeliest(logits: np.ndarray, places: np.ndarray, errors: float = 0) -> float:
    """Find the temperature that makes the classes at these places likeliest.

    Args:
        logits: (n, classes), of any size.
        places: of the class of each row, (n,).
        errors: so many rows count as one of the other classes, spread evenly over all rows and other classes.
    """
    rows, classes = logits.shape
    size = float(np.abs(logits).max()) or 1.0

    def loss(log_sharpness: float) -> float:
        logs = log_softmax(np.exp(log_sharpness) / size * logits, axis=1)
        own = logs[np.arange(rows), places].sum()
        return float(-own - errors * (logs.sum() - own) / (rows * (classes - 1)))

    return size / float(np.exp(minimize_scalar(loss, bounds=(-10, 10), options={"xatol": 1e-9}).x))
