"""Find out how a CSV file is written: separator, encoding, decimal commas, signs for missing values."""

import codecs
import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd

HEAD = 100_000  # rows that are read
SNIFFED = 2**16  # bytes that say how the file is written
SEPARATORS = ",;\t|"
GAPS = ("?", "-", "--")  # that people write for a missing value
LINES = 20  # that are looked at before pandas reads the file


def read_head(table: Path, texts: list[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the head of a CSV file.

    Args:
        table: the file.
        texts: columns to read as text. Those that the table does not have are left out.

    Returns:
        The first rows, and the arguments by which :func:`pandas.read_csv` reads the file so.

    Raises:
        ValueError: the file is empty or no CSV file, a column occurs twice, or a line has too many values.
    """
    options, names = _sniff(table)
    options["dtype"] = {name: "str" for name in texts if name in names}
    head = _read(table, options)
    found = _numbers_in_disguise(head.drop(columns=list(options["dtype"])))
    if found:
        options |= found
        head = _read(table, options)
    return head, options


def _sniff(table: Path) -> tuple[dict[str, Any], list[str]]:
    with table.open("rb") as file:
        content = file.read(SNIFFED)
    if not content.strip():
        raise ValueError(f"{table} is empty; it needs a line with the names of the columns, and a line for each row")
    if b"\0" in content:
        raise ValueError(f"{table} is no CSV file; save it as CSV in UTF-8, with the names of the columns first")
    options: dict[str, Any] = {}
    if content.startswith(codecs.BOM_UTF8):
        content, options["encoding"] = content.removeprefix(codecs.BOM_UTF8), "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        text, options["encoding"] = content.decode("cp1252", errors="replace"), "cp1252"
    separator = max(SEPARATORS, key=lambda mark: len(next(csv.reader(io.StringIO(text), delimiter=mark))))
    if separator != ",":
        options["sep"] = separator
    lines = [line for line in csv.reader(io.StringIO(text), delimiter=separator) if line][:LINES]
    spaced = [value[:1] == " " for line in lines for value in line[1:]]
    if spaced and all(spaced):
        options["skipinitialspace"] = True
        lines = [[value.lstrip() for value in line] for line in lines]
    names = lines[0]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise ValueError(f"{table} has the column {twice[0]!r} more than once; rename one of them")
    if longer := next((line for line in lines if len(line) > len(names)), None):
        raise ValueError(
            f"{table} has {len(names)} names in its first line, but a line with {len(longer)} values; give each column "
            "a name, and quote values that hold the separator"
        )
    return options, names


def _read(table: Path, options: dict[str, Any]) -> pd.DataFrame:
    try:
        return pd.read_csv(table, nrows=HEAD, **options)
    except UnicodeDecodeError:
        if "encoding" in options:
            raise
        options["encoding"] = "cp1252"
        return _read(table, options)
    except ValueError as error:  # pandas' errors of parsing are such
        raise ValueError(f"{table} cannot be read: {' '.join(str(error).split())}; correct that line") from None


def _numbers_in_disguise(head: pd.DataFrame) -> dict[str, Any]:
    """Find decimal commas, and signs for a missing value, which keep a column from being numbers."""
    found: dict[str, Any] = {}
    for name in head.select_dtypes(["object", "str"]):
        values = head[name].dropna().astype("str")
        known = values[~values.isin(GAPS)]
        if not len(known) or not known.str.fullmatch(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?").all():
            continue
        if len(known) < len(values):
            found["na_values"] = sorted({*found.get("na_values", []), *values[values.isin(GAPS)]})
        if known.str.contains(",").any() and not known.str.contains(".", regex=False).any():
            found["decimal"] = ","
    return found
