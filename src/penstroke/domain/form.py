"""The form in which a model takes digits: columns, scale, and place and size of the digit in its image."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field

from kedro_guards.parameters import Parameters
from penstroke.rows import RowForm

from .pixels import INK, image_size, pixel_columns, pixel_index, pixel_matrix, scale_ink, to_images

MEASURED_ROWS = 5000  # largest number of rows that are measured
PALEST = 0.25  # the darkest pixel of a table must exceed this share of full ink, unless all rows are blank
DRAWN = 0.15  # share of full ink from which a pixel belongs to the digit
INVERTED = 0.5  # share of full ink by which the paper of an inverted image lies outside the training rows' range
FEW = 10  # a table is not refused for up to this many inverted rows
BLANK = "blank: all pixels are equal"
USUAL = 0.9  # share of digits that are at most as tall, or as wide, as the measured size


class Cleaning(Parameters):
    """How raw pixels are scaled (``params:cleaning``)."""

    full_ink: int = Field(ge=1, le=65535, description="value of full ink in the source; it becomes 255")


class Form(RowForm):
    """The form of the rows that a model was trained on (``digit_form``). A model's file stores it as ``form_``.

    ``columns`` are the pixel columns in reading order, ``full_ink`` is the value of full ink. A digit fills ``tall``
    rows and ``wide`` columns. If ``centre_of_mass`` is true, the digit's centre of mass lies in the middle of the
    image; otherwise the middle of its bounding box does. ``paper`` is the range of the median pixel at an image's
    edge, as a share of full ink.
    """

    model_config = ConfigDict(extra="ignore")  # model files of earlier versions have further fields

    full_ink: int
    tall: int
    wide: int
    centre_of_mass: bool
    paper: tuple[float, float] | None = Field(None, strict=False, description="None in files of earlier versions")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image."""
        return image_size(self.columns)

    def refuse_other_columns(self, rows: pd.DataFrame) -> None:
        """Refuse rows that have other pixel columns.

        Raises:
            ValueError: the columns differ. The message names both sizes.
        """
        if (found := pixel_columns(rows)) != self.columns:
            raise ValueError(
                f"the model takes rows of {_in_words(self.columns)}, found {_in_words(found)}; "
                "convert them to that form, or train and promote a model for them"
            )

    def facts(self) -> dict[str, Any]:
        """Return what the service's ``/v1/model`` says about the form: image size and value of full ink."""
        rows, columns = self.size
        return {"rows": rows, "columns": columns, "full_ink": self.full_ink}

    def show(self, values: np.ndarray) -> list[list[int]]:
        """Arrange the pixels of one row, (n,), as the rows of an image.

        Examples:
            >>> columns = ["pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1"]
            >>> form = Form(columns=columns, full_ink=16, tall=2, wide=2, centre_of_mass=False)
            >>> form.show(np.array([0, 16, 8, 0]))
            [[0, 16], [8, 0]]
        """
        return values.reshape(self.size).tolist()


def measure_form(raw_rows: pd.DataFrame, cleaning: Cleaning) -> Form:
    """Measure the form of raw rows: columns, scale, size and place of the digits, brightness of the paper.

    Args:
        raw_rows: pixels are whole numbers from 0 (paper) to ``cleaning.full_ink``; other columns are ignored.
        cleaning: the value of full ink.

    Returns:
        The form. If no row has ink, ``tall`` and ``wide`` are the size of the image.

    Raises:
        ValueError: the darkest pixel is above ``full_ink``, or at most half of it: the table has another scale.
    """
    darkest, full_ink = int(raw_rows[pixel_columns(raw_rows)].to_numpy().max(initial=0)), cleaning.full_ink
    if not full_ink / 2 < darkest <= full_ink:
        raise ValueError(
            f"the darkest pixel of the raw rows is {darkest}, but cleaning.full_ink says that full ink is {full_ink}; "
            "set cleaning.full_ink to the scale of your source"
        )
    evenly = raw_rows.iloc[:: -(-len(raw_rows) // MEASURED_ROWS) or 1]  # a source may be sorted by class
    images = to_images(evenly) / np.float32(full_ink)
    images = images[(images >= DRAWN).any(axis=(1, 2))]
    (tall, wide), centre_of_mass = _measure_place(images)
    paper = _paper(images)
    paper = paper[np.abs(paper - np.median(paper)) <= INVERTED] if len(paper) else paper  # the others are inverted
    return Form(
        columns=pixel_columns(raw_rows),
        full_ink=full_ink,
        tall=tall,
        wide=wide,
        centre_of_mass=centre_of_mass,
        paper=(float(paper.min(initial=1)), float(paper.max(initial=0))) if len(paper) else (0.0, 0.0),
    )


def accept(rows: pd.DataFrame, form: Form) -> tuple[pd.DataFrame, np.ndarray]:
    """Scale raw rows to 0 to 255, and find rows that show no digit.

    Args:
        rows: pixels are whole numbers from 0 (paper) to ``form.full_ink``; other columns are ignored.
        form: the form that the rows must have.

    Returns:
        All rows, pixels uint8 from 0 (paper) to 255 (ink) in reading order; and for each row, (n,), the reason to
        reject it, or an empty text. Reasons are ``blank`` (all pixels are equal) and ``inverted`` (the paper is dark
        although that of the training rows is light, or the other way round).

    Raises:
        ValueError: the rows have other columns or another scale, or most of them are inverted. The message says what
            the model takes, what was found, and what to do.

    Examples:
        >>> columns = ["pixel_0_0", "pixel_0_1"]
        >>> form = Form(columns=columns, full_ink=16, tall=1, wide=1, centre_of_mass=False)
        >>> rows, reasons = accept(pd.DataFrame([[0, 16], [3, 3]], columns=columns), form)
        >>> rows.to_numpy().tolist()
        [[0, 255], [48, 48]]
        >>> reasons.tolist()
        ['', 'blank: all pixels are equal']
    """
    form.refuse_other_columns(rows)
    pixels = pixel_matrix(rows)
    lowest, darkest = int(pixels.min(initial=0)), int(pixels.max(initial=0))
    if lowest < 0 or darkest > form.full_ink or 0 < darkest <= PALEST * form.full_ink:
        row = rows.index[int((pixels.min(axis=1) if lowest < 0 else pixels.max(axis=1)).argmax())]
        found = f"found {lowest}" if lowest < 0 else f"but the darkest found is {darkest} in row {row}"
        raise ValueError(
            f"the model takes pixels from 0 (paper) to {form.full_ink} (ink), {found}; convert them to that scale, "
            "or train and promote a model for them"
        )
    scaled = scale_ink(pixels, form.full_ink)
    blank = scaled.max(axis=1, initial=0) == scaled.min(axis=1, initial=INK)
    inverted = np.zeros(len(rows), bool)
    if form.paper is not None:
        paper = _paper(scaled.reshape(-1, *form.size)) / INK
        inverted = ~blank & ((paper < form.paper[0] - INVERTED) | (paper > form.paper[1] + INVERTED))
        if inverted.sum() > max(FEW, len(rows) / 2):  # fewer may be the odd rows of a last chunk
            raise ValueError(
                f"the model takes pixels from 0 (paper) to {form.full_ink} (ink), but {inverted.sum()} of {len(rows)} "
                f"rows are inverted; replace each pixel by {form.full_ink} minus it"
            )
    reasons = np.full(len(rows), "", object)
    reasons[blank], reasons[inverted] = BLANK, "inverted: its paper is as dark as ink"
    return pd.DataFrame(scaled, rows.index, pixel_index(*form.size)), reasons


def _measure_place(images: np.ndarray) -> tuple[list[int], bool]:
    """Measure height and width of digits, and whether they were centred by mass rather than by bounding box.

    Args:
        images: (n, height, width) from 0 (paper) to 1 (ink), none blank.
    """
    if not len(images):
        return list(images.shape[1:]), False
    filled, spread_of_box, spread_of_mass = [], 0.0, 0.0
    for across in (2, 1):
        lines, ink = (images >= DRAWN).any(axis=across), images.sum(axis=across)
        first, last = lines.argmax(axis=1), lines.shape[1] - 1 - np.flip(lines, axis=1).argmax(axis=1)
        filled.append(int(np.quantile(last + 1 - first, USUAL, method="inverted_cdf")))
        spread_of_box += float(np.var((first + last) / 2))
        spread_of_mass += float(np.var(ink @ np.arange(lines.shape[1]) / ink.sum(axis=1)))
    return filled, spread_of_mass < spread_of_box


def _paper(images: np.ndarray) -> np.ndarray:
    """Return the median edge pixel of each image, the upper one of two, (n,)."""
    height, width = images.shape[1:]
    edge = images.reshape(len(images), height * width)[:, _edge(height, width)]
    half = edge.shape[1] // 2
    return np.partition(edge, half)[:, half]


@lru_cache(16)
def _edge(height: int, width: int) -> np.ndarray:
    """Return the positions of the edge pixels, in reading order."""
    inner = np.zeros((height, width), bool)
    inner[1:-1, 1:-1] = True
    return np.flatnonzero(~inner)


def _in_words(columns: Sequence[str]) -> str:
    height, width = image_size(columns)
    return f"{height} x {width} pixels ({columns[0]} to {columns[-1]})"
