"""Predict any number of rows."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.answers import answer_rows
from penstroke.models import Answers, version_of, view_of
from penstroke.pools import map_in_order


def classify_rows(
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    production_model: ClassifierMixin,
    production_receipt: dict[str, Any],
    answers: Answers,
) -> Iterator[pd.DataFrame]:
    """Predict one table after another, lazily, so that few of them are in memory.

    Args:
        rows: one table, or an iterable of tables, as :func:`penstroke.answers.answer_rows` takes them.
        production_model: a fitted classifier with calibrated ``predict_proba``.
        production_receipt: its receipt, with ``sha256``.
        answers: rows per call of the model, and the lowest confidence of a sure answer.

    Returns:
        An iterator over tables as :func:`penstroke.answers.answer_rows` returns them, with the ``model_version`` of
        the model and ``model_receipt``, the sha256 in its receipt.

    Raises:
        ValueError: the rows have another form than the model takes.
    """
    sha256, view = production_receipt["sha256"], view_of(production_model)
    made_by = {"model_version": version_of(sha256), "model_receipt": sha256}
    tables = [rows] if isinstance(rows, pd.DataFrame) else rows
    answered = map_in_order(partial(answer_rows, model=production_model, answers=answers, view=view), tables)
    return (table.assign(**made_by) for table in answered)
