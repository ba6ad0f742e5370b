"""Score a model on the test rows. The report and the gate use the same functions."""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import binomtest
from sklearn.base import ClassifierMixin
from sklearn.metrics import precision_recall_fscore_support

from kedro_guards.parameters import Parameters

from .answers import ask, look_at


class Scoring(Parameters):
    """How the test rows are scored (``params:scoring``)."""

    interval: float = Field(gt=0, lt=1, description="confidence level of the accuracy's interval")
    chunk_rows: int = Field(ge=1, description="rows per call of the model; limits memory")
    calibration_bins: int = Field(ge=2, le=100, description="number of confidence bins, of equal width from 0 to 1")


def answer_test_rows(model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> pd.DataFrame:
    """Predict the test rows, with the features that the model itself was trained on.

    Args:
        model: a fitted classifier with ``predict_proba``.
        rows: accepted rows, with ``label`` and ``split``.
        scoring: sets the rows per call of the model.

    Returns:
        For the test rows: ``label``, ``prediction`` (the likeliest class), ``confidence`` (its probability, 0 to 1)
        and ``probability_<class>`` for each class.

    Raises:
        ValueError: the model takes rows of another form.
    """
    test = rows[rows["split"] == "test"]
    answers = ask(model, look_at(test, model), scoring.chunk_rows)
    answers.insert(0, "label", test["label"])
    return answers


def score_answers(test_predictions: pd.DataFrame, model_sha256: str, scoring: Scoring) -> dict[str, Any]:
    """Score predictions of labelled rows. All scores except counts and ``log_loss`` are between 0 and 1.

    Args:
        test_predictions: ``label``, ``prediction``, ``confidence`` and the probabilities.
        model_sha256: sha256 of the file of the model that made the predictions.
        scoring: the level of the interval and the number of calibration bins.

    Returns:
        ``accuracy`` with ``accuracy_low`` and ``accuracy_high`` (Wilson's interval at level ``interval``),
        ``macro_f1``, ``rows``, ``errors``, ``confidence_mean``, ``calibration_error`` (see :func:`bin_by_confidence`),
        ``log_loss``, ``model_sha256``, and ``precision_<class>``, ``recall_<class>`` and ``f1_<class>`` for each class
        that occurs among the labels; ``macro_f1`` is the plain mean of these ``f1_<class>``.

    Source: the interval, Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22(158), 1927.
    """
    label, prediction = test_predictions["label"], test_predictions["prediction"]
    rows, right = len(label), int((label == prediction).sum())
    interval = binomtest(right, rows).proportion_ci(scoring.interval, method="wilson")
    occurring = sorted(set(label))
    bins = bin_by_confidence(test_predictions, scoring.calibration_bins)
    by_class = precision_recall_fscore_support(label, prediction, labels=occurring, zero_division=0.0)[:3]
    return {
        "accuracy": right / rows,
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
        "interval": scoring.interval,
        "macro_f1": float(by_class[2].mean()),
        "rows": rows,
        "errors": rows - right,
        "confidence_mean": float(test_predictions["confidence"].mean()),
        "calibration_error": float((bins["rows"] * (bins["accuracy"] - bins["confidence"]).abs()).sum() / rows),
        "model_sha256": model_sha256,
        "log_loss": _log_loss(test_predictions),
        **{
            f"{name}_{class_}": float(figure)
            for class_, figures in zip(occurring, zip(*by_class, strict=True), strict=True)
            for name, figure in zip(("precision", "recall", "f1"), figures, strict=True)
        },
    }


def _log_loss(answers: pd.DataFrame) -> float:
    """Return the mean negative log-probability of the right class; a class that the model does not know has 0."""
    names = pd.Index("probability_" + answers["label"].astype("str"))
    place = answers.columns.get_indexer(names)
    right = np.where(place < 0, 0.0, answers.to_numpy(object)[np.arange(len(answers)), place])
    return float(-np.log(np.clip(right.astype(float), np.finfo(float).eps, 1)).mean())


def bin_by_confidence(predictions: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Compare confidence with accuracy in bins of equal width.

    The mean gap between the two, weighted by rows, is the expected calibration error.

    Args:
        predictions: ``label``, ``prediction`` and ``confidence``.
        bins: number of bins from 0 to 1.

    Returns:
        One row per bin that is not empty: mean ``confidence``, ``accuracy`` (both 0 to 1) and number of ``rows``.

    Examples:
        >>> predictions = pd.DataFrame({"label": [1, 1, 2], "prediction": [1, 2, 2], "confidence": [0.5, 0.7, 0.9]})
        >>> bin_by_confidence(predictions, bins=2)
             confidence  accuracy  rows
        bin
        1           0.7  0.666667     3

    Source: the expected calibration error, Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural
    networks", ICML 2017, section 2.
    """
    right = predictions["label"] == predictions["prediction"]
    place = (predictions["confidence"] * bins).astype(int).clip(upper=bins - 1)
    answers = pd.DataFrame({"confidence": predictions["confidence"], "accuracy": right.astype(float)})
    grouped = answers.groupby(place.rename("bin"))
    return grouped.mean().assign(rows=grouped.size())
