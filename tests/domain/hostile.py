"""Image files that nobody means well with, and some that only look so."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
from benchmarks.hand import trace
from PIL import Image, PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
EIGHT = [np.array([[0.1 * np.sin(2 * t) * 2, -0.4 * np.cos(t)] for t in np.linspace(0, 2 * np.pi, 60)])]


def drawn(side: int = 200) -> np.ndarray:
    """Draw an eight, black on white: (side, side) uint8."""
    return np.rint(255 * (1 - trace(EIGHT, side, 0.8 * side, 0.07 * side, (side / 2, side / 2)))).astype(np.uint8)


def saved(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Save a picture as Pillow does."""
    file = BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Make one part of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0, rows: bytes | None = None) -> bytes:
    """Make a PNG file of any header, around further parts; blank, unless its packed rows are given."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", _blank(width, height, colour) if rows is None else rows)
    return SIGNATURE + header + b"".join(chunks) + body + chunk(b"IEND", b"")


def _blank(width: int, height: int, colour: int) -> bytes:
    row = bytes(1 + width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour])
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


def _of_size(content: bytes, width: int, height: int) -> bytes:
    """State another size in the header of a JPEG file."""
    place = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2")) + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def _flipped(content: bytes, share: float) -> bytes:
    place = int(share * len(content))
    return content[:place] + bytes(255 - value for value in content[place : place + 20]) + content[place + 20 :]


def _text(kind: str) -> bytes:
    texts = PngImagePlugin.PngInfo()
    for number in range(60):
        if kind == "zTXt":
            texts.add_text(f"key{number}", "a" * 1_000_000, zip=True)
        else:
            texts.add_itxt(f"key{number}", "\N{PILE OF POO}" + "a" * 900_000, zip=True)
    return saved(drawn(), pnginfo=texts)


def _animated() -> bytes:
    frames = [Image.fromarray(picture) for picture in (drawn(), np.full((200, 200), 255, np.uint8))]
    return saved(frames[0], save_all=True, append_images=frames[1:])


def _exif(content: bytes) -> bytes:
    return saved(drawn(), "JPEG", exif=b"Exif\x00\x00" + content)


def _interlaced() -> bytes:
    """Give the same digit as Adam7 does: seven pictures, each of some of its pixels."""
    picture, rows = drawn(), b""
    for top, left, down, across in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        rows += b"".join(b"\x00" + row.tobytes() for row in picture[top::down, left::across])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 200, 200, 8, 0, 0, 0, 1))
    return SIGNATURE + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


JPEG = saved(drawn(), "JPEG")
PNG = saved(drawn())

# what is refused, by the words of the reason
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "no JPEG or PNG"),
    "a byte": (lambda: b"\x89", "no JPEG or PNG"),
    "text": (lambda: b"this is a seven", "no JPEG or PNG"),
    "web page": (lambda: b"<html><body>404</body></html>", "no JPEG or PNG"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nquit\n", "no JPEG or PNG"),
    "PDF": (lambda: saved(drawn(), "PDF"), "no JPEG or PNG"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', "no JPEG or PNG"),
    "GIF": (lambda: saved(drawn(), "GIF"), "no JPEG or PNG"),
    "BMP": (lambda: saved(drawn(), "BMP"), "no JPEG or PNG"),
    "TIFF": (lambda: saved(drawn(), "TIFF"), "no JPEG or PNG"),
    "WebP": (lambda: saved(drawn(), "WEBP"), "no JPEG or PNG"),
    "PPM": (lambda: saved(drawn(), "PPM"), "no JPEG or PNG"),
    "zip": (lambda: b"PK\x03\x04" + bytes(100), "no JPEG or PNG"),
    "PNG signature alone": (lambda: SIGNATURE, "no JPEG or PNG"),
    "PNG cut in its header": (lambda: PNG[:20], "damaged|no JPEG or PNG"),
    "PNG of a wrong sum": (lambda: PNG[:30] + b"\x00" + PNG[31:], "no JPEG or PNG|damaged"),
    "PNG cut short": (lambda: PNG[: len(PNG) // 2], "damaged"),
    "PNG of flipped bits": (lambda: _flipped(PNG, 0.5), "damaged"),
    "PNG without rows": (lambda: png(200, 200, rows=b""), "damaged|no JPEG or PNG"),
    "PNG of fewer rows than stated": (lambda: png(200, 200, rows=_blank(200, 100, 0)), "rows are missing"),
    "PNG of rows that are not there": (
        lambda: SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 200, 260, 8, 0, 0, 0, 0)) + PNG[33:],
        "rows are missing",
    ),
    "PNG without palette": (lambda: png(200, 200, colour=3), "damaged|no ink"),
    "PNG of three bits": (lambda: png(200, 200, depth=3), "no JPEG or PNG|damaged"),
    "PNG of no width": (lambda: png(0, 200), "no JPEG or PNG|too few"),
    "PNG of 2^31 - 1 pixels": (lambda: png(2**31 - 1, 1, rows=b""), "too many"),
    "PNG of 2^31 - 1 squared": (lambda: png(2**31 - 1, 2**31 - 1, rows=b""), "too many"),
    "bomb of 12,000 x 12,000": (lambda: png(12_000, 12_000), "more than can be read"),
    "bomb of colours": (lambda: png(5_000, 5_000, colour=6), "more than can be read"),
    "bomb in a row": (lambda: png(20_000_000, 1), "too few"),
    "packed texts that unfold": (lambda: _text("zTXt"), "text"),
    "wide texts that unfold": (lambda: _text("iTXt"), "text"),
    "profile that unfolds": (
        lambda: png(200, 200, chunk(b"iCCP", b"p\x00\x00" + zlib.compress(bytes(90_000_000)))),
        "too large|no ink",
    ),
    "one pixel": (lambda: saved(drawn()[:1, :1]), "too few"),
    "a line": (lambda: saved(np.zeros((1, 500), np.uint8)), "too few"),
    "JPEG begun": (lambda: JPEG[:2], "damaged|no JPEG or PNG"),
    "JPEG cut in its tables": (lambda: JPEG[:150], "damaged|no JPEG or PNG"),
    "JPEG cut short": (lambda: JPEG[: len(JPEG) // 2], "damaged"),
    "JPEG of 65,500 x 65,500": (lambda: _of_size(JPEG, 65_500, 65_500), "too many"),
    "progressive JPEG of 5,000 x 5,000": (
        lambda: saved(np.full((5_000, 5_000), 255, np.uint8), "JPEG", progressive=True),
        "more than can be read",
    ),
    "white": (lambda: saved(np.full((200, 200), 255, np.uint8)), "no ink"),
    "black": (lambda: saved(np.zeros((200, 200), np.uint8), "JPEG"), "no ink"),
    "white of 3,900 x 3,900": (lambda: png(3_900, 3_900, colour=6), "no ink"),
    "nothing to be seen": (lambda: saved(np.dstack([drawn()] * 3 + [np.zeros((200, 200), np.uint8)])), "no ink"),
    "noise": (lambda: saved(np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)), "no ink"),
    "faint noise": (
        lambda: saved(np.random.default_rng(0).normal(200, 5, (300, 300)).astype(np.uint8), "JPEG"),
        "no ink",
    ),
}

# what is read all the same: each shows the eight
READ: dict[str, Callable[[], bytes]] = {
    "garbage behind a PNG": lambda: PNG + b"garbage" * 1000,
    "garbage behind a JPEG": lambda: JPEG + JPEG[:500],
    "two JPEG in one": lambda: JPEG + JPEG,
    "an animation": _animated,
    "an interlaced PNG": _interlaced,
    "an unknown part": lambda: PNG[:33] + chunk(b"prVt", bytes(1000)) + PNG[33:],
    "EXIF of an unknown direction": lambda: _exif(
        b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x63\x00\x00\x00\x00\x00\x00"
    ),
    "EXIF that is none": lambda: _exif(b"nothing"),
    "a JPEG of 9,000 x 9,000": lambda: saved(Image.fromarray(drawn(1000)).resize((9_000, 9_000)), "JPEG"),
    "a PNG of 3,900 x 3,900": lambda: saved(
        Image.fromarray(drawn(1000)).resize((3_900, 3_900)).convert("RGBA"), compress_level=1
    ),
    "one bit": lambda: saved(Image.fromarray(drawn()).convert("1")),
    "CMYK": lambda: saved(Image.fromarray(drawn()).convert("CMYK"), "JPEG"),
}
