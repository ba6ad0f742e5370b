"""Contracts of the tables: pandera schemas that catalog entries name under ``validator:``.

The domain defines the contracts of its own rows. Features are checked as one matrix, not column by column: the result
is the same, in a fraction of the time.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from kedro.validation import DataValidationError, PanderaValidator
from pandera.pandas import Check, Column, DataFrameSchema, Index

from penstroke import domain
from penstroke.rows import LABEL, SPLIT, TableSchema, row_schema

HAS_ROWS = Check(lambda table: len(table) > 0, error="the table has no rows")
VALUES = 1 << 22  # checked at a time
FEATURES_HAVE_GAPS = getattr(domain, "GAPS", False)
SOURCES = ("reference", "incoming", "other model", "unanswered")


class PartitionContract:
    """A contract for each table of a partitioned dataset, checked on saving, and on reading when it is loaded.

    Args:
        name: name of the dataset in error messages.
        schema: contract of each table.
    """

    def __init__(self, name: str, schema: DataFrameSchema) -> None:
        self._contract = TableContract(name, schema)

    def validate(self, data: Mapping[str, pd.DataFrame | Callable[[], pd.DataFrame]]) -> dict[str, Any]:
        """Check tables now; wrap functions that load a table, so that they check it after loading.

        Raises:
            DataValidationError: a table breaks the contract. The message names the fault and the dataset.
        """
        check = self._contract.validate
        return {
            name: (lambda part=part: check(part())) if callable(part) else check(part) for name, part in data.items()
        }


class TableContract:
    """A contract for one table, or for an iterator of tables, each checked when it is reached.

    Args:
        name: name of the dataset in error messages. Kedro cannot add it to errors that are raised during iteration.
        schema: contract of each table. Identifiers are unique within a table.
    """

    def __init__(self, name: str, schema: DataFrameSchema) -> None:
        self._name = name
        self._contract = PanderaValidator(schema)

    def validate(self, data: pd.DataFrame | Iterator[pd.DataFrame]) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Check a table now; for an iterator, return one that checks each table.

        Raises:
            DataValidationError: a table breaks the contract. The message names the fault and the dataset.
        """
        return self._check(data) if isinstance(data, pd.DataFrame) else map(self._check, data)

    def _check(self, table: pd.DataFrame) -> pd.DataFrame:
        try:
            return self._contract.validate(table)
        except DataValidationError as error:
            error.dataset_name = self._name
            raise


def _is_finite_float32(table: pd.DataFrame, *, gaps: bool = False) -> bool:
    wrong = [str(name) for name, kind in table.dtypes.items() if kind != np.float32]
    if wrong:
        raise ValueError(f"feature columns must be float32; {wrong[0]} is {table[wrong[0]].dtype}")
    # a few columns at a time, since the columns of a table that was read are no matrix yet
    many = max(1, VALUES // max(1, len(table)))
    chunks = (table.iloc[:, start : start + many] for start in range(0, table.shape[1], many))
    is_wrong = np.isinf if gaps else lambda values: ~np.isfinite(values)
    if count := sum(np.count_nonzero(is_wrong(chunk.to_numpy())) for chunk in chunks):
        raise ValueError(f"features must be finite; {count} values are not")
    return True


def _features_are_finite_float32(table: pd.DataFrame) -> bool:
    return _is_finite_float32(table.drop(columns="label", errors="ignore"), gaps=FEATURES_HAVE_GAPS)


def _descriptions_are_finite_float32(table: pd.DataFrame) -> bool:
    if "source" in table:  # only compared rows have descriptions
        described = table["source"].isin(SOURCES[:2])
        table = table if described.all() else table[described]  # which copies it
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
    """Add the check that the table has rows."""
    filled = copy(schema)
    filled.checks = [HAS_ROWS, *schema.checks]
    return filled


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
FEATURES = _rows({}, Check(_features_are_finite_float32))
TRAINING_ROWS = _rows({"label": LABEL}, Check(_features_are_finite_float32))
TEST_PREDICTIONS = _rows(
    {"label": LABEL, "prediction": LABEL, "confidence": _share()}, Check(_probabilities_sum_to_one)
)
INCOMING_DIGITS = TableContract("incoming_digits", domain.INCOMING)
DRAWING_DIGITS = TableContract("drawing_digits", domain.INCOMING)
SERVED_DIGITS = TableContract("served_digits", domain.INCOMING)
PREDICTIONS = TableContract(
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
    "prediction": Column(checks=LABEL.checks, nullable=True),
    "confidence": Column(float, Check.in_range(0, 1), nullable=True),
    "right": Column("boolean", nullable=True),
}
REFERENCE_PROFILES = PartitionContract(
    "reference_profiles", _rows(_answered, HAS_ROWS, Check(_descriptions_are_finite_float32))
)
COMPARED_DIGITS = TableContract(
    "compared_digits",
    TableSchema(
        _answered
        | {"source": Column("category", Check.isin(SOURCES)), "model_version": Column("category", nullable=True)},
        Check(_descriptions_are_finite_float32),
        index=Index(str, name=domain.ROW_ID),  # not unique: an incoming row and a reference row can share an identifier
    ),
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
