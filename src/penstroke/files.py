"""Rows from files, for domains that can read files."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

import numpy as np
import pandas as pd

from penstroke import domain


def read_files(
    files: Mapping[str, Callable[[], bytes]], form: domain.Form, reading: "domain.Reading"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn files into rows. Only one file is in memory at a time.

    Args:
        files: by file name, a function that returns the bytes, or raises a ValueError if the file cannot be read.
        form: form of the rows.
        reading: how a file becomes a row.

    Returns:
        The rows in that form, and the rejected files with the ``reason``. File names are the index of both.
    """
    rows: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    for name, content in files.items():
        try:
            rows[name] = domain.read(content(), form, reading)
        except ValueError as error:
            reasons[name] = str(error)
    values = np.stack(list(rows.values())) if rows else np.empty((0, len(form.columns)), np.uint8)
    table = pd.DataFrame(values, _ids(rows), form.columns)
    return table, pd.DataFrame({"reason": pd.Series(reasons.values(), dtype="str")}).set_axis(_ids(reasons))


def labelled_name(label: object, row_id: str) -> str:
    """Return the file name for a row and its right label: ``<label>_<identifier>``, label escaped as in URLs.

    Examples:
        >>> labelled_name(7, "scan12.png")
        '7_scan12.png'
        >>> labelled_name("a/b", "1.png")
        'a%2Fb_1.png'
    """
    return f"{quote(str(label), safe='')}_{row_id}"


def label_and_id(name: str, classes: Iterable[object]) -> tuple[str, str] | None:
    """Split a name made by :func:`labelled_name` into label (as text) and identifier.

    Returns:
        None if the name does not begin with one of the classes. If several fit, the longest class counts.

    Examples:
        >>> label_and_id("7_scan12.png", range(10))
        ('7', 'scan12.png')
        >>> label_and_id("scan12.png", range(10)) is None
        True
        >>> label_and_id("iris_setosa_1.png", ["iris", "iris_setosa"])
        ('iris_setosa', '1.png')
    """
    for class_ in sorted(map(str, classes), key=len, reverse=True):
        for written in (class_, quote(class_, safe="")):
            if name.startswith(f"{written}_") and len(name) > len(written) + 1:
                return class_, name[len(written) + 1 :]
    return None


def _ids(names: Iterable[str]) -> pd.Index:
    return pd.Index(list(names), name=domain.ROW_ID, dtype="str")
