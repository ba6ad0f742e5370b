"""Decode an image file, which need not be trusted, into an array."""

import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

FORMATS = ("JPEG", "PNG")  # each further format would open another of Pillow's decoders to untrusted files
LEAST_SIDE = 4
STRIP_PIXELS = 500_000
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's colour type
UNPACKED_AT_ONCE = 4096  # compressed bytes per step; they expand to a thousand times as many at most
Window = tuple[float, float, float, float]  # top, bottom, left, right, as shares of the upright picture
WHOLE = (0.0, 1.0, 0.0, 1.0)
UPRIGHT = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}

# images that Pillow warns about are either rejected below or read anyway
warnings.filterwarnings("ignore", module=r"PIL\.")
PngImagePlugin.MAX_TEXT_MEMORY = (
    PngImagePlugin.MAX_TEXT_CHUNK
)  # texts in a PNG file are not used here; the default allows 64 times as much


def read_picture(content: bytes, most_pixels: int, side: int, window: Window = WHOLE) -> np.ndarray:
    """Decode a PNG or JPEG file of any kind: grey, colour, palette, CMYK, transparent, 1 to 16 bits, turned by EXIF.

    Args:
        content: the bytes of the file; the first picture of an animation is read.
        most_pixels: largest number of decoded pixels. A JPEG file can be decoded at reduced size, and so may have more.
        side: longer side of the result, in pixels. Larger pictures are averaged down to between one and two times that.
        window: the part of the picture to read; a small part is read at the file's own resolution.

    Returns:
        (height, width, 4) float32 from 0 to 1: red, green and blue, each times opacity, and opacity.

    Raises:
        ValueError: the file is no PNG or JPEG file, is damaged, or has too many or too few pixels.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _decode(image, most_pixels, side, window)
            if image.format == "PNG":
                _refuse_missing_rows(content)
            turns, mirrored = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1), (0, False))
            part = image if window == WHOLE else image.crop(_as_stored(window, turns, mirrored, image.size))
            picture = np.concatenate(list(_averaged_strips(part, max(1, max(part.size) // side))))
    except UnidentifiedImageError:
        raise ValueError(f"it is no {' or '.join(FORMATS)} file; save it as one") from None
    except ValueError:
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(f"it has too many pixels: {error}") from None
    except Exception as error:  # decoders raise many kinds of errors for damaged files
        raise ValueError(f"it is damaged: {error or type(error).__name__}") from error
    upright = np.rot90(picture, turns)
    return np.ascontiguousarray(upright[:, ::-1] if mirrored else upright)


def _decode(image: Image.Image, most_pixels: int, side: int, window: Window) -> None:
    """Decode an opened image; a JPEG file at an eighth, a quarter or half of its size if that is at least ``side``."""
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise ValueError(f"it has {width} x {height} pixels, too few for a digit")
    if window != WHOLE:  # the decoder reads no parts: decode all, as finely as the window needs and the limit allows
        finest = int(max(image.size) * (most_pixels / (width * height)) ** 0.5 / 2)
        side = max(side, min(finest, int(side / min(window[1] - window[0], window[3] - window[2]))))
    image.draft(None, (max(1, width * side // max(image.size)), max(1, height * side // max(image.size))))
    # a progressive file keeps all its coefficients in memory, whatever the size of the result
    decoded = width * height if "progressive" in image.info else image.width * image.height
    if decoded > most_pixels:
        raise ValueError(f"it has {width} x {height} pixels, more than can be read; make it smaller")
    image.load()


def _as_stored(window: Window, turns: int, mirrored: bool, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, in pixels, of a window in a picture that is stored mirrored or rotated."""
    top, bottom, left, right = window
    if mirrored:
        left, right = 1 - right, 1 - left
    for _ in range(turns):
        top, bottom, left, right = left, right, 1 - bottom, 1 - top
    width, height = size
    return int(left * width), int(top * height), math.ceil(right * width), math.ceil(bottom * height)


def _refuse_missing_rows(content: bytes) -> None:
    """Refuse a PNG file with missing rows: Pillow would leave them black."""
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    missing = height * (width * depth * CHANNELS[colour] // 8)
    unpacker, place = zlib.decompressobj(), 8
    while missing > 0:
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        packed = content[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        for start in range(0, len(packed), UNPACKED_AT_ONCE):
            missing -= len(unpacker.decompress(packed[start : start + UNPACKED_AT_ONCE]))
        if kind == b"IEND":
            raise ValueError("it is damaged: rows are missing")
        place += length + 12


def _averaged_strips(image: Image.Image, factor: int) -> Iterator[np.ndarray]:
    """Average blocks of ``factor`` x ``factor`` pixels, with one strip of the image in memory as floats at a time."""
    down, across = min(factor, image.height), min(factor, image.width)
    height, width = image.height // down * down, image.width // across * across
    rows = down * max(1, STRIP_PIXELS // (down * width))
    for top in range(0, height, rows):
        strip = _premultiplied(image.crop((0, top, width, min(top + rows, height))))
        yield strip.reshape(-1, down, width // across, across, 4).mean((1, 3))


def _premultiplied(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's conversion would clip it instead of scaling it
        grey = np.asarray(image, np.float32) / np.float32(65535)
        return np.stack([grey, grey, grey, np.ones_like(grey)], axis=2)
    if not image.has_transparency_data:
        colour = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
        return np.pad(colour, ((0, 0), (0, 0), (0, 1)), constant_values=1)
    picture = np.asarray(image.convert("RGBA"), np.float32) / np.float32(255)
    picture[..., :3] *= picture[..., 3:]
    return picture
