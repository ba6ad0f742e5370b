"""Tables of digits: measure their form, and accept or reject their rows."""

import numpy as np
import pandas as pd

from .form import INVERTED, Cleaning, Form, accept_values, median_edge
from .layout import pixel_columns
from .pixels import pixel_index, pixel_matrix, to_images

MEASURED_ROWS = 5000  # largest number of rows that are measured
DRAWN = 0.15  # share of full ink from which a pixel belongs to the digit
USUAL = 0.9  # share of digits that are at most as tall, or as wide, as the measured size


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
    paper = median_edge(images)
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
    accepted, reasons = accept_values(pixel_matrix(rows), form, rows.index)
    return pd.DataFrame(accepted, rows.index, pixel_index(*form.size)), reasons


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
