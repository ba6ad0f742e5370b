"""What each table must look like: pandera schemas that the catalog attaches by ``validator:``.

Pixels and features are checked as one matrix, not column by column: the same verdict in a fraction of the time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from kedro.validation import DataValidationError, PanderaValidator
from pandera.errors import SchemaError
from pandera.pandas import Check, Column, DataFrameSchema, Index, Parser

from penstroke.pixels import is_pixel, pixel_columns, to_images
from penstroke.tables import (
    refuse_missing_columns,
    refuse_repeated_columns,
    with_text,
    with_text_index,
    with_whole_numbers,
)

CLASSES = tuple(range(10))
SPLITS = ("train", "test")
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


def _handed_in(table: pd.DataFrame, labels: Sequence[str] = ()) -> pd.DataFrame:
    """Bring digits that people hand in to standard types, with the same rows and values.

    Raises:
        SchemaError: they cannot be brought to them.
    """
    try:
        refuse_repeated_columns(table, ["digit_id", "split", *labels, *filter(is_pixel, table.columns)])
        refuse_missing_columns(table, [*(["digit_id"] if table.index.name != "digit_id" else []), *labels])
        table = with_text_index(table, "digit_id")
        table = with_text(with_whole_numbers(table, list(labels)), "split") if labels else table
        return with_whole_numbers(table, pixel_columns(table), flags=True)
    except ValueError as error:
        raise SchemaError(None, table, str(error)) from error  # type: ignore[no-untyped-call]


def _pixels_are_whole_numbers(table: pd.DataFrame) -> bool:
    names = pixel_columns(table)
    pixels = table[names].to_numpy()
    if pixels.dtype.kind not in "iu":
        raise ValueError(f"pixels must be whole numbers without gaps; found {pixels.dtype}")
    if len(pixels) and pixels.min() < 0:
        row, column = divmod(int(pixels.argmin()), len(names))
        raise ValueError(
            f"pixels must be 0 (paper) or more; the lowest is {pixels[row, column]}, {names[column]} of "
            f"{table.index[row]}; bring them to 0 and above"
        )
    return True


def _pixels_are_bytes(table: pd.DataFrame) -> bool:
    pixels = to_images(table)
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be uint8, 0 (paper) to 255 (ink); found {pixels.dtype}")
    return True


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


def _has_rows(table: pd.DataFrame) -> bool:
    return len(table) > 0


def _digit_rows(columns: dict[str, Column], *checks: Check, parser: Parser | None = None) -> DataFrameSchema:
    return DataFrameSchema(columns, list(checks), parser, index=Index(str, unique=True, name="digit_id"))


def _share() -> Column:
    return Column(float, Check.in_range(0, 1))


def _seconds() -> Column:
    return Column(float, Check.ge(0))


_is_class = Check.isin(CLASSES, error="must be a class, 0 to 9")
_is_split = Check.isin(SPLITS, error="must be train or test")
_label, _class, _split = Column(np.int8, _is_class), Column(np.int8), Column(str, _is_split)
_combination = {"contender": Column(str), "parameters": Column(str)}

RAW_DIGITS = _digit_rows(
    {"label": Column(checks=_is_class), "split": Column(str, _is_split, required=False)},
    Check(_has_rows, error="the table has no rows"),
    Check(_pixels_are_whole_numbers),
    parser=Parser(_handed_in, labels=("label",)),
)
LABELLED_DRAWINGS = _digit_rows({"label": _label}, Check(_pixels_are_whole_numbers))
ACCEPTED_DIGITS = _digit_rows({"label": _label}, Check(_pixels_are_bytes))
REJECTED_DIGITS = _digit_rows({"label": _label, "reason": Column(str, Check.str_length(min_value=1))})
DIGITS = _digit_rows({"label": _label, "split": _split}, Check(_pixels_are_bytes))
LABELS = _digit_rows({"label": _class, "split": _split})
FEATURES = _digit_rows({}, Check(_is_finite_float32))
TRAINING_ROWS = _digit_rows({"label": _class}, Check(_features_beside_label_are_finite_float32))
TEST_PREDICTIONS = _digit_rows(
    {"label": _class, "prediction": _class, "confidence": _share()}, Check(_probabilities_sum_to_one)
)
_incoming = _digit_rows({}, Check(_pixels_are_whole_numbers), parser=Parser(_handed_in))
INCOMING_DIGITS = InChunks("incoming_digits", _incoming)
DRAWING_DIGITS = InChunks("drawing_digits", _incoming)
PREDICTIONS = InChunks(
    "predictions",
    _digit_rows(
        {
            "prediction": _class,
            "confidence": _share(),
            "unsure": Column(bool),
            "model_version": Column(str, Check.str_matches("^[0-9a-f]{12}$")),
            "model_receipt": Column(str, Check.str_matches("^[0-9a-f]{64}$")),
        },
        Check(_probabilities_sum_to_one),
    ),
)
_answered = {
    "prediction": Column("Int8", nullable=True),
    "confidence": Column(float, Check.in_range(0, 1), nullable=True),
    "right": Column("boolean", nullable=True),
}
REFERENCE_PROFILES = InPartitions(
    "reference_profiles", _digit_rows(_answered, Check(_has_rows), Check(_what_is_seen_is_finite_float32))
)
COMPARED_DIGITS = DataFrameSchema(
    _answered | {"source": Column(str, Check.isin(SOURCES)), "model_version": Column(str, nullable=True)},
    Check(_what_is_seen_is_finite_float32),
    index=Index(str, name="digit_id"),  # what came in may be called as a reference digit is
)
REJECTED_DRAWINGS = DataFrameSchema(
    {"reason": Column(str, Check.str_length(min_value=1))}, index=Index(str, name="digit_id")
)
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
