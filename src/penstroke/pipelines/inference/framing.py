"""From a picture of a drawn digit to an image like those that the model was trained on.

Ink is what differs from the paper round it, in whatever colour or opacity, darker or lighter, under uneven light. The
digit is then cut out, brought to the size and the stroke of the training images, and placed as they are.
"""

import math

import numpy as np
from scipy import ndimage

from penstroke.pipelines.feature_engineering.images import enlarge

from .parameters import Drawings

MARGIN_PIXELS = 1500  # of the margin, which are enough to tell the paper
LEAST_SIDE = 128  # of what is looked at, pixels; smaller pictures are enlarged
MARGIN = 0.04  # of the picture, which shows its paper, as a share of the shorter side
INK_SHARE = 0.0005  # least share of the picture that the ink of a digit takes
INKED = 0.4  # share of its full difference from the paper from which a pixel is ink
NOISE = 6  # standard deviations of the paper's noise that ink must exceed
BROADEST = 1 / 3  # stroke, as a share of the longer side; what is broader is light or shadow
INNER = 0.2  # length of a piece inside, as a share of the longest, that makes those at the edge something else
SCAN_EDGE = 0.06  # width of what a scan may show round the paper, as a share of its side
LEAST_SHEET = 0.3  # of paper that lies on something else, as a share of the picture
SHEET_IS_PAPER = 0.8  # share of such a sheet that is not ink
EIGHT = np.ones((3, 3), bool)  # pixels touch at their corners too
FINE_ROWS = 64  # the digit is shaped on a grid of so many rows at least


class NoInkError(ValueError):
    """Nothing stands out from the paper."""


def frame_picture(picture: np.ndarray, drawings: Drawings) -> np.ndarray:
    """Bring a picture to the frame of the training images.

    Args:
        picture: (height, width, 4) float32 from 0 to 1: red, green and blue, each times opacity, and opacity.
        drawings: what counts as ink, and the frame.

    Returns:
        (rows, columns) float32 from 0 (paper) to 1 (ink).

    Raises:
        NoInkError: nothing stands out from the paper.
        ValueError: a large part is neither paper nor ink.
    """
    try:
        ink = find_ink(picture, drawings)
    except NoInkError:  # the margin may show something else than the paper, such as the edges of a scan
        inner = [slice(round(SCAN_EDGE * side), round((1 - SCAN_EDGE) * side)) for side in picture.shape[:2]]
        ink = find_ink(picture[*inner], drawings)
    return place_digit(ink, drawings)


def frame_ink(ink: np.ndarray, drawings: Drawings) -> np.ndarray:
    """Bring a digit on even paper, as a scan or a program gives it, to the frame of the training images.

    What :func:`frame_picture` does against colour, light and whatever else a photograph shows is left out, so this
    takes a fifth of the time.

    Args:
        ink: (height, width) float32 from 0 to 1 (full ink), no photograph; the paper is what most of its edge shows.
        drawings: what counts as ink, and the frame.

    Returns:
        (rows, columns) float32 from 0 (paper) to 1 (ink).

    Raises:
        NoInkError: nothing stands out from the paper.
    """
    edge = np.concatenate([ink[0], ink[-1], ink[1:-1, 0], ink[1:-1, -1]])
    differing = np.abs(ink - np.partition(edge, len(edge) // 2)[len(edge) // 2])
    least = _least_pixels(ink.size)
    peak = np.partition(differing, -least, axis=None)[-least]
    if peak < drawings.least_contrast:
        raise NoInkError(f"there is no ink: nothing differs from the paper by more than {peak:.3f}")
    return place_digit(_without_specks(np.minimum(differing / peak, 1), drawings.speck), drawings)


def find_ink(picture: np.ndarray, drawings: Drawings) -> np.ndarray:
    """Tell ink from paper.

    The paper is a smooth surface through the margin of the picture. Ink differs from it in one direction of colour
    and opacity, in strokes narrower than a third of the picture. Specks are passed over, and pieces at the edge too
    where there is as much as a digit inside.

    Args:
        picture: (height, width, 4) float32 from 0 to 1: red, green and blue, each times opacity, and opacity.
        drawings: the least contrast, and the size of a speck.

    Returns:
        (height, width) float32 from 0 (paper) to 1 (ink); a small picture is enlarged by a whole factor.

    Raises:
        NoInkError: nothing stands out from the paper.
        ValueError: a large part is neither paper nor ink.
    """
    longer = max(picture.shape[:2])
    differing = ndimage.gaussian_filter(picture - _paper(picture), (longer / 400, longer / 400, 0))
    least = _least_pixels(differing[..., 0].size)
    strongest = np.argpartition(np.linalg.norm(differing, axis=2), -least, axis=None)[-least:]
    colour = np.median(differing.reshape(-1, 4)[strongest], axis=0)
    contrast = np.abs(colour).max()
    if contrast < drawings.least_contrast:
        raise NoInkError(f"there is no ink: nothing differs from the paper by more than {contrast:.3f}")
    ink = differing @ (colour / (colour @ colour))
    if longer >= LEAST_SIDE:  # a picture that may be a photograph
        if sheet := _sheet(ink > 0.5):
            return find_ink(picture[sheet], drawings)
        broad = ndimage.grey_opening(ndimage.gaussian_filter(ink, longer / 50), size=round(BROADEST * longer))
        if broad.max() > 0.5:
            raise ValueError("a large part of it is neither paper nor ink; cut that away")
        ink -= broad
    peak = np.median(np.partition(ink, -least, axis=None)[-least:])
    lighter = ink[ink < 0]
    noise = np.median(-lighter) / 0.6745 if lighter.size else 0  # the quartile of the normal distribution
    if peak * contrast < drawings.least_contrast or peak < NOISE * noise:
        raise NoInkError("there is no ink: nothing stands out from the paper")
    ink = np.clip(enlarge(ink[None] / peak, -(-LEAST_SIDE // longer))[0], 0, 1)
    return _without_specks(ink, drawings.speck)


def place_digit(ink: np.ndarray, drawings: Drawings) -> np.ndarray:
    """Cut the digit out and place it in the frame, in the size and with the stroke of the training images.

    Args:
        ink: (height, width) float32 from 0 (paper) to 1 (ink), not all paper.
        drawings: the frame.

    Returns:
        (rows, columns) float32 from 0 (paper) to 1 (ink), the share of each pixel that ink covers.
    """
    inked = ink >= INKED
    (top, bottom), (left, right) = (np.flatnonzero(inked.any(axis))[[0, -1]] for axis in (1, 0))
    height, width = bottom + 1 - top, right + 1 - left
    down = drawings.tall / height
    across = min(down, max(drawings.wide / width, drawings.narrowest * down))
    too_wide = max(1, width * across / drawings.wide)
    down, across = down / too_wide, across / too_wide

    fine = -(-FINE_ROWS // drawings.rows)  # cells along a pixel of the image
    # a line thinner than a cell fills those that it goes through; of pixels larger than a cell the grey tells the edge
    thick = [math.ceil(1 / (fine * factor)) for factor in (down, across)]
    drawn = ndimage.maximum_filter(inked, thick).astype(np.float32) if max(thick) > 1 else ink
    middle = ndimage.center_of_mass(inked) if drawings.centre_of_mass else ((top + bottom) / 2, (left + right) / 2)
    by_rows = _resampling(ink.shape[0], middle[0], fine * drawings.rows, fine * down)
    by_columns = _resampling(ink.shape[1], middle[1], fine * drawings.columns, fine * across)
    shape = np.zeros((by_rows.shape[0] + 2, by_columns.shape[0] + 2), bool)  # where the image ends, ink does too
    inner = slice(1, -1), slice(1, -1)
    shape[inner] = by_rows @ drawn @ by_columns.T >= INKED
    covered = ndimage.distance_transform_edt(shape)[inner]
    cells = covered[shape[inner]]
    stroke = 4 * (cells.mean() - 0.5)  # a line's points are a quarter of its width from its edge on average
    thicker = (min(max(stroke, fine * drawings.thinnest), fine * drawings.thickest) - stroke) / 2
    if thicker > 0:
        covered = np.where(shape[inner], covered, 1 - ndimage.distance_transform_edt(~shape)[inner])
    covered = np.minimum(np.maximum(covered + thicker, 0), 1)
    return covered.reshape(drawings.rows, fine, drawings.columns, fine).mean((1, 3))


def _least_pixels(pixels: int) -> int:
    return max(4, round(INK_SHARE * pixels))


def _resampling(side: int, middle: float, cells: int, scale: float) -> np.ndarray:
    """Give the weights of pixels for cells along one side, (cells, side): a triangle as wide as a pixel or a cell."""
    centres = middle + (np.arange(cells, dtype=np.float32) - (cells - 1) / 2) / np.float32(scale)
    reach = max(1, 1 / scale)
    return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(side, dtype=np.float32)) / reach) / reach


def _paper(picture: np.ndarray) -> np.ndarray:
    """Lay a smooth surface, quadratic in rows and columns, through the margin; what is drawn there hardly moves it."""
    height, width = picture.shape[:2]
    at_margin = _margin((height, width), max(1, round(MARGIN * min(height, width))))
    every = -(-np.count_nonzero(at_margin) // MARGIN_PIXELS)
    rows, columns = (place[::every] for place in np.nonzero(at_margin))
    values = picture[rows, columns]
    if max(height, width) < LEAST_SIDE:  # no photograph
        return np.median(values, axis=0)
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    places = _powers(down[rows], across[columns])
    weights = np.ones((len(places), 1), np.float32)
    for _ in range(10):  # least absolute distances, by least squares with weights
        fitted = np.linalg.lstsq(places * weights, values * weights, rcond=None)[0]
        distance = np.linalg.norm(values - places @ fitted, axis=1, keepdims=True)
        weights = 1 / np.sqrt(np.maximum(distance, 1 / 255))
    return _powers(down[:, None], across[None]) @ fitted


def _powers(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    down, across = np.broadcast_arrays(down, across)
    return np.stack([np.ones_like(down), down, across, down * across, down**2, across**2], axis=-1)


def _margin(shape: tuple[int, ...], width: int) -> np.ndarray:
    margin = np.ones(shape, bool)
    margin[width:-width, width:-width] = False
    return margin


def _without_specks(ink: np.ndarray, speck: float) -> np.ndarray:
    """Leave of ink what belongs to the digit."""
    inked = ink >= INKED
    if ndimage.label(inked, EIGHT)[1] == 1:
        return ink
    return np.where(_is_digit(inked, speck), ink, 0)


def _is_digit(inked: np.ndarray, speck: float) -> np.ndarray:
    """Mark the pieces of ink that belong to the digit, with a narrow seam for their soft edges."""
    near = ndimage.binary_dilation(inked, EIGHT, max(1, round(max(inked.shape) / 250)))
    piece, pieces = ndimage.label(near, EIGHT)
    size = np.bincount(piece[inked], minlength=pieces + 1)
    length = np.array([0] + [max(side.stop - side.start for side in place) for place in ndimage.find_objects(piece)])
    at_edge = np.bincount(piece[inked & _margin(inked.shape, 1)], minlength=pieces + 1) > 0
    if length[~at_edge].max() >= INNER * length.max():
        size[at_edge] = 0
    return (size > speck * size.max())[piece] & (piece > 0)


def _sheet(differs: np.ndarray) -> tuple[slice, slice] | None:
    """Find a sheet of paper that lies on something else: what is large, in one piece but for the ink, and all round."""
    if differs.mean() < LEAST_SHEET * SHEET_IS_PAPER:
        return None
    rest, rests = ndimage.label(~differs)
    is_outside = np.bincount(rest[_margin(rest.shape, 1)], minlength=rests + 1) > 0
    is_outside[0] = False
    piece, _ = ndimage.label(~is_outside[rest])  # its holes are filled
    size = np.bincount(piece.ravel())
    size[0] = 0
    place = ndimage.find_objects(piece)[size.argmax() - 1]
    seam = max(differs.shape) // 40
    down, across = (slice(side.start + seam, side.stop - seam) for side in place)
    lies_inside = all(side.start > 0 and side.stop < length for side, length in zip(place, differs.shape, strict=True))
    is_paper = size.max() > LEAST_SHEET * differs.size and differs[down, across].mean() > SHEET_IS_PAPER
    return (down, across) if lies_inside and is_paper else None
