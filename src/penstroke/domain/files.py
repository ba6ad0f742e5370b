"""From files and from images as numbers to rows."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from .form import Form
from .frame import Drawings, Frame, frame_of
from .framing import NoInkError, frame_ink, frame_picture
from .reading import read_picture

LEAST_SIDE = 4  # of an image as numbers, as of a picture
MOST_VALUE = 65535
FRAMED_TOGETHER = 50  # images, which bounds the memory
FRAMING_COUNTS, SQUARE_COUNT = 2, 10_000  # to frame an image takes as long as to answer two, and one per so many pixels
Pixel = Annotated[
    float,  # 3.0 is a whole number, too, in JSON as in a JSON schema
    Field(ge=0, le=MOST_VALUE, multiple_of=1, allow_inf_nan=False),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_VALUE}),
]
FirstFault = Field(fail_fast=True)  # of a batch with a million faults the first one is told


def read(content: bytes, form: Form, reading: Drawings) -> np.ndarray:
    """Bring one image file to a row of the form that a model takes.

    Args:
        content: a PNG or JPEG file.
        form: of the rows.
        reading: how a drawing becomes an image.

    Returns:
        The pixels in the order of ``form.columns``, (n,), whole numbers from 0 (paper) to ``form.full_ink``.

    Raises:
        ValueError: the file cannot be read, there is no ink in it, or the ink is not one digit.
    """
    frame = frame_of(form, reading)
    look = partial(read_picture, content, frame.most_pixels, frame.side)
    return _whole(frame_picture(look(), frame, look), frame).ravel()


class Images(BaseModel):
    """Images as numbers, which callers send to the service."""

    model_config = ConfigDict(extra="forbid", strict=True)

    images: Annotated[
        list[Annotated[list[Annotated[list[Pixel], FirstFault]], FirstFault]],
        Field(
            min_length=1,
            fail_fast=True,
            description="each a list of rows, from 0 (paper) to full_ink (GET /v1/model says how much that is). "
            "In the size of the training images they are taken as they are. Others are framed like a drawing on even "
            "paper, and their ink may have a larger scale, such as 0 to 255 where full_ink is 16",
        ),
    ]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def work(self, form: Form) -> int:
        """Say how many images of the model's own size take as long as to frame those of another size."""
        sizes = [(len(image), len(image[0]) if image else 0) for image in self.images]
        return sum(FRAMING_COUNTS + max(size) ** 2 // SQUARE_COUNT for size in sizes if size != form.size)

    def rows_of(self, form: Form, reading: Drawings) -> tuple[np.ndarray, set[int]]:
        """Bring the images to rows of the form that a model takes.

        Returns:
            The pixels in the order of ``form.columns``, (n, columns), and which of the images had to be framed.

        Raises:
            ValueError: one, which is named, is empty, too small or too large, its rows differ in length, or there is no
                ink in it.
        """
        arrays = [_array(number, image) for number, image in enumerate(self.images)]
        others = {number: array for number, array in enumerate(arrays) if array.shape != form.size}
        framed = dict(_framed(others, frame_of(form, reading))) if others else {}
        found = [framed.get(number, array).ravel() for number, array in enumerate(arrays)]
        return np.stack(found), set(others)


def _array(number: int, image: list[list[float]]) -> np.ndarray:
    try:
        array = np.array(image, np.uint16)
    except ValueError:
        raise ValueError(f"images.{number}: its rows differ in length") from None
    if array.ndim != 2 or not array.size:
        raise ValueError(f"images.{number}: it is empty")
    return array


def _framed(images: dict[int, np.ndarray], frame: Frame) -> Iterator[tuple[int, np.ndarray]]:
    of_size = defaultdict[tuple[int, ...], list[int]](list)
    for number, image in images.items():
        if min(image.shape) < LEAST_SIDE or max(image.shape) > frame.side:
            height, width = image.shape
            raise ValueError(f"images.{number}: it has {height} x {width} pixels; send it as a PNG file")
        of_size[image.shape].append(number)
    starts = [(alike, start) for alike in of_size.values() for start in range(0, len(alike), FRAMED_TOGETHER)]
    for numbers in (alike[start : start + FRAMED_TOGETHER] for alike, start in starts):
        ink = np.stack([images[number] / np.float32(max(frame.full_ink, images[number].max())) for number in numbers])
        try:
            yield from zip(numbers, _whole(frame_ink(ink, frame), frame), strict=True)
        except NoInkError as error:
            raise ValueError(f"images.{numbers[error.place]}: {error}") from None


def _whole(ink: np.ndarray, frame: Frame) -> np.ndarray:
    return np.rint(frame.full_ink * ink).astype(np.min_scalar_type(frame.full_ink))
