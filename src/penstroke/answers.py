"""Model predictions as tables. Every stage calls models through these functions."""

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.domain import accept, extract_features

from .models import Answers, View, probabilities_of, refuse_other_features, view_of


def look_at(rows: pd.DataFrame, model: ClassifierMixin, view: View | None = None) -> pd.DataFrame:
    """Compute the features that a model sees of accepted rows. All code that calls a model uses this function.

    Args:
        rows: accepted rows, as :func:`penstroke.domain.accept` returns them.
        model: a fitted classifier.
        view: the result of :func:`view_of` for this model, if the caller has it already.

    Returns:
        float32 features of the same rows.

    Raises:
        ValueError: the model takes rows of another form, or its file does not say which form.
    """
    form, features = view or view_of(model)
    form.refuse_other_columns(rows)
    found = extract_features(rows, features)
    refuse_other_features(model, found.columns)
    return found


def answer_rows(rows: pd.DataFrame, model: ClassifierMixin, answers: Answers, view: View | None = None) -> pd.DataFrame:
    """Predict the classes of raw rows.

    Args:
        rows: raw rows in the form that the model takes; further columns are ignored.
        model: a fitted classifier with calibrated ``predict_proba``.
        answers: rows per call of the model, and the lowest confidence of a sure answer.
        view: the result of :func:`view_of` for this model, if the caller has it already.

    Returns:
        For the same rows: ``prediction``, ``confidence`` (0 to 1), ``unsure``, and ``probability_<class>`` for each
        class. A row that :func:`penstroke.domain.accept` would reject is unsure, whatever its confidence.

    Raises:
        ValueError: the rows have another form than the model takes.
    """
    view = view or view_of(model)
    accepted, reasons = accept(rows, view.form)
    answered = ask(model, look_at(accepted, model, view), answers.chunk_rows)
    unsure = (answered["confidence"] < answers.least_confidence) | (reasons != "")
    answered.insert(2, "unsure", unsure)
    return answered


def ask(model: ClassifierMixin, features: pd.DataFrame, chunk_rows: int) -> pd.DataFrame:
    """Call a model on features, in chunks.

    Args:
        model: a fitted classifier with ``predict_proba``.
        features: float32 features.
        chunk_rows: rows per call of the model; limits memory.

    Returns:
        For the same rows: ``prediction`` (the likeliest class), ``confidence`` (its probability, 0 to 1) and
        ``probability_<class>`` for each class.

    Raises:
        ValueError: the model returns numbers that are no probabilities: not finite, negative, or not summing to 1.

    Examples:
        >>> from sklearn.dummy import DummyClassifier
        >>> rows = pd.DataFrame({"width": np.float32([1, 2, 3, 4])})
        >>> model = DummyClassifier().fit(rows, ["a", "a", "a", "b"])
        >>> ask(model, rows.head(1), chunk_rows=100)
          prediction  confidence  probability_a  probability_b
        0          a        0.75           0.75           0.25
    """
    return tabulate(probabilities_of(model, features, chunk_rows), model.classes_, features.index)


def tabulate(probabilities: np.ndarray, classes: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """Return probabilities as the table that :func:`ask` returns.

    Args:
        probabilities: shape (n, k), between 0 and 1.
        classes: shape (k,), in the order of the columns of ``probabilities``; text or whole numbers.
        index: shape (n,), identifiers of the rows.

    Returns:
        Columns ``prediction``, ``confidence`` and ``probability_<class>`` for each class.
    """
    answered = pd.DataFrame(probabilities, index, [f"probability_{name}" for name in classes])
    answered.insert(0, "confidence", probabilities.max(axis=1))
    answered.insert(0, "prediction", pd.Index(classes)[probabilities.argmax(axis=1)])  # text, even without rows
    return answered
