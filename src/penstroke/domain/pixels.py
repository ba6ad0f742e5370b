"""How a table holds images: a column for each pixel, 0 (paper) to 255 (ink) once the digits are accepted."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Literal

import numpy as np
import pandas as pd

INK = 255
CHUNK_ROWS = 1000
_PIXEL = re.compile(r"pixel_(\d+)_(\d+)")


def pixel_columns(table: pd.DataFrame) -> list[str]:
    """Return the names of the pixel columns in reading order, row by row.

    Raises:
        ValueError: there are none, two are the same pixel, or they are no whole rectangle from ``pixel_0_0``.
    """
    return list(_pixel_columns(tuple(table.columns)))


@lru_cache(16)
def _pixel_columns(columns: tuple[str, ...]) -> list[str]:
    found = [(name, _PIXEL.fullmatch(str(name))) for name in columns]
    places = [((int(match[1]), int(match[2])), name) for name, match in found if match]
    if not places:
        raise ValueError("no pixel columns; name them pixel_<row>_<column>, counted from pixel_0_0")
    names = dict(places)
    if len(names) < len(places):
        (row, column), _ = Counter(place for place, _ in places).most_common(1)[0]
        raise ValueError(f"more than one column is pixel_{row}_{column}; keep the right one")
    height, width = (1 + max(place[axis] for place in names) for axis in (0, 1))
    missing = height * width - len(names)
    if missing:
        row, column = next(place for place in _places(height, width) if place not in names)
        raise ValueError(
            f"{missing} of {height * width} pixels of a {height} x {width} image have no column, the first is "
            f"pixel_{row}_{column}; give each pixel its column"
        )
    return [names[place] for place in _places(height, width)]


def is_pixel(name: object) -> bool:
    """Whether a column is called as that of a pixel."""
    return bool(_PIXEL.fullmatch(str(name)))


def to_images(table: pd.DataFrame) -> np.ndarray:
    """Stack the pixel columns of a table into images, (n, height, width), of the columns' own dtype.

    Raises:
        ValueError: the pixel columns are not a whole rectangle counted from ``pixel_0_0``.
    """
    names = pixel_columns(table)
    return _in_order(table[names].to_numpy(), "C").reshape(len(table), *image_size(names))


def to_table(images: np.ndarray) -> pd.DataFrame:
    """Lay images, (n, height, width), out as rows of pixel columns, of the images' own dtype."""
    names = _index(*images.shape[1:])
    return pd.DataFrame(_in_order(images.reshape(len(images), len(names)), "F"), columns=names, copy=False)


@lru_cache(16)
def _index(height: int, width: int) -> pd.Index:
    return pd.Index(pixel_names(height, width), dtype="str")


def pixel_names(height: int, width: int) -> list[str]:
    """Name the columns of an image of that size, in reading order."""
    return [f"pixel_{row}_{column}" for row, column in _places(height, width)]


def _places(height: int, width: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(height) for column in range(width))


def image_size(names: Sequence[str]) -> tuple[int, int]:
    """Return height and width of the images whose pixel columns, in reading order, have these names."""
    height, width = (1 + int(place) for place in names[-1].split("_")[1:])
    return height, width


def _in_order(values: np.ndarray, order: Literal["C", "F"]) -> np.ndarray:
    """Copy a matrix into rows ("C") or columns ("F") that lie together, in chunks, or caches make large ones dear."""
    ordered = np.empty(values.shape, values.dtype, order)
    for start in range(0, len(values), CHUNK_ROWS):
        ordered[start : start + CHUNK_ROWS] = values[start : start + CHUNK_ROWS]
    return ordered


def scale_ink(pixels: np.ndarray, full_ink: int) -> np.ndarray:
    """Bring whole numbers from 0 (paper) to ``full_ink`` to uint8 from 0 to 255, rounded.

    Raises:
        ValueError: a pixel lies outside.
    """
    lowest, highest = pixels.min(initial=0), pixels.max(initial=0)
    if lowest < 0 or highest > full_ink:
        raise ValueError(
            f"pixels must be 0 to {full_ink}, found {lowest if lowest < 0 else highest}; "
            "set cleaning.full_ink to the scale of your source"
        )
    return _scale(full_ink)[pixels]


@cache
def _scale(full_ink: int) -> np.ndarray:
    return ((np.arange(full_ink + 1) * INK + full_ink // 2) // full_ink).astype(np.uint8)
