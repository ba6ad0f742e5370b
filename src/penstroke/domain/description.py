"""Describe digits by properties that people understand."""

import numpy as np
import pandas as pd
from scipy import ndimage

from .images import oriented_gradients
from .layout import INK
from .pixels import to_images

DRAWN = 0.25  # share of full ink from which a pixel belongs to the digit
PALE, DARK = 0.1, 0.9  # shares of full ink between which a pixel is grey
EDGES = ("upright", "rising", "level", "falling")  # edges where ink grows to the right, to the lower right, down, …
WITHIN_AN_IMAGE = np.stack([np.zeros((3, 3), bool), np.ones((3, 3), bool), np.zeros((3, 3), bool)])


def describe(rows: pd.DataFrame) -> pd.DataFrame:
    """Describe accepted rows (uint8 pixels, 0 is paper, 255 is ink); see :func:`describe_ink` for the columns."""
    return describe_ink(to_images(rows)).set_axis(rows.index)


def describe_ink(images: np.ndarray) -> pd.DataFrame:
    """Describe each image by what a person sees in it.

    The position of the digit is left out. It hardly varies among images that were framed in the same way, so a move by
    one pixel, which does not change predictions, would look like the largest difference of all.

    Args:
        images: (n, height, width) uint8, paper 0, ink up to 255.

    Returns:
        n rows of float32. As shares of full ink: ``ink_amount`` (the mean pixel), ``palest_pixel``, ``median_pixel``,
        ``darkest_pixel``. As shares of the image: ``grey_share`` (pixels neither pale nor dark), ``box_height``,
        ``box_width``. In pixels: ``stroke_thickness``. ``pieces`` is the number of separate pieces of ink. ``slant``
        is in columns per row, positive if the digit leans to the right. ``edges_<direction>`` are the shares of edges
        in that direction, by :func:`oriented_gradients`. In a blank image all are 0.

    Examples:
        >>> stroke = np.zeros((1, 9, 9), np.uint8)
        >>> stroke[0, 1:8, 4] = 255
        >>> described = describe_ink(stroke).loc[0]
        >>> round(float(described["box_height"]), 2), round(float(described["box_width"]), 2)
        (0.78, 0.11)
        >>> float(described["pieces"])
        1.0
    """
    inked = images.astype(np.float32) / INK
    pixels = inked.reshape(len(images), images.shape[1] * images.shape[2])
    drawn = inked >= DRAWN
    described = {
        "ink_amount": pixels.mean(axis=1),
        "palest_pixel": pixels.min(axis=1),
        "median_pixel": np.median(pixels, axis=1),
        "darkest_pixel": pixels.max(axis=1),
        "grey_share": ((pixels > PALE) & (pixels < DARK)).mean(axis=1),
        "box_height": _extent(drawn, 2),
        "box_width": _extent(drawn, 1),
        "stroke_thickness": _thickness(inked),
        "pieces": _count_pieces(drawn),
        "slant": _slant(inked),
    }
    signed = oriented_gradients(inked, 2 * len(EDGES), grid=1, pooling_width=4)[..., 0, 0] ** 2
    along = signed[:, : len(EDGES)] + signed[:, len(EDGES) :]  # ink grows on both sides of a line
    along /= np.maximum(along.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    described |= {f"edges_{name}": along[:, place] for place, name in enumerate(EDGES)}
    return pd.DataFrame(described).astype(np.float32)


def _extent(drawn: np.ndarray, across: int) -> np.ndarray:
    """Return the extent of the ink, from its first to its last line, as a share of all lines."""
    drawn = drawn.max(axis=across)
    lines = drawn.shape[1]
    between = lines - drawn.argmax(axis=1) - drawn[:, ::-1].argmax(axis=1)
    return np.where(drawn.any(axis=1), between, 0) / lines


def _thickness(inked: np.ndarray) -> np.ndarray:
    """Divide ink by edge: a line of width w has 2 / w pixels of edge per pixel of ink."""
    framed = np.pad(inked, ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(framed, axis=1)[:, :, 1:], np.diff(framed, axis=2)[:, 1:]
    edge = np.hypot(down, right).sum((1, 2))
    return 2 * inked.sum((1, 2)) / np.maximum(edge, np.finfo(np.float32).tiny)


def _count_pieces(drawn: np.ndarray) -> np.ndarray:
    piece, pieces = ndimage.label(drawn, WITHIN_AN_IMAGE)
    image = np.zeros(pieces + 1, np.intp)  # number of the image in which each piece lies
    image[piece] = np.arange(len(drawn))[:, None, None]
    return np.bincount(image[1:], minlength=len(drawn))


def _slant(inked: np.ndarray) -> np.ndarray:
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in inked.shape[1:])
    ink = np.maximum(inked.sum((1, 2)), np.finfo(np.float32).tiny)
    row, column = inked.sum(2) @ rows / ink, inked.sum(1) @ columns / ink
    variance = inked.sum(2) @ rows**2 / ink - row**2
    covariance = (inked @ columns) @ rows / ink - row * column
    return -np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 1e-3)
