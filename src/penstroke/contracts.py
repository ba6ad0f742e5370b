"""What each table must look like: pandera schemas that the catalog attaches by ``validator:``.

What rows of the domain must look like, the domain says. Features are checked as one matrix, not column by column: the
same verdict in a fraction of the time.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from kedro.validation import DataValidationError, PanderaValidator
from pandas.api.types import is_string_dtype
from pandera.pandas import Check, Column, DataFrameSchema, Index

from penstroke import domain
from penstroke.rows import LABEL, SPLIT, row_schema

HAS_ROWS = Check(lambda table: len(table) > 0, error="the table has no rows")
SOURCES = ("reference", "incoming", "other model", "unanswered")


class InPartitions:
    """A contract for each table of a folder: when it is saved, and when it is read, which its turn decides.

    Args:
        name: what an error calls the dataset.
        schema: what each table must look like.
    """

    def __init__(self, name: str, schema: DataFrameSchema) -> None:
        self._contract = InChunks(name, schema)

    def validate(self, data: Mapping[str, pd.DataFrame | Callable[[], pd.DataFrame]]) -> dict[str, Any]:
        """Check tables now, and those that are still to be read when they are.

        Raises:
            DataValidationError: with what is wrong, and the dataset's name.
        """
        return {name: self._checked(part) for name, part in data.items()}

    def _checked(self, part: pd.DataFrame | Callable[[], pd.DataFrame]) -> Any:
        return (lambda: self._contract.validate(part())) if callable(part) else self._contract.validate(part)


class InChunks:
    """A contract for a table, or for tables that come one after the other: each is checked when its turn comes.

    Args:
        name: what an error calls the dataset, since Kedro does not see it when it is raised in the middle.
        schema: what a table, or each of them, must look like. Identifiers are unique within each.
    """

    def __init__(self, name: str, schema: DataFrameSchema) -> None:
        self._name = name
        self._contract = PanderaValidator(schema)

    def validate(self, data: pd.DataFrame | Iterator[pd.DataFrame]) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Check a table now, or have each of an iterator checked on its way.

        Raises:
            DataValidationError: with what is wrong, and the dataset's name.
        """
        return self._check(data) if isinstance(data, pd.DataFrame) else map(self._check, data)

    def _check(self, table: pd.DataFrame) -> pd.DataFrame:
        try:
            return self._contract.validate(table)
        except DataValidationError as error:
            error.dataset_name = self._name
            raise


def _is_finite_float32(table: pd.DataFrame) -> bool:
    wrong = [str(name) for name, kind in table.dtypes.items() if kind != np.float32]
    if wrong:
        raise ValueError(f"feature columns must be float32; {wrong[0]} is {table[wrong[0]].dtype}")
    values = table.to_numpy()
    if not np.isfinite(values).all():
        raise ValueError(f"features must be finite; {np.count_nonzero(~np.isfinite(values))} values are not")
    return True


def _features_beside_label_are_finite_float32(table: pd.DataFrame) -> bool:
    return _is_finite_float32(table.drop(columns="label", errors="ignore"))


def _what_is_seen_is_finite_float32(table: pd.DataFrame) -> bool:
    if "source" in table:  # rows that are not compared are not described
        table = table[table["source"].isin(SOURCES[:2])]
    return _is_finite_float32(table.drop(columns=[*_answered, "source", "model_version"], errors="ignore"))


def _probabilities_sum_to_one(table: pd.DataFrame) -> bool:
    probabilities = table.filter(regex="^probability_")
    if probabilities.shape[1] < 2:
        raise ValueError("there must be a column probability_<class> for each class")
    if (probabilities < 0).any(axis=None):
        raise ValueError("probabilities must be 0 or more")
    if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-5):
        raise ValueError("the probabilities of a row must sum to 1")
    return True


def _not_empty(schema: DataFrameSchema) -> DataFrameSchema:
    """Ask for rows, too."""
    filled = copy(schema)
    filled.checks = [HAS_ROWS, *schema.checks]
    return filled


def _is_some_label(values: pd.Series) -> bool:
    return values.dtype.kind in "iu" or is_string_dtype(values)


def _rows(columns: dict[str, Column], *checks: Check) -> DataFrameSchema:
    return row_schema(domain.ROW_ID, columns, *checks)


def _share() -> Column:
    return Column(float, Check.in_range(0, 1))


def _seconds() -> Column:
    return Column(float, Check.ge(0))


_reason = {"reason": Column(str, Check.str_length(min_value=1))}
_combination = {"contender": Column(str), "parameters": Column(str)}

RAW_DIGITS = _not_empty(domain.RAW)
LABELLED_DRAWINGS = domain.RAW
ACCEPTED_DIGITS = _rows({"label": LABEL}, domain.ACCEPTED)
REJECTED_DIGITS = _rows({"label": LABEL} | _reason)
DIGITS = _rows({"label": LABEL, "split": SPLIT}, domain.ACCEPTED)
LABELS = _rows({"label": LABEL, "split": SPLIT})
FEATURES = _rows({}, Check(_is_finite_float32))
TRAINING_ROWS = _rows({"label": LABEL}, Check(_features_beside_label_are_finite_float32))
TEST_PREDICTIONS = _rows(
    {"label": LABEL, "prediction": LABEL, "confidence": _share()}, Check(_probabilities_sum_to_one)
)
INCOMING_DIGITS = InChunks("incoming_digits", domain.INCOMING)
DRAWING_DIGITS = InChunks("drawing_digits", domain.INCOMING)
SERVED_DIGITS = InChunks("served_digits", domain.INCOMING)
PREDICTIONS = InChunks(
    "predictions",
    _rows(
        {
            "prediction": LABEL,
            "confidence": _share(),
            "unsure": Column(bool),
            "model_version": Column(str, Check.str_matches("^[0-9a-f]{12}$")),
            "model_receipt": Column(str, Check.str_matches("^[0-9a-f]{64}$")),
        },
        Check(_probabilities_sum_to_one),
    ),
)
_answered = {
    "prediction": Column(checks=Check(_is_some_label), nullable=True),
    "confidence": Column(float, Check.in_range(0, 1), nullable=True),
    "right": Column("boolean", nullable=True),
}
REFERENCE_PROFILES = InPartitions(
    "reference_profiles", _rows(_answered, HAS_ROWS, Check(_what_is_seen_is_finite_float32))
)
COMPARED_DIGITS = DataFrameSchema(
    _answered | {"source": Column(str, Check.isin(SOURCES)), "model_version": Column(str, nullable=True)},
    Check(_what_is_seen_is_finite_float32),
    index=Index(str, name=domain.ROW_ID),  # what came in may be called as a row of the reference is
)
ODDEST_DIGITS = DataFrameSchema(
    {"prediction": LABEL, "confidence": _share(), "column": Column(str), "value": Column(np.float32)},
    index=Index(str, name=domain.ROW_ID),
)
REJECTED_DRAWINGS = DataFrameSchema(_reason, index=Index(str, name=domain.ROW_ID))
SEARCH_RESULTS = DataFrameSchema(_combination | {"fold": Column(int, Check.ge(0)), "accuracy": _share()})
TIMINGS = DataFrameSchema(_combination | {"fit_s": _seconds(), "score_s": _seconds()})
LEADERBOARD = DataFrameSchema(
    _combination
    | {
        "accuracy_mean": _share(),
        "accuracy_sd": Column(float, Check.ge(0)),
        "combinations": Column(int, Check.ge(1)),
    },
    unique=["contender"],
)
