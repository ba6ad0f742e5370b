"""Draw digits like people do: strokes of a seeded random hand, on different papers, with different pens and files.

A hand takes one way of writing a digit, moves its points, slants, rotates and widens it. A style is a kind of paper,
pen and file. :mod:`benchmarks.drawings` made the samples in ``data/01_raw/drawings`` in this way; tests use it too.
"""

from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

# ways to write each digit; "/" parts its smooth pieces, which run through points "across,down" from 0 to 100
WAYS = {
    0: [
        "50,0 12,28 10,68 45,100 86,72 85,26 50,0",
        "62,5 30,4 6,45 25,95 70,93 92,50 70,6 45,2",
    ],
    1: ["50,0 50,100", "25,25 55,0 / 55,0 55,100", "25,22 52,0 / 52,0 52,100 / 22,100 85,100"],
    2: [
        "10,26 30,3 70,3 84,30 55,65 10,100 / 10,100 92,98",
        "12,22 40,0 78,12 72,45 40,80 12,96 10,80 35,82 60,98 95,90",
    ],
    3: [
        "12,12 45,0 80,20 66,42 38,48 / 38,48 78,55 86,80 52,100 8,88",
        "10,0 84,0 / 84,0 42,40 / 42,40 84,55 80,88 45,100 8,90",
    ],
    4: ["25,0 10,56 / 10,56 92,56 / 70,18 64,100", "68,100 68,0 / 68,0 5,66 / 5,66 95,66"],
    5: [
        "86,0 24,2 / 24,2 17,44 / 17,44 50,36 86,62 70,92 35,100 8,88",
        "28,5 22,42 55,40 82,68 60,98 10,94 / 28,4 90,0",
    ],
    6: ["76,2 36,25 14,66 38,98 76,90 80,62 50,52 20,70", "60,0 25,40 20,80 50,100 82,82 66,58 30,66 22,80"],
    7: [
        "8,4 90,2 / 90,2 60,45 42,100",
        "8,4 90,2 / 90,2 60,45 42,100 / 30,52 82,48",
        "10,20 12,3 / 12,3 88,2 / 88,2 35,100",
    ],
    8: [
        "78,16 50,0 22,20 50,47 82,76 50,100 16,78 48,48 78,24 74,12",
        "50,46 22,24 50,0 78,24 50,46 / 50,46 86,74 50,100 14,74 50,46",
    ],
    9: [
        "84,28 50,52 16,30 42,2 80,10 84,28 / 84,20 80,60 70,100",
        "80,14 45,0 16,28 46,52 80,28 80,14 / 80,14 86,60 62,97 20,92",
    ],
}
FINE = 4  # lines are drawn so many times larger, for smooth edges


class Drawing(NamedTuple):
    """A file that holds a drawn digit."""

    digit: int
    style: str
    suffix: str
    content: bytes


def draw(digit: int, style: str, seed: int) -> Drawing:
    """Draw a digit in a style; the same seed gives the same file."""
    generator = np.random.default_rng([seed, digit, list(STYLES).index(style)])
    return Drawing(digit, style, *STYLES[style](write(digit, generator), generator))


def trace(strokes: list[np.ndarray], side: int, tall: float, pen: float, place: tuple[float, float]) -> np.ndarray:
    """Draw strokes as ink from 0 to 1 on a square.

    Args:
        strokes: (points, 2) each, across and down; the digit is 1 high, its middle is 0.
        side: of the square, pixels.
        tall: height of the digit, pixels.
        pen: width of the line, pixels.
        place: of the digit's middle, pixels across and down.
    """
    sheet = Image.new("L", (side * FINE, side * FINE))
    pencil = ImageDraw.Draw(sheet)
    for stroke in strokes:
        points = (stroke * tall + place) * FINE
        pencil.line([tuple(point) for point in points], fill=255, width=max(1, round(pen * FINE)))
        half = pen * FINE / 2
        for across, down in points:  # round ends and joints
            pencil.ellipse((across - half, down - half, across + half, down + half), fill=255)
    return np.asarray(sheet.reduce(FINE), np.float32) / 255


def write(digit: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Return the strokes of a digit, (points, 2) each, across and down; the digit is about 1 high, its middle is 0."""
    way = generator.choice(WAYS[digit])
    slant, turn, width = generator.normal(0.12, 0.12), generator.normal(0, 0.06), generator.uniform(0.5, 0.8)
    form = np.array([[width, 0], [-slant, 1]]) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    known: dict[str, np.ndarray] = {}  # pieces that meet in a point still meet when it is moved
    strokes = []
    for piece in way.split("/"):
        for name in piece.split():
            if name not in known:
                known[name] = np.array(name.split(","), float) / 100 - 0.5 + generator.normal(0, 0.025, 2)
        points = np.stack([known[name] for name in piece.split()]) @ form
        knots = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        ends = "periodic" if piece.split()[0] == piece.split()[-1] else "not-a-knot"
        strokes.append(CubicSpline(knots, points, bc_type=ends)(np.linspace(0, knots[-1], 60)))
    return strokes


def _paper(side: int, generator: np.random.Generator, light: float, shade: float, grain: float) -> np.ndarray:
    """Return unevenly lit paper, (side, side) from 0 to 1, of given brightness, fall of the light, and noise."""
    down, across = np.indices((side, side)) / side
    turn = generator.uniform(0, 2 * np.pi)
    slope = 0.5 + 0.5 * (np.cos(turn) * (across - 0.5) + np.sin(turn) * (down - 0.5)) * 1.4
    return np.clip(light * (1 - shade * slope) + generator.normal(0, grain, (side, side)), 0, 1)


def _place(side: int, tall: float, generator: np.random.Generator) -> tuple[float, float]:
    room = (side - 1.3 * tall) / 2
    across, down = side / 2 + generator.uniform(-1, 1, 2) * max(room, 0)
    return across, down


def _saved(picture: np.ndarray, kind: str, **options: object) -> tuple[str, bytes]:
    file = BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return ("jpg" if kind == "JPEG" else "png"), file.getvalue()


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _coloured(ink: np.ndarray, pen: tuple[float, ...], paper: np.ndarray | tuple[float, ...]) -> np.ndarray:
    paper = np.broadcast_to(np.asarray(paper)[..., None] if np.ndim(paper) == 2 else paper, (*ink.shape, 3))
    return _bytes(paper + ink[..., None] * (np.asarray(pen) - paper))


def _marker(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(200, 400))
    tall = side * generator.uniform(0.5, 0.7)
    ink = trace(strokes, side, tall, tall * generator.uniform(0.08, 0.14), _place(side, tall, generator))
    return _saved(_bytes(1 - ink), "PNG", optimize=True)


def _brush(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(90, 200))
    tall = side * 0.7
    ink = trace(strokes, side, tall, tall * generator.uniform(0.17, 0.22), (side / 2, side / 2))
    return _saved(_bytes(1 - 0.9 * ink), "PNG", optimize=True)


def _ballpoint(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(300, 600))
    tall = side * generator.uniform(0.25, 0.5)
    ink = trace(strokes, side, tall, tall * generator.uniform(0.02, 0.05), _place(side, tall, generator))
    paper = _paper(side, generator, 0.97, 0.1, 0.01)
    return _saved(_coloured(ink, (0.12, 0.2, 0.6), paper), "JPEG", quality=80)


def _pencil(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(250, 450))
    tall = side * generator.uniform(0.4, 0.65)
    ink = trace(strokes, side, tall, tall * generator.uniform(0.03, 0.06), _place(side, tall, generator))
    rubbed = ink * np.clip(generator.normal(0.45, 0.12, ink.shape), 0, 1)
    return _saved(_bytes(_paper(side, generator, 0.93, 0.08, 0.015) - rubbed), "JPEG", quality=75)


def _chalk(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(240, 400))
    tall = side * generator.uniform(0.45, 0.7)
    ink = trace(strokes, side, tall, tall * generator.uniform(0.06, 0.1), _place(side, tall, generator))
    board = np.array([0.13, 0.27, 0.2]) * _paper(side, generator, 1, 0.3, 0.06)[..., None]
    rubbed = ink * np.clip(generator.normal(0.85, 0.25, ink.shape), 0, 1)
    return _saved(_bytes(board + rubbed[..., None] * (0.92 - board)), "JPEG", quality=80)


def photograph(ink: np.ndarray, generator: np.random.Generator) -> tuple[str, bytes]:
    """Photograph ink, (side, side) from 0 to 1, on paper in the shadow of a hand: out of focus, noisy, as JPEG."""
    side = len(ink)
    across, down = generator.uniform(0.2, 0.8, 2) * side
    rows, columns = np.indices((side, side))
    hand = np.exp(-(((columns - across) ** 2 + (rows - down) ** 2) / (0.35 * side) ** 2))
    sheet = _paper(side, generator, 0.85, 0.45, 0) * (1 - 0.3 * hand) * (1 - 0.75 * ink)
    seen = ndimage.gaussian_filter(sheet, side / 400) + generator.normal(0, 0.025, sheet.shape)
    return _saved(_bytes(seen[..., None] * [1, 0.95, 0.85]), "JPEG", quality=60)


def _photo(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(400, 640))
    tall = side * generator.uniform(0.3, 0.6)
    pen = tall * generator.uniform(0.04, 0.09)
    return photograph(trace(strokes, side, tall, pen, _place(side, tall, generator)), generator)


def _transparent(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    side = int(generator.integers(128, 300))
    tall = side * 0.7
    ink = trace(strokes, side, tall, tall * generator.uniform(0.07, 0.12), (side / 2, side / 2))
    colour = generator.choice([0.0, 1.0, 0.5]) * np.ones((side, side, 3))
    return _saved(_bytes(np.concatenate([colour, ink[..., None]], axis=2)), "PNG", optimize=True)


def _deep(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    """Return a 16-bit scan that uses a narrow part of its range."""
    side = int(generator.integers(120, 200))
    tall = side * 0.6
    ink = trace(strokes, side, tall, tall * 0.08, _place(side, tall, generator))
    return _saved(np.rint(30000 - 12000 * ink + generator.normal(0, 8, ink.shape)).astype(np.uint16), "PNG")


def _turned(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    """Return a picture that is stored rotated, with the EXIF entry for it."""
    side = int(generator.integers(200, 400))
    tall = side * 0.6
    ink = trace(strokes, side, tall, tall * 0.08, _place(side, tall, generator))
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right side of what was seen
    return _saved(_bytes(0.95 - 0.8 * np.rot90(ink)), "JPEG", quality=80, exif=exif)


def _squared(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    """Return squared paper."""
    side, gap = 360, int(generator.integers(24, 40))
    tall = side * generator.uniform(0.4, 0.6)
    ink = trace(strokes, side, tall, tall * generator.uniform(0.04, 0.07), _place(side, tall, generator))
    rows, columns = np.indices((side, side)) + int(generator.integers(0, gap))
    lines = ((rows % gap == 0) | (columns % gap == 0))[..., None] * np.array([0.25, 0.15, 0.05])
    return _saved(_bytes(0.98 - np.maximum(lines, ink[..., None] * [0.9, 0.85, 0.7])), "PNG", optimize=True)


def _tiny(strokes: list[np.ndarray], generator: np.random.Generator) -> tuple[str, bytes]:
    """Return a light digit on dark, framed like MNIST's digits."""
    ink = trace(strokes, 28, 19, generator.uniform(2, 3), (14, 14))
    return _saved(_bytes(ink), "PNG")


STYLES: dict[str, Callable[[list[np.ndarray], np.random.Generator], tuple[str, bytes]]] = {
    "marker": _marker,
    "brush": _brush,
    "ballpoint": _ballpoint,
    "pencil": _pencil,
    "chalk": _chalk,
    "photo": _photo,
    "transparent": _transparent,
    "deep": _deep,
    "turned": _turned,
    "squared": _squared,
    "tiny": _tiny,
}
