"""In what form a model takes rows: columns, scale, classes, and where in an image the digits lie."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kedro_guards.parameters import Parameters
from penstroke.pixels import image_size, pixel_columns, scale_ink, to_images

MEASURED_ROWS = 5000  # at the most, which are enough to say where digits lie
PALEST = 0.25  # share of full ink that the darkest pixel exceeds; blank rows are on any scale
DRAWN = 0.15  # share of full ink from which a pixel belongs to the digit
USUAL = 0.9  # share of the digits that are no taller, or wider, than is said


class Form(Parameters):
    """The form of the rows that a model was trained on (``digit_form``); the model's file holds it as ``form_``.

    ``columns`` are the pixel columns in reading order, ``full_ink`` is the value of full ink. ``tall`` and ``wide`` are
    the rows and columns that a digit fills, ``centre_of_mass`` says whether that is in the middle of the image, rather
    than the middle of the digit's box.
    """

    columns: list[str]
    full_ink: int
    classes: list[int]
    tall: int
    wide: int
    centre_of_mass: bool

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image."""
        return image_size(self.columns)

    def scale(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Bring raw rows of this form to the scale of accepted ones.

        Args:
            rows: pixels are whole numbers from 0 (paper) to ``full_ink``; other columns are left out.

        Returns:
            The same rows: pixels uint8 from 0 (paper) to 255 (ink), in reading order.

        Raises:
            ValueError: the rows have other columns or another scale; the message says what is taken and what was found.
        """
        self.refuse_other_columns(rows)
        pixels = rows[self.columns].to_numpy()
        self.refuse_other_scale(pixels)
        return pd.DataFrame(scale_ink(pixels, self.full_ink), rows.index, self.columns)

    def refuse_other_columns(self, rows: pd.DataFrame) -> None:
        """Refuse rows that have other pixel columns.

        Raises:
            ValueError: what the model takes, and what was found.
        """
        if (found := pixel_columns(rows)) != self.columns:
            raise ValueError(
                f"the model takes rows of {_in_words(self.columns)}, found {_in_words(found)}; "
                "bring them to that form, or train and promote a model of theirs"
            )

    def refuse_other_scale(self, pixels: np.ndarray) -> None:
        """Refuse pixels that lie outside the scale, or are so pale that they must have another one.

        Raises:
            ValueError: what the model takes, and what was found.
        """
        lowest, darkest = int(pixels.min(initial=0)), int(pixels.max(initial=0))
        if lowest < 0 or darkest > self.full_ink or 0 < darkest <= PALEST * self.full_ink:
            found = f"found {lowest}" if lowest < 0 else f"but the darkest found is {darkest}"
            raise ValueError(
                f"the model takes pixels from 0 (paper) to {self.full_ink} (ink), {found}; bring them to that scale, "
                "or train and promote a model of theirs"
            )


def form_of_rows(raw_digits: pd.DataFrame, full_ink: int) -> Form:
    """Say in what form rows are, and measure where the digits lie in their images.

    Args:
        raw_digits: rows are digits; ``label``, pixels are whole numbers from 0 (paper) to ``full_ink``.
        full_ink: the value of full ink.

    Returns:
        The form. Of rows without ink, a digit fills the image.
    """
    evenly = raw_digits.iloc[:: -(-len(raw_digits) // MEASURED_ROWS) or 1]  # a source may be sorted by class
    images = to_images(evenly) / np.float32(full_ink)
    (tall, wide), centre_of_mass = _measure_place(images[(images >= DRAWN).any(axis=(1, 2))])
    return Form(
        columns=pixel_columns(raw_digits),
        full_ink=full_ink,
        classes=sorted(map(int, raw_digits["label"].unique())),
        tall=tall,
        wide=wide,
        centre_of_mass=centre_of_mass,
    )


def _measure_place(images: np.ndarray) -> tuple[list[int], bool]:
    """Measure height and width of digits, and whether it is their mass, not their box, that lies at one place in all.

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


def _in_words(columns: Sequence[str]) -> str:
    height, width = image_size(columns)
    return f"{height} x {width} pixels ({columns[0]} to {columns[-1]})"
