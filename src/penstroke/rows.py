"""What rows of any domain have in common: identifiers, labels, a form, and the contracts of tables that come in."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from pandas.api.types import is_string_dtype
from pandera.errors import SchemaError
from pandera.pandas import Check, Column, DataFrameSchema, Index, Parser

from kedro_guards.parameters import Parameters

from .tables import refuse_missing_columns, refuse_repeated_columns, with_labels, with_text, with_text_index

SPLITS = ("train", "test")
SOME = 3  # columns that an error names


class RowForm(Parameters):
    """The form in which a model takes rows: the columns that it needs, in their order."""

    columns: list[str]

    def refuse_other_columns(self, rows: pd.DataFrame) -> None:
        """Refuse rows that lack a column.

        Raises:
            ValueError: which are missing.
        """
        if missing := [name for name in self.columns if name not in rows.columns]:
            more = f" and {len(missing) - SOME} more" if len(missing) > SOME else ""
            raise ValueError(
                f"the model takes rows with {', '.join(missing[:SOME])}{more}, found none; bring them to that form, or "
                "train and promote a model of theirs"
            )

    def facts(self) -> dict[str, Any]:
        """Return what the service tells callers of it."""
        return {"columns": self.columns}


def is_label(values: pd.Series) -> bool:
    """Whether labels are whole numbers or text, all of one kind, and none is empty."""
    is_text = is_string_dtype(values) and not (values.isna() | values.eq("")).any()
    return values.dtype.kind in "iu" or is_text


LABEL = Column(checks=Check(is_label, error="must be whole numbers, or texts that are not empty"))
SPLIT = Column(str, Check.isin(SPLITS, error="must be train or test"))


def row_schema(
    row_id: str, columns: dict[str, Column], *checks: Check, parser: Parser | None = None
) -> DataFrameSchema:
    """Make the contract of a table whose rows have identifiers: text, unique, the index."""
    return DataFrameSchema(columns, list(checks), parser, index=Index(str, unique=True, name=row_id))


def incoming_schema(
    row_id: str, standard: Callable[[pd.DataFrame], pd.DataFrame], *checks: Check, labelled: bool = False
) -> DataFrameSchema:
    """Make the contract of a table that people hand in: it is brought to standard types, and then checked.

    Args:
        row_id: name of the identifiers, a column or the index.
        standard: brings the values to standard types; raises a ValueError that says what is wrong.
        *checks: of the values.
        labelled: whether each row must have a ``label``, and may have a ``split``.
    """

    def parse(table: pd.DataFrame) -> pd.DataFrame:
        try:
            return standard(standard_rows(table, row_id, labelled=labelled))
        except ValueError as error:
            raise SchemaError(None, table, str(error)) from error  # type: ignore[no-untyped-call]

    columns = {"label": LABEL, "split": Column(str, SPLIT.checks, required=False)} if labelled else {}
    return row_schema(row_id, columns, *checks, parser=Parser(parse))


def standard_rows(
    table: pd.DataFrame, row_id: str, values: Iterable[str] = (), *, labelled: bool = False
) -> pd.DataFrame:
    """Bring identifiers, labels and splits that people hand in to standard types, with the same rows and values.

    Args:
        table: any.
        row_id: name of the identifiers, a column or the index.
        values: further columns that must not stand twice.
        labelled: whether there must be a ``label``.

    Returns:
        The table with an index of text; ``label`` of whole numbers or text, ``split`` of text.

    Raises:
        ValueError: a column is missing or stands twice, or cannot be brought to its type.
    """
    labels = ["label"] if labelled else []
    refuse_repeated_columns(table, [row_id, "split", *labels, *values])
    refuse_missing_columns(table, [*([row_id] if table.index.name != row_id else []), *labels])
    table = with_text_index(table, row_id)
    return with_text(with_labels(table, "label"), "split") if labelled else table
