"""Functions on stacks of images, each usable alone: enlarge, deform, straighten, oriented_gradients.

All take (n, height, width) arrays in which paper is 0 and ink is more, and know nothing of tables.
"""

from functools import cache

import numpy as np
from scipy import ndimage

SOBEL_SMOOTH, SOBEL_DIFFERENCE = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)


def enlarge(images: np.ndarray, times: int) -> np.ndarray:
    """Enlarge images by linear interpolation between pixel centres; beyond the edge lies paper.

    Args:
        images: (n, height, width), any real dtype.
        times: whole factor, at least 1.

    Returns:
        (n, times * height, times * width) float32, within the range of the input and paper.
    """
    across, down = (_interpolation(side, times) for side in (images.shape[2], images.shape[1]))
    return down @ images.astype(np.float32) @ across.T if times > 1 else images.astype(np.float32)


def deform(
    images: np.ndarray,
    draws: np.ndarray,
    *,
    rotation_degrees: float,
    scaling: float,
    slant: float,
    shift: float,
) -> np.ndarray:
    """Make rotated, scaled, slanted and shifted copies.

    Args:
        images: (n, height, width), any real dtype.
        draws: (copies, n, 6) from -1 to 1: how much of each limit a copy gets, for rotation, height, width, slant,
            and the moves down and across.
        rotation_degrees: limit of the rotation.
        scaling: limit of the change of height and of width, as a share of it.
        slant: limit of the shear, columns per row.
        shift: limit of the move along each axis, as a share of the side.

    Returns:
        (copies, n, height, width) float32, interpolated linearly; ink that leaves the image is lost.
    """
    copies, count = draws.shape[:2]
    height, width = images.shape[1:]
    turn, tall, wide, lean, down, across = draws.reshape(-1, 6, 1, 1).swapaxes(0, 1)
    rows, columns = np.indices((height, width)) - (np.array([[[height]], [[width]]]) - 1) / 2
    cosine, sine = (function(np.deg2rad(rotation_degrees) * turn) for function in (np.cos, np.sin))
    from_rows = (cosine * rows + sine * columns) * (1 + scaling * tall) + shift * down * height
    from_columns = (cosine * columns - sine * rows) * (1 + scaling * wide) + slant * lean * rows
    from_columns = from_columns + shift * across * width
    which = np.broadcast_to(np.tile(np.arange(count), copies)[:, None, None], from_rows.shape)
    places = [which, from_rows + (height - 1) / 2, from_columns + (width - 1) / 2]
    moved = ndimage.map_coordinates(images.astype(np.float32), places, order=1)
    return moved.reshape(copies, count, height, width)


def straighten(images: np.ndarray, deskew: float, centre: bool) -> np.ndarray:
    """Take the slant out of each image and move its centre of mass to the middle.

    The slant is the covariance of rows and columns over the variance of rows, both weighted by ink; each row moves
    sideways against it, with linear interpolation. Blank images, and those of one row of ink, keep their slant.

    Args:
        images: (n, height, width), any real dtype.
        deskew: share of the slant that is taken out, 0 to 1.
        centre: whether the centre of mass moves to the middle; otherwise it stays where it is.

    Returns:
        The same shape, float32, no value above the largest of the input; ink that leaves the image is lost.

    Source: the deskewing of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998, section III.A.
    """
    images = images.astype(np.float32)
    height, width = images.shape[1:]
    rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    ink = np.maximum(images.sum((1, 2)), np.finfo(np.float32).tiny)
    by_row, by_column = images.sum(2), images.sum(1)
    row_mean, column_mean = by_row @ rows / ink, by_column @ columns / ink
    variance = by_row @ rows**2 / ink - row_mean**2
    covariance = (images @ columns) @ rows / ink - row_mean * column_mean
    slant = deskew * np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 1e-3)
    sideways = np.zeros_like(slant)
    if centre:
        inked = by_row.any(1)
        down = np.where(inked, row_mean - (height - 1) / 2, 0)
        images = np.swapaxes(_shift_rows(np.swapaxes(images, 1, 2), down[:, None]), 1, 2)
        row_mean = row_mean - down
        sideways = np.where(inked, column_mean - (width - 1) / 2, 0)
    return _shift_rows(images, sideways[:, None] + slant[:, None] * (rows - row_mean[:, None]))


def oriented_gradients(images: np.ndarray, directions: int, grid: int, pooling_width: float) -> np.ndarray:
    """Describe each image by how much edge of each direction lies in each cell of a grid.

    Sobel gradients; the magnitude of each pixel is shared between the two nearest of the signed directions; each
    direction's map is pooled with Gaussian weights round the centres of the cells; the square root is taken.

    Args:
        images: (n, height, width), any real dtype; outside the image lies paper.
        directions: how many, evenly round the circle; direction 0 is where ink grows to the right, and they turn
            clockwise as the picture is seen.
        grid: cells along each side.
        pooling_width: standard deviation of the Gaussian weight, in cells.

    Returns:
        (n, directions, grid, grid) float32, 0 or more.

    Source: the gradient features of Liu, Nakashima, Sako and Fujisawa, "Handwritten digit recognition: investigation
    of normalization and feature extraction techniques", Pattern Recognition 37(2), 2004, pages 265-279.
    """
    images = images.astype(np.float32)
    down = _correlate(_correlate(images, SOBEL_SMOOTH, 2), SOBEL_DIFFERENCE, 1)
    right = _correlate(_correlate(images, SOBEL_SMOOTH, 1), SOBEL_DIFFERENCE, 2)
    magnitude = np.hypot(down, right)
    turn = np.arctan2(down, right) * np.float32(directions / (2 * np.pi)) % directions
    row_weights, column_weights = (pooling_weights(side, grid, pooling_width) for side in images.shape[1:])
    described = np.empty((len(images), directions, grid, grid), np.float32)
    for direction in range(directions):
        gap = np.abs(turn - direction)
        share = np.maximum(1 - np.minimum(gap, directions - gap), 0)
        described[:, direction] = row_weights @ (magnitude * share) @ column_weights.T
    return np.sqrt(described)


@cache
def _interpolation(side: int, times: int) -> np.ndarray:
    places = (np.arange(side * times) + 0.5) / times - 0.5
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side))).astype(np.float32)


@cache
def pooling_weights(side: int, grid: int, width: float) -> np.ndarray:
    """Give the Gaussian weights of pixels for cells along one side, (grid, side) float32; each row sums to 1."""
    cell = side / grid
    centres = (np.arange(grid) + 0.5) * cell - 0.5
    weights = np.exp(-0.5 * ((np.arange(side) - centres[:, None]) / (width * cell)) ** 2)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _correlate(images: np.ndarray, weights: tuple[float, ...], axis: int) -> np.ndarray:
    return ndimage.correlate1d(images, weights, axis=axis, mode="constant")


def _shift_rows(images: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Read each row ``moves`` (n, height or 1) columns further on; beyond the edge lies paper."""
    width = images.shape[2]
    whole = np.floor(moves)
    part = (moves - whole).astype(np.float32)[..., None]
    start = whole.astype(np.intp)[..., None] + np.arange(width + 1)
    inside = (start >= 0) & (start < width)
    taken = (
        np.take_along_axis(images, np.broadcast_to(np.clip(start, 0, width - 1), (*images.shape[:2], width + 1)), 2)
        * inside
    )
    return taken[..., :-1] * (1 - part) + taken[..., 1:] * part
