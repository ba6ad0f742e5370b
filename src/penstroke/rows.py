"""Shared by tables of every domain: identifiers, labels, contracts of incoming tables."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from pandas.api.types import is_string_dtype
from pandera.errors import SchemaError
from pandera.pandas import Check, Column, DataFrameSchema, Index, Parser

from .tables import refuse_missing_columns, refuse_repeated_columns, with_labels, with_text, with_text_index

SPLITS = ("train", "test")


def is_label(values: pd.Series) -> bool:
    """Whether labels are all whole numbers, or all text without missing and empty values.

    Examples:
        >>> is_label(pd.Series([0, 7]))
        True
        >>> is_label(pd.Series(["benign", ""], dtype="str"))
        False
        >>> is_label(pd.Series([0.5, 1.0]))
        False
    """
    is_text = is_string_dtype(values) and not (values.isna() | values.eq("")).any()
    return values.dtype.kind in "iu" or is_text


LABEL = Column(checks=Check(is_label, error="must be whole numbers, or texts that are not empty"))
SPLIT = Column(str, Check.isin(SPLITS, error="must be train or test"))


class TableSchema(DataFrameSchema):
    """A pandera schema that copies no values: whatever a parser changes, pandas copies when it is written to."""

    def validate(self, check_obj: pd.DataFrame, *arguments: Any, **options: Any) -> pd.DataFrame:
        """Validate a shallow copy. Arguments, result and errors are those of pandera's ``validate``."""
        return super().validate(check_obj.copy(deep=False), *arguments, **options | {"inplace": True})

    @classmethod
    def get_backend(cls, *arguments: Any, **options: Any) -> Any:
        """Return what checks: that of pandera's own class, since it looks for the very class."""
        return DataFrameSchema.get_backend(*arguments, **options)


def row_schema(
    row_id: str, columns: dict[str, Column], *checks: Check, parser: Parser | None = None
) -> DataFrameSchema:
    """Make the contract of a table whose index holds the identifiers: text, unique.

    Args:
        row_id: name of the index, such as ``row_id``.
        columns: type and checks of each column, by its name; the table has these and no others.
        checks: of the whole table.
        parser: converts a table before it is checked.
    """
    return TableSchema(columns, list(checks), parser, index=Index(str, unique=True, name=row_id))


def incoming_schema(
    row_id: str,
    standard: Callable[[pd.DataFrame], pd.DataFrame],
    *checks: Check,
    labelled: bool = False,
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> DataFrameSchema:
    """Make the contract of an incoming table: it is converted to standard types first, then checked.

    Args:
        row_id: name of the identifiers, which are a column or the index.
        standard: converts the values to standard types; raises a ValueError that says what is wrong.
        *checks: checks of the values.
        labelled: whether a ``label`` is required, and a ``split`` allowed.
        prepare: renames columns before everything else, if the table has other names; raises a ValueError too.
    """

    def parse(table: pd.DataFrame) -> pd.DataFrame:
        try:
            named = prepare(table) if prepare else table
            return standard(standard_rows(named, row_id, labelled=labelled))
        except ValueError as error:
            raise SchemaError(None, table, str(error)) from error  # type: ignore[no-untyped-call]

    columns = {"label": LABEL, "split": Column(str, SPLIT.checks, required=False)} if labelled else {}
    return row_schema(row_id, columns, *checks, parser=Parser(parse))


def standard_rows(
    table: pd.DataFrame, row_id: str, values: Iterable[str] = (), *, labelled: bool = False
) -> pd.DataFrame:
    """Convert identifiers, labels and splits of an incoming table to standard types. Rows and values stay the same.

    Args:
        table: the incoming table.
        row_id: name of the identifiers, which are a column, or else the index, if that has a name.
        values: further columns that must not occur twice.
        labelled: whether a ``label`` is required.

    Returns:
        The table with an index of text, ``label`` of int64 or text, and ``split`` of text.

    Raises:
        ValueError: a column is missing, occurs twice, or cannot be converted.

    Examples:
        >>> table = pd.DataFrame({"wine_id": [3, 4], "label": ["1.0", "2"], "alcohol": [14.2, 13.1]})
        >>> standard_rows(table, "wine_id", labelled=True)
                 label  alcohol
        wine_id
        3            1     14.2
        4            2     13.1
    """
    labels = ["label"] if labelled else []
    refuse_repeated_columns(table, [row_id, "split", *labels, *values])
    refuse_missing_columns(table, [*([row_id] if table.index.name is None else []), *labels])
    table = with_text_index(table, row_id)
    return with_text(with_labels(table, "label"), "split") if labelled else table
