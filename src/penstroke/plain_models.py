"""Predict with a stored model without scikit-learn. The service starts faster so, and needs less memory.

A model can be read so if all of its parts are known here or to the domain (``domain.PLAIN_TRANSFORMERS``). Others are
loaded with scikit-learn.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from kedro_guards.model_files import ModelFileError
from kedro_guards.plain import NotPlainError, PlainObject, load_plain
from penstroke import domain

from .kernels import kernel_margins, temper

Step = Callable[[np.ndarray], np.ndarray]


class PlainModel(NamedTuple):
    """A fitted classifier that needs nothing but numpy.

    ``form_``, ``features_`` and ``feature_names_in_`` are those of the stored model. ``scores`` computes the scores of
    features, (n, classes), or (n,) for two classes.
    """

    classes_: np.ndarray
    form_: dict[str, Any]
    features_: dict[str, Any]
    feature_names_in_: list[str]
    temperature_: float
    scores: Step

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Predict the probability of each class, (n, classes) float64."""
        return temper(self.scores(features), self.temperature_)


def read_plain_model(content: bytes) -> PlainModel:
    """Read a model file without scikit-learn.

    Args:
        content: the bytes of a skops file.

    Raises:
        ModelFileError: the file is damaged.
        NotPlainError: a part of the model is known neither here nor to the domain, or has another form than is known;
            the message names it.
    """
    try:
        return _plain_model(load_plain(content))
    except (ModelFileError, NotPlainError):
        raise
    except Exception as error:  # what the file says about its parts may be anything
        raise NotPlainError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error


def _plain_model(found: PlainObject) -> PlainModel:
    if found.name != "TemperatureScaledClassifier":
        raise NotPlainError(f"{found.name} is not known")
    return PlainModel(
        classes_=found["classes_"],
        form_=found["form_"],
        features_=found["features_"],
        feature_names_in_=list(found["feature_names_in_"]),
        temperature_=found["temperature_"],
        scores=_scores(found["classifier_"]),
    )


def _scores(model: PlainObject) -> Step:
    match model.name:
        case "AugmentedClassifier":
            return _scores(model["classifier_"])
        case "FrozenEstimator":
            return _scores(model["estimator"])
        case "NystroemRidgeClassifier":
            names = ("components_", "lengths_", "coef_", "gamma", "chunk_rows")
            return partial(kernel_margins, **{name.rstrip("_"): model[name] for name in names})
        case "Pipeline":
            *steps, (_, last) = model["steps"]
            return _chain([*(_transformer(step) for _, step in steps), _scores(last)])
    raise NotPlainError(f"{model.name} is not known")


def _transformer(model: PlainObject) -> Step:
    if model.name == "ColumnTransformer":
        weights = model["transformer_weights"] or {}
        kept = [one for one in model["transformers_"] if one[1] != "drop"]
        parts = [(columns, _transformer(part), weights.get(name, 1)) for name, part, columns in kept]
        return partial(_join, parts=parts)
    known: dict[str, Callable[[PlainObject], Step]] = getattr(domain, "PLAIN_TRANSFORMERS", {})
    if model.name == "FunctionTransformer" and model["func"] is None:
        return np.asarray
    if model.name not in known:
        raise NotPlainError(f"{model.name} is not known")
    return known[model.name](model)


def _join(rows: np.ndarray, parts: list[tuple[Any, Step, float]]) -> np.ndarray:
    found = [np.float32(weight) * transform(rows[:, columns]) for columns, transform, weight in parts]
    return np.ascontiguousarray(np.hstack(found))  # in scikit-learn's order: in another one, sums round differently


def _chain(steps: list[Step]) -> Step:
    def run(rows: np.ndarray) -> np.ndarray:
        for step in steps:
            rows = step(rows)
        return rows

    return run
