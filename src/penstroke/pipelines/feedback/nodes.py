"""Read the files that people have labelled."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from penstroke.domain import Form, Reading
from penstroke.file_names import label_and_id
from penstroke.files import read_files


def take_in_feedback(
    inbox: Mapping[str, Callable[[], bytes]], row_form: dict[str, Any], raw_rows: pd.DataFrame, reading: Reading
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn each labelled file into a row in the form of the raw rows, like inference does, or give the reason why not.

    Args:
        inbox: by file name (``<right label>_<identifier>``), a function that returns the bytes.
        row_form: the form of the raw rows.
        raw_rows: their ``label`` holds the known classes.
        reading: how a file becomes a row.

    Returns:
        The rows with ``label``, in the form of the raw rows; and the rejected files with the ``reason``. File names are
        the index of both.

    Raises:
        ValueError: ``reading`` does not fit the form of the raw rows.
    """
    classes = {str(label): label for label in sorted(raw_rows["label"].unique())}
    found = {name: label_and_id(name, classes) for name in inbox}
    known = {name: read for name, read in inbox.items() if found[name]}
    rows, rejected = read_files(known, Form.model_validate(row_form), reading)
    given = [classes[parts[0]] for name in rows.index if (parts := found[name])]
    rows.insert(0, "label", pd.Series(given, rows.index, dtype=raw_rows["label"].dtype))
    reason = (
        f"its name begins with no label of the raw rows ({', '.join(classes)}); call it <right label>_<name>, or give "
        "rows of a new class to the raw table first"
    )
    unnamed = [name for name in inbox if not found[name]]
    index = rejected.index[:0].append(pd.Index(unnamed, dtype="str")).rename(rejected.index.name)
    return rows, pd.concat([rejected, pd.DataFrame({"reason": reason}, index)]).sort_index()
