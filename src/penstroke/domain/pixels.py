"""Images in tables: one column per pixel."""

from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from .layout import find_pixels, image_size, pixel_names

CHUNK_ROWS = 1000


def pixel_matrix(table: pd.DataFrame) -> np.ndarray:
    """Return the pixel columns of a table in reading order, (n, pixels), of the same dtype.

    Raises:
        ValueError: see :func:`pixel_columns`.
    """
    _, names, are_all = find_pixels(table.columns)
    return table.to_numpy() if are_all else table[names].to_numpy()


def to_images(table: pd.DataFrame) -> np.ndarray:
    """Return the pixel columns of a table as images, (n, height, width), of the same dtype.

    Raises:
        ValueError: the pixel columns form no full rectangle from ``pixel_0_0``.

    Examples:
        >>> to_images(pd.DataFrame({"pixel_0_0": [1], "pixel_0_1": [2], "label": [7]})).tolist()
        [[[1, 2]]]
    """
    pixels = _in_order(pixel_matrix(table), "C")
    return pixels.reshape(len(table), *image_size(find_pixels(table.columns)[1]))


def to_table(images: np.ndarray) -> pd.DataFrame:
    """Return images, (n, height, width), as a table with one row per image and one column per pixel, same dtype.

    Examples:
        >>> to_table(np.array([[[1, 2]]])).to_dict("list")
        {'pixel_0_0': [1], 'pixel_0_1': [2]}
    """
    names = pixel_index(*images.shape[1:])
    return pd.DataFrame(_in_order(images.reshape(len(images), len(names)), "F"), columns=names, copy=False)


@lru_cache(16)
def pixel_index(height: int, width: int) -> pd.Index:
    """Return the names of the pixel columns as an index, always the same object: comparing many names is slow."""
    return pd.Index(pixel_names(height, width), dtype="str")


def _in_order(values: np.ndarray, order: Literal["C", "F"]) -> np.ndarray:
    """Copy a matrix into row order ("C") or column order ("F"); chunks make this fast for large matrices."""
    ordered = np.empty(values.shape, values.dtype, order)
    for start in range(0, len(values), CHUNK_ROWS):
        ordered[start : start + CHUNK_ROWS] = values[start : start + CHUNK_ROWS]
    return ordered
