"""Rows from image files, and from images that come as numbers."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, WithJsonSchema
from pydantic_core import from_json

from .form import Form
from .frame import Drawings, Frame, frame_of
from .reading import read_picture

LEAST_SIDE = 4  # smallest side of an image as numbers, in pixels; the same as for image files
MOST_VALUE = 65535
FRAMED_TOGETHER = 50  # images per chunk; limits memory
FRAMING_COUNTS, SQUARE_COUNT = 2, 10_000  # framing takes as long as 2 predictions, and 1 more per 10,000 pixels
Pixel = Annotated[
    float,  # 3.0 is a whole number too, in JSON and in a JSON schema
    Field(ge=0, le=MOST_VALUE, multiple_of=1, allow_inf_nan=False),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_VALUE}),
]
FirstFault = Field(fail_fast=True)  # report the first fault only: a batch may have a million


def read(content: bytes, form: Form, reading: Drawings) -> np.ndarray:
    """Turn one image file into a row in the form that a model takes.

    Args:
        content: the bytes of a PNG or JPEG file.
        form: form of the row.
        reading: how a drawing becomes an image.

    Returns:
        The pixels in the order of ``form.columns``, (n,), whole numbers from 0 (paper) to ``form.full_ink``.

    Raises:
        ValueError: the file cannot be read, it shows no ink, or the ink is not a single digit.
    """
    from .framing import frame_picture  # noqa: PLC0415 # SciPy is slow to import; images of the model's size do without

    frame = frame_of(form, reading)
    look = partial(read_picture, content, frame.most_pixels, frame.side)
    return _whole(frame_picture(look(), frame, look), frame).ravel()


class Images(BaseModel):
    """The JSON body of a prediction request: images as numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    images: Annotated[
        list[Annotated[list[Annotated[list[Pixel], FirstFault]], FirstFault]],
        Field(
            min_length=1,
            fail_fast=True,
            description="each image is a list of rows of pixels, from 0 (paper) to full_ink (see GET /v1/model). "
            "An image of the training images' size is used as it is. Other sizes are framed like a drawing on evenly "
            "lit paper; their pixels may have a larger scale, such as 0 to 255 if full_ink is 16",
        ),
    ]

    _stack: np.ndarray | None = PrivateAttr(None)  # images of one size, (n, height, width); then ``images`` is empty

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Validate JSON. Images of one size are validated as one array, which takes a fraction of the time.

        Raises:
            ValidationError: see pydantic.
        """
        stack = _stack_of(bytes(json_data)) if isinstance(json_data, bytes | bytearray) else None
        if stack is None:
            return super().model_validate_json(json_data, **options)
        found = cls.model_construct(images=[])
        found._stack = stack
        return found

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images) if self._stack is None else len(self._stack)

    def work(self, form: Form) -> int:
        """Return the cost of framing, in predictions that take as long; images of the model's own size cost 0."""
        if self._stack is None:
            sizes = [(len(image), len(image[0]) if image else 0) for image in self.images]
        else:
            sizes = [self._stack.shape[1:]] * len(self._stack) if self._stack.shape[1:] != form.size else []
        return sum(FRAMING_COUNTS + max(size) ** 2 // SQUARE_COUNT for size in sizes if size != form.size)

    def rows_of(self, form: Form, reading: Drawings) -> tuple[np.ndarray, set[int]]:
        """Turn the images into rows in the form that a model takes.

        Returns:
            The pixels in the order of ``form.columns``, (n, columns), and the numbers of the images that were framed.

        Raises:
            ValueError: an image is empty, too small or too large, has rows of different lengths, or shows no ink. The
                message names the image.
        """
        if self._stack is not None and self._stack.shape[1:] == form.size:
            return self._stack.reshape(len(self), -1), set()
        arrays = [_array(number, image) for number, image in enumerate(self.images)] or list(self._stack)  # type: ignore[arg-type]
        others = {number: array for number, array in enumerate(arrays) if array.shape != form.size}
        framed = dict(_framed(others, frame_of(form, reading))) if others else {}
        found = [framed.get(number, array).ravel() for number, array in enumerate(arrays)]
        return np.stack(found), set(others)


Body = Images  # the name that other packages use


def _stack_of(content: bytes) -> np.ndarray | None:
    """Read images of one size, (n, height, width) uint16; None if pydantic must look at them one by one."""
    if b"true" in content or b"false" in content:  # an array would take them for numbers
        return None
    if content.count(b'"') != 2:  # texts: in an array, each would take the memory of the longest
        return None
    try:
        found = from_json(content, allow_inf_nan=False)
        stack = np.array(found["images"]) if isinstance(found, dict) and list(found) == ["images"] else np.empty(0)
    except (ValueError, OverflowError):  # also if images or their rows differ in length
        return None
    if (
        stack.ndim != 3
        or stack.dtype.kind not in "iuf"
        or not stack.size
        or stack.min() < 0
        or stack.max() > MOST_VALUE
    ):
        return None
    whole = stack.astype(np.uint16)
    return whole if stack.dtype.kind in "iu" or (whole == stack).all() else None


def _array(number: int, image: list[list[float]]) -> np.ndarray:
    try:
        array = np.array(image, np.uint16)
    except ValueError:
        raise ValueError(f"images.{number}: its rows differ in length") from None
    if array.ndim != 2 or not array.size:
        raise ValueError(f"images.{number}: it is empty")
    return array


def _framed(images: dict[int, np.ndarray], frame: Frame) -> Iterator[tuple[int, np.ndarray]]:
    from .framing import NoInkError, frame_ink  # noqa: PLC0415

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
