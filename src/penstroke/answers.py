"""What a model answers, as a table."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.form import Form
from penstroke.pipelines.feature_engineering.nodes import extract_features
from penstroke.pipelines.feature_engineering.parameters import Features

NEARLY = 1e-3


def ask(model: ClassifierMixin, rows: pd.DataFrame, chunk_rows: int) -> pd.DataFrame:
    """Ask a model about rows, some of them at once.

    Args:
        model: a fitted classifier with ``predict_proba``.
        rows: float32 features.
        chunk_rows: how many rows are asked about at once; bounds the memory.

    Returns:
        The same rows: ``prediction`` (the likeliest class), ``confidence`` (its probability, 0 to 1) and
        ``probability_<class>`` for each class.
    """
    return table_of(probabilities_of(model, rows, chunk_rows), model.classes_, rows.index)


def table_of(probabilities: np.ndarray, classes: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """Lay probabilities, (n, classes), out as the table that :func:`ask` returns."""
    answers = pd.DataFrame(probabilities, index, [f"probability_{name}" for name in classes])
    answers.insert(0, "confidence", probabilities.max(axis=1))
    answers.insert(0, "prediction", classes[probabilities.argmax(axis=1)])
    return answers


def probabilities_of(model: ClassifierMixin, rows: pd.DataFrame | np.ndarray, chunk_rows: int) -> np.ndarray:
    """Give the probability of each class, (n, classes) float64, to rows in a table or an array of features.

    Raises:
        ValueError: what the model gives are no probabilities: not finite, negative, or of another sum than 1.
    """
    chunks = [rows[start : start + chunk_rows] for start in range(0, len(rows), chunk_rows)]
    of_none = np.empty((0, len(model.classes_)))
    probabilities = np.concatenate([of_none, *map(model.predict_proba, chunks)])
    sums = probabilities.sum(axis=1, keepdims=True)
    wrong = ~(np.abs(sums[:, 0] - 1) < NEARLY) | (probabilities < 0).any(axis=1)  # so that NaN is wrong
    if wrong.any():
        raise ValueError(
            f"the model gives no probabilities for {wrong.sum()} of {len(rows)} rows: they are not finite, below 0, "
            "or do not sum to 1; train another one"
        )
    return probabilities / sums  # of float32 features they sum to 1 only nearly


def version_of(sha256: str) -> str:
    """Return how a model is called for short: the first twelve digits of the sha256 of its file."""
    return sha256[:12]


def features_of(model: ClassifierMixin) -> Features:
    """Return the choices by which a model sees a digit, as its file says, whatever ``params:features`` are today.

    Raises:
        ValueError: it does not say so.
    """
    return Features.model_validate(_said_by(model, "features_", "which features it sees"))


def form_of(model: ClassifierMixin) -> Form:
    """Return the form in which a model takes rows, as its file says.

    Raises:
        ValueError: it does not say so.
    """
    return Form.model_validate(_said_by(model, "form_", "in what form it takes rows"))


def look_at(digits: pd.DataFrame, model: ClassifierMixin) -> pd.DataFrame:
    """Give the features by which a model sees accepted rows. Whoever hands rows to a model does it by this.

    Args:
        digits: rows are digits, pixels uint8 from 0 (paper) to 255 (ink); raw rows become such by :meth:`Form.scale`.
        model: whose file says which features these are, and in what form it takes rows.

    Returns:
        The same rows: float32 features.

    Raises:
        ValueError: the model takes rows of another form, or does not say of which.
    """
    form_of(model).refuse_other_columns(digits)
    rows = extract_features(digits, features_of(model))
    refuse_other_features(model, rows.columns)
    return rows


def refuse_other_features(model: ClassifierMixin, names: Iterable[str]) -> None:
    """Refuse features that are not those that a model was fitted on, in their order.

    Raises:
        ValueError: the first that differs, and what to do. A model that was fitted without names refuses nothing.
    """
    found, known = list(names), list(getattr(model, "feature_names_in_", []))
    if known and found != known:
        place = next((place for place, both in enumerate(zip(found, known, strict=False)) if len(set(both)) > 1), -1)
        raise ValueError(
            f"the model was fitted on {len(known)} features, but its choices give {len(found)} today; the first "
            f"feature names that differ are {known[place]} and {found[place]}: train another one by `kedro run`, "
            "and promote it by `kedro run --pipelines=promotion`"
        )


def _said_by(model: ClassifierMixin, name: str, what: str) -> Any:
    if not hasattr(model, name):
        raise ValueError(
            f"the model does not say {what}: an earlier version of the project made it; "
            "train it by `kedro run`, and promote that one by `kedro run --pipelines=promotion`"
        )
    return getattr(model, name)
