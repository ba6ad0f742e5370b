"""Functions on stacks of images; each can be used alone: enlarge, straighten, oriented_gradients.

All take arrays of shape (n, height, width), in which paper is 0 and ink is positive. None uses tables.
"""

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

IMAGES_IN_CACHE = 32  # so many small images, and what is computed of them, fit the processor's cache
LEAST_WEIGHT = 1e-8  # smaller ones make numbers so small that processors calculate with them slowly


def enlarge(images: np.ndarray, times: int) -> np.ndarray:
    """Enlarge images by linear interpolation between pixel centres; outside the image is paper.

    Args:
        images: (n, height, width), any real dtype.
        times: whole factor, at least 1.

    Returns:
        (n, times * height, times * width) float32, between 0 and the largest value of the input.

    Examples:
        >>> enlarge(np.array([[[0, 1]]]), 2)[0, 0].tolist()
        [0.0, 0.1875, 0.5625, 0.5625]
    """
    across, down = (_interpolation(side, times) for side in (images.shape[2], images.shape[1]))
    return down @ images.astype(np.float32) @ across.T if times > 1 else images.astype(np.float32)


def straighten(images: np.ndarray, deskew: float, centre: bool) -> np.ndarray:
    """Remove the slant of each image and move its centre of mass to the middle.

    The slant is the covariance of rows and columns divided by the variance of rows, weighted by ink. Each row is
    shifted sideways against it, with linear interpolation. Blank images and single rows of ink have no slant to remove.

    Args:
        images: (n, height, width), any real dtype.
        deskew: share of the slant that is removed, 0 to 1.
        centre: whether the centre of mass is moved to the middle of the image.

    Returns:
        The same shape, float32, no value above the largest of the input. Ink that leaves the image is lost.

    Examples:
        >>> leaning = np.array([[[0, 0, 9], [0, 9, 0], [9, 0, 0]]])
        >>> straighten(leaning, deskew=1, centre=False)[0].tolist()
        [[0.0, 9.0, 0.0], [0.0, 9.0, 0.0], [0.0, 9.0, 0.0]]

    Source: the deskewing of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998, section III.A.
    """
    straight = np.empty(images.shape, np.float32)
    for start in range(0, len(images), IMAGES_IN_CACHE):
        chunk = slice(start, start + IMAGES_IN_CACHE)
        straight[chunk] = _straighten(images[chunk], deskew, centre)
    return straight


def oriented_gradients(images: np.ndarray, directions: int, grid: int, pooling_width: float) -> np.ndarray:
    """Measure how much edge of each direction lies in each cell of a grid.

    The steps: Sobel gradients; the magnitude of each pixel is divided between the two nearest signed directions; the
    map of each direction is pooled with Gaussian weights around the centres of the cells; the square root is taken.

    Args:
        images: (n, height, width), any real dtype; outside the image is paper.
        directions: number of directions, evenly spaced round the circle. In direction 0 ink grows to the right; the
            others follow clockwise.
        grid: cells along each side.
        pooling_width: standard deviation of the Gaussian weight, in cells.

    Returns:
        (n, directions, grid, grid) float32, 0 or more.

    Examples:
        >>> edge = np.array([[[0, 0, 1, 1]] * 4])  # ink grows to the right
        >>> found = oriented_gradients(edge, directions=4, grid=1, pooling_width=1)
        >>> int(found.argmax())
        0

    Source: the gradient features of Liu, Nakashima, Sako and Fujisawa, "Handwritten digit recognition: investigation
    of normalization and feature extraction techniques", Pattern Recognition 37(2), 2004, pages 265-279.
    """
    described = np.empty((len(images), directions, grid, grid), np.float32)
    for start in range(0, len(images), IMAGES_IN_CACHE):
        chunk = slice(start, start + IMAGES_IN_CACHE)
        described[chunk] = np.moveaxis(pool_gradients(images[chunk], directions, grid, pooling_width), 3, 0)
    return np.sqrt(described, out=described)


def pool_gradients(images: np.ndarray, directions: int, grid: int, pooling_width: float) -> np.ndarray:
    """Do the same as :func:`oriented_gradients`, without the square root, and with the images along the last axis.

    Each step works on the same pixel of all images at once, so a few dozen images are fastest: they fit the cache.

    Returns:
        (directions, grid, grid, n) float32, 0 or more.
    """
    height, width = images.shape[1:]
    framed = np.zeros((height + 2, width + 2, len(images)), np.float32)
    framed[1:-1, 1:-1] = np.moveaxis(images, 0, 2)
    smooth_down = framed[:-2] + 2 * framed[1:-1] + framed[2:]
    right = smooth_down[:, 2:] - smooth_down[:, :-2]
    step_down = framed[2:] - framed[:-2]
    down = step_down[:, :-2] + 2 * step_down[:, 1:-1] + step_down[:, 2:]
    turn = np.arctan2(down, right)
    turn *= np.float32(directions / (2 * np.pi))  # from -directions / 2 to directions / 2
    magnitude = np.sqrt(down * down + right * right)
    row_weights, column_weights = (pooling_weights(side, grid, pooling_width) for side in (height, width))
    by_row = np.empty((width, directions, grid, len(images)), np.float32)
    gap, far = right, down  # their memory is used again
    for direction in range(directions):
        np.abs(np.subtract(turn, direction, out=gap), out=gap)
        np.abs(np.subtract(directions, gap, out=far), out=far)  # the other way round the circle
        share = np.subtract(1, np.minimum(gap, far, out=gap), out=gap)
        np.maximum(share, 0, out=share)
        share *= magnitude
        by_row[:, direction] = (row_weights @ share.reshape(height, -1)).reshape(grid, width, -1).swapaxes(0, 1)
    pooled = (column_weights @ by_row.reshape(width, -1)).reshape(grid, directions, grid, -1)
    return pooled.transpose(1, 2, 0, 3)


def _straighten(images: np.ndarray, deskew: float, centre: bool) -> np.ndarray:
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


@cache
def _interpolation(side: int, times: int) -> np.ndarray:
    places = (np.arange(side * times) + 0.5) / times - 0.5
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side))).astype(np.float32)


@cache
def pooling_weights(side: int, grid: int, width: float) -> np.ndarray:
    """Return the Gaussian weights of pixels for the cells along one side, (grid, side) float32; rows sum to 1.

    Weights that hardly count are 0.

    Examples:
        >>> pooling_weights(side=2, grid=1, width=0.5).tolist()
        [[0.5, 0.5]]

    """
    cell = side / grid
    centres = (np.arange(grid) + 0.5) * cell - 0.5
    weights = np.exp(-0.5 * ((np.arange(side) - centres[:, None]) / (width * cell)) ** 2)
    weights /= weights.sum(1, keepdims=True)
    return np.where(weights < LEAST_WEIGHT, 0, weights).astype(np.float32)


def _shift_rows(images: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Shift each row left by ``moves``, (n, height or 1), in columns; outside the image is paper."""
    count, height, width = images.shape
    whole = np.floor(moves)
    part = (moves - whole).astype(np.float32)[..., None]
    framed = np.zeros((count, height, 3 * width + 2), np.float32)
    framed[:, :, width + 1 : 2 * width + 1] = images
    start = (np.clip(whole, -width - 1, width) + width + 1).astype(np.intp)
    taken = sliding_window_view(framed, width + 1, axis=2)[np.arange(count)[:, None], np.arange(height), start]
    return taken[..., :-1] * (1 - part) + taken[..., 1:] * part
