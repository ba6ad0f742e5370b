"""The form in which a model takes digits: columns, scale, and place and size of the digit in its image."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ConfigDict, Field

from kedro_guards.parameters import Parameters
from penstroke.row_form import RowForm

from .layout import INK, image_size, pixel_columns, scale_ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

PALEST = 0.25  # the darkest pixel of a table must exceed this share of full ink, unless all rows are blank
INVERTED = 0.5  # share of full ink by which the paper of an inverted image lies outside the training rows' range
FEW = 10  # a table is not refused for up to this many inverted rows
BLANK = "blank: all pixels are equal"


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

    @cached_property
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


def accept_values(
    pixels: np.ndarray, form: Form, names: Sequence[Any] | pd.Index | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scale raw pixels to 0 to 255, and find rows that show no digit.

    Args:
        pixels: (n, columns) in the order of ``form.columns``, whole numbers from 0 (paper) to ``form.full_ink``.
        form: the form of the rows.
        names: names of the rows, for error messages; their numbers by default.

    Returns:
        The pixels, (n, columns) uint8 from 0 (paper) to 255 (ink); and for each row, (n,), the reason to reject it, or
        an empty text; see :func:`penstroke.domain.acceptance.accept`.

    Raises:
        ValueError: the rows have another scale, or most of them are inverted.
    """
    lowest, darkest = int(pixels.min(initial=0)), int(pixels.max(initial=0))
    if lowest < 0 or darkest > form.full_ink or 0 < darkest <= PALEST * form.full_ink:
        row = int((pixels.min(axis=1) if lowest < 0 else pixels.max(axis=1)).argmax())
        name = row if names is None else names[row]
        found = f"found {lowest}" if lowest < 0 else f"but the darkest found is {darkest} in row {name}"
        raise ValueError(
            f"the model takes pixels from 0 (paper) to {form.full_ink} (ink), {found}; convert them to that scale, "
            "or train and promote a model for them"
        )
    scaled = scale_ink(pixels, form.full_ink)
    blank = (scaled == scaled[:, :1]).all(axis=1)
    inverted = np.zeros(len(pixels), bool)
    if form.paper is not None:
        paper = median_edge(scaled.reshape(-1, *form.size)) / INK
        inverted = ~blank & ((paper < form.paper[0] - INVERTED) | (paper > form.paper[1] + INVERTED))
        if inverted.sum() > max(FEW, len(pixels) / 2):  # fewer may be the odd rows of a last chunk
            raise ValueError(
                f"the model takes pixels from 0 (paper) to {form.full_ink} (ink), but {inverted.sum()} of "
                f"{len(pixels)} rows are inverted; replace each pixel by {form.full_ink} minus it"
            )
    reasons = np.full(len(pixels), "", object)
    reasons[blank], reasons[inverted] = BLANK, "inverted: its paper is as dark as ink"
    return scaled, reasons


def median_edge(images: np.ndarray) -> np.ndarray:
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
