"""Read files into rows, for domains that can read files."""

from collections.abc import Callable, Mapping

import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.domain import Reading
from penstroke.files import read_files
from penstroke.models import view_of


def read_rows(
    files: Mapping[str, Callable[[], bytes]], production_model: ClassifierMixin, reading: Reading
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn each file into a row in the form that the model takes, or give the reason why not.

    Args:
        files: by file name, a function that returns the bytes, or raises a ValueError if the file cannot be read.
        production_model: the model that will predict the rows; its file gives their form.
        reading: how a file becomes a row.

    Returns:
        The rows and the rejected files; see :func:`penstroke.files.read_files`.

    Raises:
        ValueError: the model does not say in what form it takes rows, or ``reading`` does not fit that form.
    """
    return read_files(files, view_of(production_model).form, reading)
