"""Find the pieces of ink that form the digit, and refuse ink that is not a single digit."""

import numpy as np
from scipy import ndimage

EIGHT = np.ones((3, 3), bool)  # eight neighbours: pixels touch at their corners too
INNER = 0.2  # pieces at the edge are ignored if a piece inside is this long, as a share of the longest piece
ENCLOSED = 1 / 3  # a line around a piece is a box or circle if the piece is this long, as a share of the line's length
FAR = 0.15  # pieces with a larger gap do not belong together; as a share of the digit's length
ANOTHER = 1 / 3  # a distant piece this long may be another digit; as a share of the digit's length
GAP = 0.05  # a larger gap divides a digit into two parts; as a share of its length
PARTS = {
    1: 0.6,
    0: 0.3,
}  # two parts, side by side (1) or stacked (0), are digits if both have this share of its height
ACROSS = 0.98  # smallest share of ink along a line from edge to edge
THIN, ASLANT = 0.015, 0.1  # largest half width and largest slope of such a line, as shares of the side
LINE_ALONE = 0.15  # ink lower than this share of the picture's width is a single stroke, such as a 1 on its side
WIDEST = 2.2  # largest width / height; the largest of 1,500 training digits of MNIST was 1.75
BORDER, BOXED = 0.06, 3.3  # depth of the four borders, and the sum of their inked shares in a box; digits reach 2.6


def at_margin(shape: tuple[int, ...], width: int) -> np.ndarray:
    """Mark the pixels of the margin of this width.

    Examples:
        >>> at_margin((3, 4), 1).astype(int).tolist()
        [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    """
    margin = np.ones(shape, bool)
    margin[width:-width, width:-width] = False
    return margin


def mark_large(inked: np.ndarray, speck: float) -> np.ndarray:
    """Mark the pieces of ink, (height, width), that are larger than specks, and a narrow seam for their soft edges.

    Pieces at the edge of the picture are left out if there is a piece of a digit's size inside.
    """
    piece, pieces, reach = _label(inked)
    size = np.bincount(piece[inked], minlength=pieces + 1)
    length = np.array([0] + [max(side.stop - side.start for side in place) for place in ndimage.find_objects(piece)])
    at_edge = np.bincount(piece[inked & at_margin(inked.shape, 1)], minlength=pieces + 1) > 0
    if length[~at_edge].max() >= INNER * length.max():
        size[at_edge] = 0
    belongs = (size > speck * size.max())[piece] & (piece > 0)
    return belongs if reach else ndimage.binary_dilation(belongs, EIGHT)


def mark_digit(inked: np.ndarray) -> np.ndarray:
    """Mark the pieces of ink, (height, width), that form the digit.

    A line around other pieces is left out, and so are small pieces far away.

    Raises:
        ValueError: there is more than one digit, a line runs through it from edge to edge, or it has no digit's shape.
    """
    piece, _, reach = _label(inked)
    boxes = ndimage.find_objects(piece)
    length = np.array([max(side.stop - side.start for side in box) for box in boxes])
    numbers = list(np.argsort(-length))
    for number in numbers[:-1]:
        inside = ndimage.binary_fill_holes(piece == number + 1)
        held = [other for other in numbers if other != number and inside[piece == other + 1].all()]
        if held and length[held].max() >= ENCLOSED * length[number]:
            numbers.remove(number)
    digit, others = [numbers[0]], numbers[1:]
    while near := [other for other in others if _gap(boxes, digit, other) <= FAR * _length(boxes, digit)]:
        digit += near
        others = [other for other in others if other not in near]
    if others and length[others].max() >= ANOTHER * _length(boxes, digit):
        raise ValueError("it shows more than one thing that may be a digit; cut out one")
    belongs = np.isin(piece, np.array(digit) + 1)
    _refuse_two(inked & belongs, reach)
    _refuse_line(inked & belongs)
    _refuse_form(inked & belongs)
    return belongs


def _label(inked: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Number the pieces; pieces closer together than ``reach`` count as one."""
    reach = round(max(inked.shape) / 250)  # 0 for small images, which have no such gaps
    near = ndimage.binary_dilation(inked, EIGHT, reach) if reach else inked
    return *ndimage.label(near, EIGHT), reach


def _span(boxes: list[tuple[slice, ...]], chosen: list[int]) -> list[tuple[int, int]]:
    """Return the first and last row, and the first and last column, of some pieces together."""
    return [
        (min(boxes[one][axis].start for one in chosen), max(boxes[one][axis].stop for one in chosen)) for axis in (0, 1)
    ]


def _length(boxes: list[tuple[slice, ...]], chosen: list[int]) -> int:
    return max(stop - start for start, stop in _span(boxes, chosen))


def _gap(boxes: list[tuple[slice, ...]], chosen: list[int], other: int) -> int:
    return max(
        max(start - side.stop, side.start - stop)
        for (start, stop), side in zip(_span(boxes, chosen), boxes[other], strict=True)
    )


def _refuse_two(digit: np.ndarray, reach: int) -> None:
    """Refuse ink that a gap divides into two parts, each as tall as a digit."""
    rows = np.flatnonzero(digit.any(axis=1))
    columns = np.flatnonzero(digit.any(axis=0))
    length = max(np.ptp(rows), np.ptp(columns)) + 1
    for axis, places in ((0, rows), (1, columns)):
        steps = np.diff(places)
        for place in np.flatnonzero(steps > max(GAP * length, 2 * reach) + 1):
            parts = np.split(digit, [places[place] + 1], axis=axis)
            tall = [np.ptp(np.flatnonzero(part.any(axis=1))) + 1 for part in parts]
            if min(tall) >= PARTS[axis] * (np.ptp(rows) + 1):
                raise ValueError("it shows more than one digit; cut out one")


def _refuse_line(digit: np.ndarray) -> None:
    """Refuse ink that contains a thin straight line from edge to edge of the picture, and more than that line."""
    beside = max(2, round(THIN * max(digit.shape)))
    for ink in (digit, digit.T):
        height, width = ink.shape
        if np.ptp(np.flatnonzero(ink.any(axis=1))) < LINE_ALONE * width:
            continue
        columns, around = np.arange(width), np.pad(ink, ((beside, beside), (0, 0)))
        for left in _middles(ink[:, 0]):
            for right in _middles(ink[:, -1]):
                rows = np.rint(np.linspace(left, right, width)).astype(int)
                above, line, below = (around[rows + step, columns].mean() for step in (0, beside, 2 * beside))
                if abs(left - right) < ASLANT * height and line >= ACROSS and max(above, below) < 1 / 2:
                    raise ValueError("a line as dark as the ink runs through it from edge to edge; cut that away")


def _middles(edge: np.ndarray) -> list[float]:
    """Return the middles of the lines that cross an edge."""
    return [(run.start + run.stop - 1) / 2 for (run,) in ndimage.find_objects(ndimage.label(edge)[0])]


def _refuse_form(digit: np.ndarray) -> None:
    """Refuse ink in a shape that no digit has."""
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    form = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = form.shape
    if width > WIDEST * height:
        raise ValueError("it is wider than a digit; cut out one")
    depth = round(BORDER * max(form.shape))
    if depth < 2:  # too small to separate borders from inside; a finer look follows
        return
    sides = (
        form[:depth].any(axis=0),
        form[-depth:].any(axis=0),
        form[:, :depth].any(axis=1),
        form[:, -depth:].any(axis=1),
    )
    if min(form.shape) > 0.4 * max(form.shape) and sum(side.mean() for side in sides) > BOXED:
        raise ValueError("a box as dark as the ink touches it; cut that away")
