"""Rows from files, where the domain can read them."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

import numpy as np
import pandas as pd

from penstroke import domain


def read_files(
    files: Mapping[str, Callable[[], bytes]], form: domain.Form, reading: "domain.Reading"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read each file; one is in memory at a time.

    Args:
        files: what gives the bytes of each, by name; raises a ValueError where it cannot be read.
        form: of the rows.
        reading: how a file becomes a row.

    Returns:
        Rows of that form by the name of their file; and the other files by the same, with the ``reason``.
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
    """Name the file of a row whose right label is known.

    Examples:
        >>> labelled_name("a/b", "1.png")
        'a%2Fb_1.png'
    """
    return f"{quote(str(label), safe='')}_{row_id}"


def label_and_id(name: str, classes: Iterable[object]) -> tuple[str, str] | None:
    """Part the name of such a file into label, as text, and identifier; None where it begins with no class.

    Examples:
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
