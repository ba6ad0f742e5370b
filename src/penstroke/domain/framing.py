"""Turn a picture of a drawn digit into an image like the training images.

Ink is whatever differs from the paper around it: in any colour or opacity, darker or lighter, also under uneven light.
The digit is cut out, scaled to the size and the stroke width of the training digits, and placed like them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .frame import Frame
from .images import enlarge
from .pieces import EIGHT, at_margin, mark_digit, mark_large
from .reading import Window

MARGIN_PIXELS = 1500  # number of margin pixels to which the paper surface is fitted
LEAST_SIDE = 128  # pictures with a shorter longer side, in pixels, are enlarged
MARGIN = 0.04  # width of the margin, which shows paper, as a share of the picture's shorter side
INK_SHARE = 0.0005  # smallest share of the picture that a digit's ink covers
INKED = 0.4  # a pixel is ink from this share of the full difference between ink and paper
NOISE = 6  # ink must exceed the noise of the paper by this many standard deviations
BROADEST = 1 / 3  # broadest stroke, as a share of the longer side; broader areas are light or shadow
SCAN_EDGE = 0.06  # widest border of a scan around the paper, as a share of its side
LEAST_SHEET = 0.3  # smallest sheet of paper on another surface, as a share of the picture
SHEET_IS_PAPER = 0.8  # smallest share of such a sheet that is not ink
EIGHT_WITHIN = np.stack([~EIGHT, EIGHT, ~EIGHT])  # eight neighbours in the same image of a stack
PATCH = 0.2  # areas this wide and paler than ink are light or shadow, as a share of the longer side
PALER = 0.75  # largest difference of such an area from the paper, as a share of the ink's difference
STEP = 0.1  # smallest step at its edge, as such a share; softer areas are removed as a smooth surface
SMALL = 0.1  # digits shorter than this share of the picture are read again at a finer resolution
NEARER = 3  # the second look shows this many lengths of the digit
LEAST_LENGTH = 8  # smallest length of a digit, in pixels of the file
SWEEPS = 10
FINE_ROWS = 64  # smallest number of rows of the fine grid on which the digit is drawn


class NoInkError(ValueError):
    """A picture shows no ink: nothing stands out from the paper.

    Args:
        message: what was found.
        place: number of the image in the stack that was given.
    """

    def __init__(self, message: str, place: int = 0) -> None:
        super().__init__(message)
        self.place = place


class Found(NamedTuple):
    """The ink of a digit, with the factor by which it is enlarged and the corner of its part of the picture."""

    ink: np.ndarray
    factor: int
    top: int
    left: int

    @property
    def length(self) -> float:
        """The larger of the digit's height and width, in pixels of the picture."""
        return max(stop - start for start, stop in self._spans())

    def window(self, shape: tuple[int, ...]) -> Window:
        """Return the part of a picture of this shape that shows the digit and the area around it."""
        reach = NEARER / 2 * self.length
        (top, bottom), (left, right) = (
            (max(0, (start + stop) / 2 - reach) / side, min(side, (start + stop) / 2 + reach) / side)
            for (start, stop), side in zip(self._spans(), shape, strict=False)
        )
        return top, bottom, left, right

    def _spans(self) -> list[tuple[float, float]]:
        inked = self.ink >= INKED
        places = (np.flatnonzero(inked.any(axis=1 - axis)) / self.factor for axis in (0, 1))
        return [
            (place[0] + corner, place[-1] + 1 / self.factor + corner)
            for place, corner in zip(places, (self.top, self.left), strict=True)
        ]


def frame_picture(
    picture: np.ndarray, drawings: Frame, look: Callable[[Window], np.ndarray] | None = None
) -> np.ndarray:
    """Turn a picture into an image like the training images.

    Args:
        picture: (height, width, 4) float32 from 0 to 1: red, green and blue, each times opacity, and opacity.
        drawings: what counts as ink, and the frame.
        look: reads a part of the picture at the file's full resolution; None if ``picture`` has that already.

    Returns:
        (rows, columns) float64 from 0 (paper) to 1 (ink).

    Raises:
        NoInkError: nothing stands out from the paper.
        ValueError: a large part is neither paper nor ink, or the ink is not a single digit, or is too small.
    """
    found = _find_anywhere(picture, drawings)
    if look and found.length < SMALL * max(picture.shape[:2]):
        found = _find_anywhere(look(found.window(picture.shape)), drawings)
    if found.length < LEAST_LENGTH:
        raise ValueError(
            f"the digit is {found.length:.0f} pixels high, too few to read; take it from nearer, or scan it finer"
        )
    return place_digits(found.ink[None], drawings)[0]


def frame_ink(images: np.ndarray, drawings: Frame) -> np.ndarray:
    """Turn digits on evenly lit paper, from a scan or a program, into images like the training images.

    To save time, this skips what :func:`frame_picture` does for photographs: colour, uneven light, shadows.

    Args:
        images: (n, height, width) float32 from 0 to 1, no photographs. The paper is the median of the edge pixels.
        drawings: what counts as ink, and the frame.

    Returns:
        (n, rows, columns) float64 from 0 (paper) to 1 (ink).

    Raises:
        NoInkError: nothing stands out from the paper of an image.
    """
    edge = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    half, least = edge.shape[1] // 2, _least_pixels(images[0].size)
    differing = np.abs(images - np.partition(edge, half)[:, half, None, None])
    peak = np.partition(differing.reshape(len(images), -1), -least)[:, -least]
    if peak[weakest := int(peak.argmin())] < drawings.least_contrast:
        found = f"nothing differs from the paper by more than {peak[weakest]:.3f}"
        raise NoInkError(f"there is no ink: {found}", weakest)
    ink = np.minimum(differing / peak[:, None, None], 1)
    return place_digits(_without_specks(ink, drawings.speck), drawings)


def _find_anywhere(picture: np.ndarray, drawings: Frame) -> Found:
    try:
        return find_ink(picture, drawings)
    except NoInkError:  # the margin may not show paper, for instance around a scan
        inner = [slice(round(SCAN_EDGE * side), round((1 - SCAN_EDGE) * side)) for side in picture.shape[:2]]
        return _find_within(picture, (inner[0], inner[1]), drawings)


def _find_within(picture: np.ndarray, part: tuple[slice, slice], drawings: Frame) -> Found:
    found = find_ink(picture[part], drawings)
    return found._replace(top=found.top + part[0].start, left=found.left + part[1].start)


def find_ink(picture: np.ndarray, drawings: Frame) -> Found:
    """Separate ink from paper.

    The paper is modelled as a smooth surface through the margin of the picture. Ink differs from it in one direction
    of colour and opacity, and forms strokes narrower than a third of the picture. Shadows and specks are ignored, and
    so are pieces at the edge if there is a digit inside; :func:`.pieces.mark_digit` lists what else is.

    Args:
        picture: (height, width, 4) float32 from 0 to 1: red, green and blue, each times opacity, and opacity.
        drawings: the smallest contrast, and the size of a speck.

    Returns:
        The ink, float32 from 0 (paper) to 1, and its place in the picture; a small picture is enlarged by a factor.

    Raises:
        NoInkError: nothing stands out from the paper.
        ValueError: a large part is neither paper nor ink, or the ink is not a single digit.
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
    if longer >= LEAST_SIDE:  # it may be a photograph
        if sheet := _sheet(ink > 0.5):
            return _find_within(picture, sheet, drawings)
        ink = _without_light(ink)
        broad = ndimage.grey_opening(ndimage.gaussian_filter(ink, longer / 50), size=round(BROADEST * longer))
        if broad.max() > 0.5:
            raise ValueError("a large part of it is neither paper nor ink; cut that away")
        ink -= broad
    peak = np.median(np.partition(ink, -least, axis=None)[-least:])
    lighter = ink[ink < 0]
    noise = np.median(-lighter) / 0.6745 if lighter.size else 0  # 0.6745: upper quartile of the normal distribution
    if peak * contrast < drawings.least_contrast or peak < NOISE * noise:
        raise NoInkError("there is no ink: nothing stands out from the paper")
    factor = -(-LEAST_SIDE // longer)
    ink = _without_specks(np.clip(enlarge(ink[None] / peak, factor), 0, 1), drawings.speck)[0]
    return Found(ink * mark_digit(ink >= INKED), factor, 0, 0)


def place_digits(ink: np.ndarray, drawings: Frame) -> np.ndarray:
    """Cut out digits and place each in the frame, with the size and the stroke width of the training digits.

    Args:
        ink: (n, height, width) float32 from 0 (paper) to 1 (ink), none blank.
        drawings: the frame.

    Returns:
        (n, rows, columns) float64 from 0 (paper) to 1 (ink): the share of each pixel that ink covers.
    """
    inked = ink >= INKED
    of_rows, of_columns = inked.sum(axis=2), inked.sum(axis=1)
    (top, bottom), (left, right) = _first_and_last(of_rows), _first_and_last(of_columns)
    height, width = bottom + 1 - top, right + 1 - left
    down = drawings.tall / height
    across = np.minimum(down, np.maximum(drawings.wide / width, drawings.narrowest * down))
    too_wide = np.maximum(1, width * across / drawings.wide)
    down, across = down / too_wide, across / too_wide

    # cells per pixel of the image; a small image needs fewer
    fine = -(-(FINE_ROWS if max(ink.shape[1:]) >= LEAST_SIDE else FINE_ROWS // 2) // drawings.rows)
    # a line thinner than a cell fills all cells on its way; where pixels are larger than cells, grey gives the edge
    thick = np.ceil(1 / (fine * np.stack([down, across], axis=1))).astype(int)
    room = thick.max() // 2  # so that a line at the edge of the picture becomes as thick as any other
    drawn = np.pad(ink, [(0, 0), (room, room), (room, room)])
    for place in np.flatnonzero(thick.max(axis=1) > 1):
        drawn[place] = ndimage.maximum_filter(drawn[place] >= INKED, thick[place])
    row, column = (top + bottom) / 2, (left + right) / 2
    if drawings.centre_of_mass:
        row, column = _mean_place(of_rows), _mean_place(of_columns)
    rows, columns = (np.arange(-room, side + room, dtype=np.float32) for side in ink.shape[1:])
    by_rows = _resampling(rows, row, fine * drawings.rows, fine * down)
    by_columns = _resampling(columns, column, fine * drawings.columns, fine * across)
    drawn = by_rows @ drawn @ by_columns.swapaxes(1, 2)
    inner = slice(None), slice(1, -1), slice(1, -1)
    shape = np.zeros((len(ink), by_rows.shape[1] + 2, by_columns.shape[1] + 2), bool)  # with a border that is no ink
    shape[inner] = drawn >= np.minimum(INKED, drawn.max((1, 2), keepdims=True) / 2)  # keep thin and pale lines too
    covered = np.stack([ndimage.distance_transform_edt(one) for one in shape])
    # on average, the points of a line are a quarter of its width away from its edge
    stroke = 4 * (covered.sum((1, 2)) / shape.sum((1, 2)) - 0.5)
    thicker = (np.clip(stroke, fine * drawings.thinnest, fine * drawings.thickest) - stroke) / 2
    for place in np.flatnonzero(thicker > 0):
        covered[place] += ~shape[place] - ndimage.distance_transform_edt(~shape[place])
    covered = np.clip(covered + thicker[:, None, None], 0, 1)[inner]
    return covered.reshape(-1, drawings.rows, fine, drawings.columns, fine).mean((2, 4))


def _first_and_last(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the first and the last positive weight of each row."""
    found = weights > 0
    return found.argmax(axis=1), found.shape[1] - 1 - found[:, ::-1].argmax(axis=1)


def _mean_place(weights: np.ndarray) -> np.ndarray:
    return weights @ np.arange(weights.shape[1]) / weights.sum(axis=1)


def _least_pixels(pixels: int) -> int:
    return max(4, round(INK_SHARE * pixels))


def _resampling(places: np.ndarray, middle: np.ndarray, cells: int, scale: np.ndarray) -> np.ndarray:
    """Return the weights of pixels for the cells along one side, (n, cells, pixels).

    Each weight is a triangle, as wide as a pixel or a cell, whichever is wider.
    """
    centres = (middle[:, None] + (np.arange(cells) - (cells - 1) / 2) / scale[:, None]).astype(np.float32)
    reach = np.maximum(1, 1 / scale).astype(np.float32)[:, None, None]
    return np.maximum(0, 1 - np.abs(centres[..., None] - places) / reach) / reach


def _paper(picture: np.ndarray) -> np.ndarray:
    """Fit a surface, quadratic in rows and columns, to the margin; ink in the margin hardly changes the fit."""
    height, width = picture.shape[:2]
    margin = at_margin((height, width), max(1, round(MARGIN * min(height, width))))
    every = -(-np.count_nonzero(margin) // MARGIN_PIXELS)
    rows, columns = (place[::every] for place in np.nonzero(margin))
    values = picture[rows, columns]
    if max(height, width) < LEAST_SIDE:  # too small for a photograph
        return np.median(values, axis=0)
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    places = _powers(down[rows], across[columns])
    weights = np.ones((len(places), 1), np.float32)
    for _ in range(10):  # least absolute deviations, by iteratively reweighted least squares
        fitted = np.linalg.lstsq(places * weights, values * weights, rcond=None)[0]
        distance = np.linalg.norm(values - places @ fitted, axis=1, keepdims=True)
        weights = 1 / np.sqrt(np.maximum(distance, 1 / 255))
    return _powers(down[:, None], across[None]) @ fitted


def _powers(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    down, across = np.broadcast_arrays(down, across)
    return np.stack([np.ones_like(down), down, across, down * across, down**2, across**2], axis=-1)


def _without_specks(ink: np.ndarray, speck: float) -> np.ndarray:
    """Remove from ink, (n, height, width), the pieces that do not belong to the digits."""
    inked = ink >= INKED
    piece, pieces = ndimage.label(inked, EIGHT_WITHIN)
    if pieces > len(ink):
        pieces_until = piece.max((1, 2))
        for place in np.flatnonzero(np.diff(pieces_until, prepend=0) > 1):
            ink[place] *= mark_large(inked[place], speck)
    return ink


def _without_light(ink: np.ndarray) -> np.ndarray:
    """Remove broad areas that are paler than ink, such as shadows, and the pixels around them that are as dark."""
    longer = max(ink.shape)
    width = round(PATCH * longer)
    patch = ndimage.grey_opening(ndimage.gaussian_filter(ink, longer / 200), size=width, mode="nearest")
    edge = ndimage.grey_dilation(patch, size=round(longer / 80)) - patch
    if edge.max() < STEP or patch.max() > PALER:
        return ink
    other = np.minimum(ink, 0)
    if (ndimage.grey_closing(other, size=width, mode="nearest") - other).max() > PALER:  # strokes lighter than paper
        raise NoInkError("there is no ink: the margin shows something else than the paper; cut that away")
    light = np.minimum(patch, ink)
    for _ in range(SWEEPS):  # spread the light over neighbours that are as dark, row by row and column by column
        before = light.copy()
        for known, below in ((light, ink), (light[::-1], ink[::-1]), (light.T, ink.T), (light.T[::-1], ink.T[::-1])):
            for row in range(1, len(known)):
                np.minimum(np.maximum(known[row], known[row - 1]), below[row], out=known[row])
        if np.array_equal(light, before):
            break
    return ink - light


def _sheet(differs: np.ndarray) -> tuple[slice, slice] | None:
    """Find a sheet of paper on another surface: a large area, in one piece except for the ink, away from the edges."""
    if differs.mean() < LEAST_SHEET * SHEET_IS_PAPER:
        return None
    rest, rests = ndimage.label(~differs)
    is_outside = np.bincount(rest[at_margin(rest.shape, 1)], minlength=rests + 1) > 0
    is_outside[0] = False
    piece, _ = ndimage.label(~is_outside[rest])  # pieces with their holes filled
    size = np.bincount(piece.ravel())
    size[0] = 0
    place = ndimage.find_objects(piece)[size.argmax() - 1]
    seam = max(differs.shape) // 40
    down, across = (slice(side.start + seam, side.stop - seam) for side in place)
    lies_inside = all(side.start > 0 and side.stop < length for side, length in zip(place, differs.shape, strict=True))
    is_paper = size.max() > LEAST_SHEET * differs.size and differs[down, across].mean() > SHEET_IS_PAPER
    return (down, across) if lies_inside and is_paper else None
