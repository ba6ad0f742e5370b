"""From files to rows, where the domain can read files."""

from collections.abc import Callable, Mapping

import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.answers import view_of
from penstroke.domain import Reading
from penstroke.files import read_files


def read_rows(
    files: Mapping[str, Callable[[], bytes]], production_model: ClassifierMixin, reading: Reading
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring each file to a row of the form that the model takes, or say why it cannot be one.

    Args:
        files: what gives the bytes of each file, by name; raises a ValueError where it cannot be read.
        production_model: the model that will be asked; its file says in what form it takes rows.
        reading: how a file becomes a row.

    Returns:
        As :func:`penstroke.files.read_files`.

    Raises:
        ValueError: the model does not say in what form it takes rows, or ``reading`` does not fit that.
    """
    return read_files(files, view_of(production_model).form, reading)
