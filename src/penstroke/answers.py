"""What a model answers, as a table. Every stage and the service ask a model by these functions."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.base import ClassifierMixin

from kedro_guards.parameters import Parameters
from penstroke.domain import Features, Form, accept, extract_features

NEARLY = 1e-3


class Answers(Parameters):
    """How the model is asked (``params:answers``)."""

    sure_from: float = Field(ge=0, le=1, description="confidence from which an answer is not unsure")
    chunk_rows: int = Field(ge=1, description="rows that the model is asked about at once; bounds the memory")


class View(NamedTuple):
    """How a model sees rows: the form in which it takes them, and the features that it sees of them."""

    form: Form
    features: Features


def view_of(model: ClassifierMixin) -> View:
    """Return how a model sees rows, as its file says, whatever today's parameters are.

    Raises:
        ValueError: its file does not say so.
    """
    form, features = getattr(model, "form_", None), getattr(model, "features_", None)
    if form is None or features is None:
        missing = "in what form it takes rows" if form is None else "which features it sees"
        raise ValueError(
            f"the model does not say {missing}: an earlier version of the project made it; "
            "train it by `kedro run`, and promote that one by `kedro run --pipelines=promotion`"
        )
    return View(Form.model_validate(form), Features.model_validate(features))


def look_at(rows: pd.DataFrame, model: ClassifierMixin, view: View | None = None) -> pd.DataFrame:
    """Give the features by which a model sees accepted rows. Whoever hands rows to a model does it by this.

    Args:
        rows: accepted rows, as :func:`penstroke.domain.accept` makes them.
        model: a fitted classifier.
        view: :func:`view_of` the model, where it is known.

    Returns:
        The same rows: float32 features.

    Raises:
        ValueError: the model takes rows of another form, or does not say of which.
    """
    form, features = view or view_of(model)
    form.refuse_other_columns(rows)
    found = extract_features(rows, features)
    refuse_other_features(model, found.columns)
    return found


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


def answer_rows(rows: pd.DataFrame, model: ClassifierMixin, answers: Answers, view: View | None = None) -> pd.DataFrame:
    """Answer raw rows.

    Args:
        rows: in the form that the model takes; other columns are left out.
        model: a fitted classifier with calibrated ``predict_proba``.
        answers: how many rows are asked about at once, and from which confidence an answer is sure.
        view: :func:`view_of` the model, where it is known.

    Returns:
        The same rows: ``prediction``, ``confidence`` (0 to 1), ``unsure``, ``probability_<class>`` of each class. A row
        that :func:`penstroke.domain.accept` has a reason against is unsure, whatever the confidence.

    Raises:
        ValueError: the rows have another form than the model takes.
    """
    view = view or view_of(model)
    accepted, reasons = accept(rows, view.form)
    answered = ask(model, look_at(accepted, model, view), answers.chunk_rows)
    unsure = (answered["confidence"] < answers.sure_from) | reasons.ne("").to_numpy()
    answered.insert(2, "unsure", unsure)
    return answered


def ask(model: ClassifierMixin, features: pd.DataFrame, chunk_rows: int, *, by_name: bool = True) -> pd.DataFrame:
    """Ask a model about rows, some of them at once.

    Args:
        model: a fitted classifier with ``predict_proba``.
        features: float32 features.
        chunk_rows: how many rows are asked about at once; bounds the memory.
        by_name: whether the model gets the names of the features too, and may check them. That takes longer than to
            answer one row; :func:`look_at` has checked them already.

    Returns:
        The same rows: ``prediction`` (the likeliest class), ``confidence`` (its probability, 0 to 1) and
        ``probability_<class>`` for each class.

    Raises:
        ValueError: what the model gives are no probabilities: not finite, negative, or of another sum than 1.
    """
    rows = features if by_name else features.to_numpy()
    chunks = [rows[start : start + chunk_rows] for start in range(0, len(rows), chunk_rows)]
    of_none = np.empty((0, len(model.classes_)))
    probabilities = np.concatenate([of_none, *map(model.predict_proba, chunks)])
    sums = probabilities.sum(axis=1, keepdims=True)
    wrong = ~(np.abs(sums[:, 0] - 1) < NEARLY) | (probabilities < 0).any(axis=1)  # so that NaN is wrong
    if wrong.any():
        raise ValueError(
            f"the model gives no probabilities for {wrong.sum()} of {len(features)} rows: they are not finite, "
            "below 0, or do not sum to 1; train another one"
        )
    probabilities /= sums  # of float32 features they sum to 1 only nearly
    answered = pd.DataFrame(probabilities, features.index, [f"probability_{name}" for name in model.classes_])
    answered.insert(0, "confidence", probabilities.max(axis=1))
    answered.insert(0, "prediction", model.classes_[probabilities.argmax(axis=1)])
    return answered


def version_of(sha256: str) -> str:
    """Return how a model is called for short: the first twelve characters of the sha256 of its file."""
    return sha256[:12]


def trained_on(model: ClassifierMixin) -> np.ndarray | None:
    """Return the identifiers of the rows that a model was trained on; None where its file does not say."""
    return getattr(model, "row_ids_", getattr(model, "digit_ids_", None))  # the latter in files of former versions
