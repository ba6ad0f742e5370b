"""Convert incoming tables to standard types without changing rows or values, or say what is wrong with them.

Contracts do this before their checks. Types that mean the same are accepted: pandas' nullable types, Arrow's types,
categories, 3.0 and "3" as whole numbers, whole numbers as identifiers. A table of standard types is not copied.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype, is_bool_dtype, is_numeric_dtype

SEPARATORS = {";": '";"', "\t": '"\\t"', "|": '"|"', " ": '" "'}  # character: how YAML writes it
EXACT = 2**53  # float64 holds every whole number below this one
WHOLE = {"integer", "floating", "decimal", "mixed-integer", "mixed-integer-float", "string"}  # may hold whole numbers
MOST_NAMED = 5
TEXT_OF_CSV = '`load_args: {keep_default_na: false, na_values: [""]}`'


def refuse_repeated_columns(table: pd.DataFrame, asked: Iterable[str]) -> None:
    """Refuse a column that occurs twice in the table, or occurred twice in a CSV file (pandas renames it "label.1").

    Args:
        table: the incoming table.
        asked: the names that pandas may have renamed.

    Raises:
        ValueError: a column occurs twice. The message names it.

    Examples:
        >>> refuse_repeated_columns(pd.DataFrame({"label": [1], "label.1": [2]}), ["label"])
        Traceback (most recent call last):
        ...
        ValueError: column label occurs more than once, the second as label.1; keep the right one
    """
    asked = set(asked)
    for name, is_twice in zip(map(str, table.columns), table.columns.duplicated(), strict=True):
        first = name if is_twice else re.sub(r"\.\d+$", "", name)
        if is_twice or first in asked - {name}:
            shown = "" if is_twice else f", the second as {name}"
            raise ValueError(f"column {first} occurs more than once{shown}; keep the right one")


def refuse_missing_columns(table: pd.DataFrame, asked: Iterable[str]) -> None:
    """Refuse a table that lacks a required column.

    Raises:
        ValueError: columns are missing. The message names them, the columns found, and what to do.

    Examples:
        >>> refuse_missing_columns(pd.DataFrame({"Label": [1]}), ["label"])
        Traceback (most recent call last):
        ...
        ValueError: column label is missing, found Label; did you mean Label? Rename it to label
    """
    found = [str(name) for name in table.columns]
    missing = [name for name in asked if name not in found]
    if not missing:
        return
    fault = f"column{'s' * (len(missing) > 1)} {' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing"
    separator = next((mark for mark in SEPARATORS if len(found) == 1 and mark in found[0]), None)
    if separator:
        raise ValueError(
            f"{fault}: the table has one column, {found[0][:40]!r}; if that is a CSV file, give its separator "
            f"by `load_args: {{sep: {SEPARATORS[separator]}}}` in its catalog entry"
        )
    few = sorted(found, key=lambda name: bool(re.search(r"\d", name)))  # numbered columns last: there are many of them
    more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
    near = get_close_matches(missing[0], [name.lower() for name in found], n=1)
    guess = next((name for name in found if [name.lower()] == near), None)
    remedy = f"did you mean {guess}? Rename it" if guess else "rename the one that holds it"
    raise ValueError(f"{fault}, found {', '.join(few[:MOST_NAMED]) or 'none'}{more}; {remedy} to {missing[0]}")


def with_text_index(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Make identifiers the index, as text. They come from a column, or else from the present index.

    Args:
        table: the incoming table.
        name: name of the identifiers: text or whole numbers.

    Raises:
        ValueError: an identifier is missing or has another type, or column and index of that name differ.

    Examples:
        >>> with_text_index(pd.DataFrame({"wine_id": [3, 4], "alcohol": [14.2, 13.1]}), "wine_id")
                 alcohol
        wine_id
        3           14.2
        4           13.1
    """
    index = pd.Index(table[name]) if name in table.columns else table.index
    _refuse_gaps(pd.Series(index, name=name), "text")
    if isinstance(index.dtype, pd.CategoricalDtype):
        index = index.astype(index.dtype.categories.dtype)
    kind = infer_dtype(index, skipna=False)
    if kind == "floating" and _are_whole(index.to_numpy(float)).all():
        index, kind = index.astype("int64"), "integer"
    if kind not in {"string", "integer", "mixed-integer", "empty"}:
        raise ValueError(
            f"{name} must be text or whole numbers, found {index.dtype} {index[0]}; make it text that leads back to "
            "your source"
        )
    text = index.astype("str")
    if name in table.columns:
        if table.index.name == name and not text.equals(table.index.astype("str")):
            raise ValueError(f"{name} is a column and the index, which differ; keep one of them")
        return table.drop(columns=name).set_axis(text.rename(name))
    return table.rename_axis(name) if table.index.dtype == text.dtype else table.set_axis(text.rename(name))


def with_text(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Convert a column to text; a table without that column stays as it is.

    Raises:
        ValueError: a value is missing.
    """
    if name not in table.columns:
        return table
    _refuse_gaps(table[name], "text")
    return table if table[name].dtype == "str" else table.assign(**{name: table[name].astype(object).astype("str")})


def with_labels(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Convert labels to int64 if all are whole numbers, and to text otherwise.

    Text like ``"3"`` or ``"3.0"`` counts as a whole number, unless one of the labels has leading zeros.

    Raises:
        ValueError: a label is missing, empty, or neither text nor a whole number. The message names column, type,
            and what to do.

    Examples:
        >>> with_labels(pd.DataFrame({"label": ["3", "7.0"]}), "label")["label"].tolist()
        [3, 7]
        >>> with_labels(pd.DataFrame({"label": ["03", "7"]}), "label")["label"].tolist()
        ['03', '7']
    """
    column, asked = table[name], "text or whole numbers"
    _refuse_gaps(column, asked)
    if column.dtype == np.int64:
        return table
    values = column.astype(object)
    has_flags = values.map(type).isin([bool, np.bool_]).any()
    if infer_dtype(values) in {"string", "mixed-integer", "empty"} and not has_flags:
        texts = column.astype("str").str.normalize("NFC")  # so that equal letters are equal labels
        _refuse_gaps(texts.mask(texts.str.strip() == ""), asked)
        if not texts.str.fullmatch(r"-?(0|[1-9]\d*)(\.0*)?").all():
            return table if column.dtype == "str" and texts.equals(column) else table.assign(**{name: texts})
        column = texts
    return table.assign(**{name: _whole_numbers(column, flags=False, asked=asked).astype(np.int64)})


def with_gaps(column: pd.Series) -> pd.Series:
    """Convert labels to a type that allows missing values: nullable integers, or text."""
    return column.astype("Int64") if column.dtype.kind in "iu" else column.astype("str")


def with_numbers(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Convert columns to float64; a missing value becomes NaN.

    Args:
        table: a table without repeated columns.
        names: the columns to convert.

    Raises:
        ValueError: a value is no number. The message names column, value, row, and what to do.

    Examples:
        >>> with_numbers(pd.DataFrame({"alcohol": ["14.2", None]}), ["alcohol"])["alcohol"].tolist()
        [14.2, nan]
    """
    found = {}
    for name in names:
        column = table[name]
        found[name] = np.full(len(column), np.nan)
        known = column.notna().to_numpy()
        found[name][known] = values = _numbers(column[known], flags=True)
        if not np.isfinite(values).all():
            row = int((~np.isfinite(values)).argmax())
            value, place = column[known].iloc[row], column[known].index[row]
            shown = f"found {str(value)[:40]!r} in row {place}"
            raise ValueError(f"{name} must be finite numbers, {shown}; correct it, or leave the column out")
    return table.assign(**found)


def with_whole_numbers(table: pd.DataFrame, names: list[str], *, flags: bool = False) -> pd.DataFrame:
    """Convert columns of whole numbers to numpy integer types.

    Args:
        table: a table without repeated columns.
        names: the columns to convert. Columns of a numpy integer type stay as they are.
        flags: whether true and false count as 1 and 0.

    Raises:
        ValueError: a value is missing, is no whole number, or is 2**53 or more. The message names column, value,
            type, row, and what to do.

    Examples:
        >>> with_whole_numbers(pd.DataFrame({"pixel": ["0", "255.0"]}), ["pixel"])["pixel"].tolist()
        [0, 255]
    """
    kinds = table.dtypes[names]
    whole = [kind for kind in kinds.unique() if _is_whole(kind)]
    # numpy combines uint64 and a signed type into floats
    clash = np.dtype(np.uint64) if whole and np.result_type(*whole).kind == "f" else None
    odd = [name for name, kind in kinds.items() if not _is_whole(kind) or kind == clash]
    return table.assign(**{str(name): _whole_numbers(table[name], flags=flags) for name in odd}) if odd else table


def _is_whole(kind: Any) -> bool:
    return isinstance(kind, np.dtype) and kind.kind in "iu"


def _whole_numbers(column: pd.Series, *, flags: bool, asked: str = "whole numbers") -> np.ndarray:
    _refuse_gaps(column, asked)
    exact = getattr(column.dtype, "numpy_dtype", None)  # nullable types and Arrow's types have one
    if exact is not None and _is_whole(exact):
        return column.to_numpy(exact)
    values = _numbers(column, flags=flags)
    wrong = ~_are_whole(values)
    if wrong.any():
        row = int(wrong.argmax())
        value = column.iloc[row]
        shown = repr(value[:40]) if isinstance(value, str) else str(value)[:40]
        limit = " below 2**53" if np.abs(values[row]) >= EXACT else ""
        raise ValueError(
            f"{column.name} must be {asked}{limit}, found {column.dtype} {shown} in row {column.index[row]}, "
            f"such in {wrong.sum()} of {len(column)} rows; correct them, or convert them to whole numbers"
        )
    return pd.to_numeric(values.astype(np.int64), downcast="integer" if values.min(initial=0) < 0 else "unsigned")


def _are_whole(values: np.ndarray) -> np.ndarray:
    return (np.abs(values) < EXACT) & (values == np.rint(values))


def _refuse_gaps(column: pd.Series, asked: str) -> None:
    gaps = column.isna()
    if gaps.any():
        of_text = f". In a CSV file NA, None and null are empty, unless its catalog entry says {TEXT_OF_CSV}"
        raise ValueError(
            f"{column.name} must be {asked} without gaps, found {column.dtype} with {gaps.sum()} of {len(column)} rows "
            f"empty, the first is {gaps.idxmax()}; fill them in, or leave those rows out" + of_text * ("text" in asked)
        )


def _numbers(column: pd.Series, *, flags: bool) -> np.ndarray:
    """Convert a column without missing values to float64; what is no number becomes NaN."""
    kind = column.dtype
    if not isinstance(kind, pd.CategoricalDtype):
        if is_bool_dtype(kind):
            return column.to_numpy(float) if flags else np.full(len(column), np.nan)
        if is_numeric_dtype(kind) and kind.kind != "c":
            return column.to_numpy(float)
    column = column.astype(object)
    if not flags:
        column = column.mask(column.map(type).isin([bool, np.bool_]))
    if infer_dtype(column) not in WHOLE | {"boolean"}:
        return np.full(len(column), np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(float)
