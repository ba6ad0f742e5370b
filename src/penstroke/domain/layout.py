"""Names, order and scale of the pixels of a row. Accepted digits have pixels from 0 (paper) to 255 (ink).

The service uses this module without pandas, which takes long to import.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

INK = 255
MOST_SEEN = 16  # column indexes in the cache
_PIXEL = re.compile(r"pixel_(\d+)_(\d+)")


def pixel_columns(table: pd.DataFrame) -> list[str]:
    """Return the names of the pixel columns in reading order, row by row.

    Raises:
        ValueError: there are no pixel columns, two have the same name, or they form no full rectangle from
            ``pixel_0_0``.

    Examples:
        >>> import pandas as pd
        >>> pixel_columns(pd.DataFrame(columns=["pixel_0_1", "label", "pixel_0_0"]))
        ['pixel_0_0', 'pixel_0_1']
    """
    return list(find_pixels(table.columns)[1])


_seen: dict[int, tuple[pd.Index, list[str], bool]] = {}  # by identity: comparing many names is slow


def find_pixels(columns: pd.Index) -> tuple[pd.Index, list[str], bool]:
    """Return the columns themselves, the pixel columns in reading order, and whether they are all and in order."""
    found = _seen.get(id(columns))
    if found is None or found[0] is not columns:
        listed = list(columns)
        names = _pixel_columns(listed)
        if len(_seen) >= MOST_SEEN:
            _seen.clear()
        found = _seen[id(columns)] = (
            columns,
            names,
            names == listed,
        )  # keeps the index alive, so that no other index gets its identity
    return found


def _pixel_columns(columns: list[str]) -> list[str]:
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
    """Whether a column has the name of a pixel.

    Examples:
        >>> is_pixel("pixel_0_12"), is_pixel("label")
        (True, False)
    """
    return bool(_PIXEL.fullmatch(str(name)))


def pixel_names(height: int, width: int) -> list[str]:
    """Return the column names of an image of this size, in reading order.

    Examples:
        >>> pixel_names(2, 2)
        ['pixel_0_0', 'pixel_0_1', 'pixel_1_0', 'pixel_1_1']
    """
    return [f"pixel_{row}_{column}" for row, column in _places(height, width)]


def _places(height: int, width: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(height) for column in range(width))


def image_size(names: Sequence[str]) -> tuple[int, int]:
    """Return height and width of images with these pixel columns, which are in reading order.

    Examples:
        >>> image_size(["pixel_0_0", "pixel_0_1"])
        (1, 2)
    """
    height, width = (1 + int(place) for place in names[-1].split("_")[1:])
    return height, width


def scale_ink(pixels: np.ndarray, full_ink: int) -> np.ndarray:
    """Scale whole numbers from 0 (paper) to ``full_ink`` to uint8 from 0 to 255, rounded.

    Raises:
        ValueError: a pixel is below 0 or above ``full_ink``.

    Examples:
        >>> scale_ink(np.array([0, 8, 16]), full_ink=16).tolist()
        [0, 128, 255]
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
