"""A model that takes plain arrays: for a single row the checks of its columns' names take longer than the answer."""

from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.extmath import softmax

from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.pipelines.feature_engineering.patches import PatchDictionary
from penstroke.pixels import image_size, pixel_names


class ModelFormError(ValueError):
    """A model does not answer arrays as it answers tables."""


class Parts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What a fitted ``ColumnTransformer`` does, by the places of its columns instead of their names."""

    def __init__(self, fitted: ColumnTransformer) -> None:
        self.fitted = fitted
        weights = fitted.transformer_weights or {}
        self.parts_ = [
            (_for_arrays(step), fitted._transformer_to_input_indices[name], weights.get(name))
            for name, step, _ in fitted.transformers_
            if not isinstance(step, str) or step != "drop"
        ]

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Give (n, all features of all parts)."""
        made = []
        for step, places, weight in self.parts_:
            taken = np.asfortranarray(rows[:, places])  # as a table holds them, or sums round otherwise
            if isinstance(step, PatchDictionary):
                size = _image_size(list(self.fitted.feature_names_in_[places]))
                taken = np.ascontiguousarray(taken).reshape(len(rows), *size)
            result = step.transform(taken)
            made.append(result if weight is None else result * weight)
        return np.hstack(made)


class Tempered:
    """What a ``CalibratedClassifierCV`` of one fit and one temperature does, without looking at the fit each time."""

    def __init__(self, fitted: CalibratedClassifierCV) -> None:
        (calibrated,) = fitted.calibrated_classifiers_
        (self._calibrator,) = calibrated.calibrators
        self.classes_ = fitted.classes_
        scorer = _for_arrays(calibrated.estimator)
        self._score = getattr(scorer, "decision_function", None) or scorer.predict_proba

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Give the probability of each class, (n, classes)."""
        scores = self._score(rows)
        if scores.ndim == 2 and (scores < 0).any():  # margins, which the calibrator finds out in ten more steps
            probabilities = softmax(self._calibrator.beta_ * scores)
        else:
            probabilities = self._calibrator.predict(scores)
        probabilities[(probabilities > 1) & (probabilities <= 1 + 1e-5)] = 1  # as the original does
        return probabilities


class Machines(OneVsRestClassifier):  # type: ignore[misc]
    """One against the rest by binary ``SVC``, each of which would look at the rows again."""

    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """Give the margin of each class, (n, classes)."""
        from sklearn.svm import _libsvm  # noqa: PLC0415 # private: where it is gone, the model is asked with tables

        rows = np.ascontiguousarray(rows, np.float64)
        margins = [
            _libsvm.decision_function(
                rows, one.support_, one.support_vectors_, one._n_support, one._dual_coef_, one._intercept_,
                one._probA, one._probB, kernel=one.kernel, degree=one.degree, coef0=one.coef0, gamma=one._gamma,
            )
            for one in self.estimators_
        ]  # fmt: skip
        return -np.array(margins).reshape(len(margins), len(rows)).T


def for_arrays(model: ClassifierMixin, probe: pd.DataFrame) -> ClassifierMixin:
    """Return a twin of a model that answers arrays of rows bit by bit as the model answers tables.

    Args:
        model: a fitted classifier; stays as it is. The twin shares its arrays.
        probe: rows of features, by which the twin is tried.

    Raises:
        ModelFormError: a step of it needs names, so it has no such twin.
    """
    twin = _for_arrays(model)
    try:
        agrees = np.array_equal(twin.predict_proba(np.asfortranarray(probe)), model.predict_proba(probe))
    except Exception as error:
        raise ModelFormError(f"the model needs the names of columns: {error}") from error
    if not agrees:
        raise ModelFormError("the model answers otherwise without the names of columns")
    return twin


def _for_arrays(value: Any) -> Any:
    while (held := _held(value)) is not None:
        value = held
    if isinstance(value, ColumnTransformer) and hasattr(value, "transformers_"):
        return Parts(value)
    if isinstance(value, CalibratedClassifierCV) and value.method == "temperature" and not value.ensemble:
        return Tempered(value)
    if type(value) in (list, tuple):
        return type(value)(map(_for_arrays, value))
    if isinstance(value, BaseEstimator) or hasattr(value, "predict_proba"):
        twin = copy(value)
        kept = {name: held for name, held in vars(value).items() if name != "feature_names_in_"}
        vars(twin).clear()
        vars(twin).update({name: _for_arrays(held) for name, held in kept.items()})
        if type(twin) is OneVsRestClassifier and {type(one) for one in getattr(twin, "estimators_", ())} == {SVC}:
            twin.__class__ = Machines
        return twin
    return value


def _held(value: Any) -> Any:
    """Give what an estimator does nothing to but hold, once it is fitted; or None."""
    if isinstance(value, AugmentedClassifier):  # copies stand beside the rows in training alone
        return getattr(value, "classifier_", None)
    if isinstance(value, Pipeline):
        return value.steps[0][1] if len(value.steps) == 1 else None
    return value.estimator if isinstance(value, FrozenEstimator) else None


def _image_size(names: list[str]) -> tuple[int, int]:
    height, width = image_size(names)
    if names != pixel_names(height, width):
        raise ModelFormError("the pixels do not stand in reading order")
    return height, width
