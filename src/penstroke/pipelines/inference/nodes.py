"""Ask the model about rows, however many."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.answers import Answers, answer_rows, version_of, view_of


def classify_rows(
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    production_model: ClassifierMixin,
    production_receipt: dict[str, Any],
    answers: Answers,
) -> Iterator[pd.DataFrame]:
    """Answer table after table, each when it is asked for, so that memory holds one of them whatever their number.

    Args:
        rows: tables as :func:`penstroke.answers.answer_rows` takes them, or one such table.
        production_model: a fitted classifier with calibrated ``predict_proba``.
        production_receipt: what is cited of its receipt.
        answers: from which confidence an answer is sure.

    Returns:
        An iterator over tables as :func:`penstroke.answers.answer_rows` returns them, each row with the
        ``model_version`` that answered and the ``model_receipt``, the sha256 of its content that the receipt states.

    Raises:
        ValueError: the rows have another form than the model takes.
    """
    sha256, view = production_receipt["sha256"], view_of(production_model)
    made_by = {"model_version": version_of(sha256), "model_receipt": sha256}
    tables = [rows] if isinstance(rows, pd.DataFrame) else rows
    return (answer_rows(table, production_model, answers, view).assign(**made_by) for table in tables)
