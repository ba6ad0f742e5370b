"""Find out what the columns of a table are, and write them down as the module ``columns`` of the domain."""

import math
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
from penstroke.domain.kinds import as_dates

from penstroke.tables import with_labels

from .csv_files import read_head

LEAST_ROWS = 4  # per class: one for the test, and two folds need two others, and one is left
MOST_VALUES = 50  # of a category
MOST_CODES, ROWS_PER_CODE = 8, 5  # whole numbers that are taken for a category
MOST_NAMED = 5
REPEATED = 0.05  # share of the rows from which on equal rows are no accident
ISO = "ISO8601"
DATES: tuple[str, ...] = (
    ISO,
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%y",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
)
DATES += ("%d-%m-%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")
TAKEN = re.compile(
    r"label|split|reason|unreadable|prediction|confidence|right|source|unsure|model_version|model_receipt"
    r"|(copy_\d+|probability)_.*"
)
IDENTIFIER = re.compile(r"(.*[^a-z])?(id|nr|no|key|index|uuid|unnamed: \d+)|.+Id", re.IGNORECASE)


@dataclass
class Found:
    """What was found in the head of a table.

    Attributes:
        load_args: how pandas reads the file.
        rows: number of rows that were read.
        classes: number of rows by class.
        columns: the kind of each column as code, by the name that the project uses.
        names: the name that the project uses, by the name in the table, where they differ.
        told: what a person should know of each column.
        left_out: the reason for each column that is left out.
        repeats: whether many rows repeat the values of others.
    """

    load_args: dict[str, Any]
    rows: int
    classes: dict[str | int, int]
    columns: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    repeats: bool = False


def find_columns(table: Path, label: str, identifier: str | None, row_id: str) -> Found:
    """Find out from the head of a table how it is read, and what its columns are.

    Args:
        table: a CSV file.
        label: name of the column of classes.
        identifier: name of the column of identifiers; None numbers the rows.
        row_id: the name of identifiers in the project.

    Raises:
        ValueError: the file cannot be read, a column is missing or occurs twice, or the classes cannot be learned.
    """
    asked = {label: "label"} | ({} if identifier is None else {identifier: row_id})
    head, options = read_head(table, [*asked, row_id])
    _refuse_missing(table, list(map(str, head.columns)), list(asked))
    if not len(head):
        raise ValueError(f"{table} has names of columns, but no rows")
    if identifier is None and row_id in head and not head[row_id].isna().any() and not head[row_id].duplicated().any():
        asked[row_id] = row_id
    for name, ours in asked.items():
        if ours == row_id and (head[name].isna().any() or head[name].duplicated().any()):
            raise ValueError(f"column {name!r} identifies no rows: some of its values are missing, or occur twice")
    found = Found(options, len(head), _count_classes(head, label))
    found.names = {name: ours for name, ours in asked.items() if name != ours}
    for name in head.columns.drop(list(asked)):
        code, told = _kind_of(head[name])
        if name == "split" and set(head[name].dropna()) <= {"train", "test"}:
            found.told[name] = "says which rows are for the training, and which for the test"
        elif not code:
            found.left_out[name] = told
        else:
            ours = f"column {name}" if name == row_id or TAKEN.fullmatch(name) else name
            found.names |= {} if ours == name else {name: ours}
            found.columns[ours], found.told[name] = code, told
    if not found.columns:
        why = "; ".join(f"{name} is {reason}" for name, reason in [*found.left_out.items()][:2])
        raise ValueError(f"{table} has no column to learn from beside {label!r}" + (f": {why}" if why else ""))
    found.repeats = bool(head[list(found.told)].duplicated().mean() > REPEATED)
    return found


def _refuse_missing(table: Path, names: list[str], asked: list[str]) -> None:
    for name in asked:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            remedy = f"did you mean {near[0]!r}?" if near else "its first line must hold the names of the columns"
            raise ValueError(f"{table} has no column {name!r}, found {', '.join(names[:MOST_NAMED])}{more}; {remedy}")


def _count_classes(head: pd.DataFrame, label: str) -> dict[str | int, int]:
    """Count the rows of each class, and refuse what no model can learn."""
    gaps = head[label].isna()
    if gaps.any():
        raise ValueError(
            f"label {label!r} is missing in {gaps.sum()} of {len(head)} rows, the first is row {gaps.argmax() + 1}; "
            'fill it in, or leave those rows out ("NA" and "None" are read as missing: rename such a class)'
        )
    counted = with_labels(head[[label]], label)[label].value_counts().sort_index()
    counts = {name if isinstance(name, str) else int(str(name)): int(count) for name, count in counted.items()}
    if len(counts) == 1:
        raise ValueError(
            f"label {label!r} is {next(iter(counts))} in all {len(head)} rows; a model needs rows of 2 classes or more"
        )
    if rare := [f"{name} ({count})" for name, count in counts.items() if count < LEAST_ROWS]:
        more = f" and {len(rare) - MOST_NAMED} more" if len(rare) > MOST_NAMED else ""
        raise ValueError(
            f"label {label!r} has classes of fewer than {LEAST_ROWS} rows: {', '.join(rare[:MOST_NAMED])}{more}; give "
            "more rows of them, leave them out, or name the column that holds the classes"
        )
    return counts


def _kind_of(column: pd.Series) -> tuple[str, str]:
    """Return the kind of a column as code, and what a person should know; without code it is left out."""
    known = column.dropna()
    if known.nunique() < 2:
        return "", f"always {str(known.iloc[0])[:40]!r}" if len(known) else "without any value"
    share = float(column.isna().mean())
    gaps = f", {max(share, 0.001):.1%} missing" if share else ""
    missing = ["missing=True"] if share else []
    if known.dtype.kind in "iufb" or set(known.map(type)) <= {bool}:
        code, told = _kind_of_numbers(known)
    else:
        code, told = _kind_of_texts(known.astype("str"))
    return (f"{code[0]}({', '.join([*code[1:], *missing])})", f"{told}{gaps}") if code else ("", told)


def _kind_of_numbers(known: pd.Series) -> tuple[list[str], str]:
    numbers = known.astype(float)
    low, high, distinct = float(numbers.min()), float(numbers.max()), numbers.nunique()
    if known.dtype.kind not in "iuf":
        return ["Number", "0", "1"], "true or false"
    if (numbers == numbers.round()).all():
        is_count = high - low + 1 == len(known)
        if distinct == len(known) and (is_count or IDENTIFIER.fullmatch(str(known.name))):
            return [], f"another whole number in each row (--id={known.name!r}, if it identifies rows)"
        if 2 < distinct <= MOST_CODES and len(known) >= ROWS_PER_CODE * distinct:
            values = [str(int(value)) for value in sorted(numbers.unique())]
            return ["Category", repr(values)], f"category of {distinct} whole numbers; Number, if they are amounts"
    return ["Number", *_limits(low, high)], f"number, {low:g} to {high:g}"


def _kind_of_texts(texts: pd.Series) -> tuple[list[str], str]:
    counts = texts.value_counts()
    if texts.str.fullmatch(r"\d.*[-/.].*\d\S*").all():
        for written in DATES:
            days = as_dates(texts, written)
            if days.notna().all():
                other = {"%d/%m/%Y": "%m/%d/%Y", "%d/%m/%Y %H:%M": "%m/%d/%Y %H:%M"}.get(written)
                doubt = "; month before day is possible" if other and as_dates(texts, other).notna().all() else ""
                code = ["Date", *([] if written == ISO else [repr(written)])]
                return code, f"date, {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}{doubt}"
    if len(counts) > 0.9 * len(texts):
        return [], f"text, another in nearly each row (--id={texts.name!r}, if it identifies rows)"
    if len(counts) > MOST_VALUES and counts.iloc[:MOST_VALUES].sum() < len(texts) / 2:
        return [], f"text of {len(counts)} different values"
    values = sorted(counts.index[:MOST_VALUES])
    rare = f" and {len(counts) - MOST_VALUES} rare ones" if len(counts) > MOST_VALUES else ""
    numbers = float(pd.to_numeric(texts, errors="coerce").notna().mean())
    doubt = "; some are numbers, some are not" if 0.5 < numbers < 1 else ""
    return ["Category", repr(values)], f"category of {len(values)} values{rare}{doubt}"


def _limits(low: float, high: float) -> tuple[str, str]:
    """Return limits that lie as far outside the values as these lie apart; not below 0 where no value does."""
    if (low, high) == (0, 1):
        return "0", "1"
    span = (high - low) or 1.0
    step = 10.0 ** (math.floor(math.log10(span)) - 1)
    least = max(low - span, 0.0) if low >= 0 else low - span
    return f"{math.floor(least / step) * step:.10g}", f"{math.ceil((high + span) / step) * step:.10g}"


def write_columns(found: Found, table: str) -> str:
    """Write the module ``columns`` of the domain.

    Args:
        found: what was found.
        table: name of the table.
    """
    kinds = sorted({code.partition("(")[0] for code in found.columns.values()})
    names = ", ".join(f"{name!r}: {ours!r}" for name, ours in found.names.items())
    columns = "".join(f"    {name!r}: {code},\n" for name, code in found.columns.items())
    left_out = "".join(f"# left out, {' '.join(name.split())}: {why}\n" for name, why in found.left_out.items())
    return f'''"""The columns: `kedro draft` found them in a table, and you change what you know better."""

from .kinds import {", ".join(kinds)}

# fmt: off
TABLE = {table!r}  # where they were found
# the project's names for columns that the table names otherwise
NAMES: dict[str, str] = {{{names}}}
CLASSES = {list(found.classes)!r}
REPEATS = {found.repeats}  # whether rows of the same values may all be right; if not, the first of them is used
# a row is rejected where a number lies outside its limits, or a value is missing and `missing` is not said
COLUMNS = {{
{columns}}}
{left_out}'''
