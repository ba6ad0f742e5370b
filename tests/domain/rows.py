"""Digits for tests. Those of stages and service use ``raw_rows`` and ``as_json``: see :mod:`tests.seam`."""

import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from penstroke.domain import Form, Reading
from penstroke.domain.frame import Frame, frame_of
from penstroke.domain.layout import pixel_names
from penstroke.domain.pixels import to_images

from ..conftest import ROOT, base_parameters

FORM = Form(  # of the shipped digits
    columns=pixel_names(8, 8), full_ink=16, tall=8, wide=6, centre_of_mass=False, paper=(0.0, 0.0625)
)


def raw_rows() -> pd.DataFrame:
    """Return the raw rows that ship with the project, with their labels, in no order of classes."""
    return pd.read_parquet(ROOT / "data/01_raw/digits.parquet")


def as_json(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the JSON body of a prediction request for raw rows."""
    return {"images": to_images(rows).tolist()}


def drawn(stroke: list[tuple[int, int]] | None = None, kind: str = "PNG") -> bytes:
    """Draw a one, or another stroke, on paper of 200 x 200."""
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).line(stroke or [(100, 30), (100, 170)], "black", 16)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n\x89PNG\r\n'
    b'--b\r\nContent-Disposition: form-data; name="label"\r\n\r\n3\r\n--b--\r\n'
)
BODIES = [  # of requests, beside those of as_json: path, content type, content
    (b"predictions", b"image/png", drawn()),
    (b"predictions", b"multipart/form-data; boundary=b", _FORM),
    (b"feedback", b"multipart/form-data; boundary=b", _FORM),
]


def frame_of_base(**changes: Any) -> Frame:
    """Return the frame that ``conf/base`` gives drawings for the model of the shipped digits, or of another form."""
    return frame_of(FORM.model_copy(update=changes), reading_of_base())


def reading_of_base() -> Reading:
    """Return how ``conf/base`` has files read."""
    return Reading.model_validate(base_parameters("domain")["drawings"])


def table_of(images: np.ndarray, labels: list | None = None) -> pd.DataFrame:
    """Lay (n, height, width) images out as a table of digits named a, b, c, …"""
    count, height, width = images.shape
    index = pd.Index([chr(ord("a") + place) for place in range(count)], name="digit_id", dtype="str")
    table = pd.DataFrame(images.reshape(count, -1), index, pixel_names(height, width))
    table.insert(0, "label", np.array(labels or [0] * count))
    return table
