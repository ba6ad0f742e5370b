"""Rows from files, for domains that can read files."""

from collections.abc import Callable, Iterable, Mapping

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


def _ids(names: Iterable[str]) -> pd.Index:
    return pd.Index(list(names), name=domain.ROW_ID, dtype="str")
