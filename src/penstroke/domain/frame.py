"""How a picture of a digit becomes an image like the training images."""

from typing import Self

from pydantic import Field, model_validator

from kedro_guards.parameters import Parameters

from .form import Form


class Limits(Parameters):
    """How a file is read, and what counts as ink."""

    most_pixels: int = Field(ge=1, description="largest number of pixels of a picture; larger ones are rejected")
    side: int = Field(ge=64, le=4000, description="longer side of the picture in pixels; larger ones are reduced to it")
    least_contrast: float = Field(gt=0, lt=1, description="smallest contrast of ink and paper; 1 is black on white")
    speck: float = Field(ge=0, lt=1, description="smaller pieces are ignored; as a share of the largest piece of ink")
    narrowest: float = Field(gt=0, le=1, description="smallest horizontal squeeze allowed; 1 allows none")


class Drawings(Limits):
    """How a drawing becomes an image like the training images (``params:drawings``).

    The image has the size of the training images. Values that are null are measured on the training digits: see
    :class:`penstroke.domain.Form`.
    """

    tall: int | None = Field(ge=2, description="height of the digit, in rows of the image")
    wide: int | None = Field(ge=2, description="largest width of the digit, in columns of the image")
    centre_of_mass: bool | None = Field(description="true: centre the digit by its mass; false: by its bounding box")
    thinnest: float = Field(gt=0, lt=1, description="smallest stroke width, as a share of tall; thinner ones grow")
    thickest: float = Field(gt=0, lt=1, description="largest stroke width, as a share of tall; thicker ones shrink")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.thinnest > self.thickest:
            raise ValueError(f"thinnest is {self.thinnest}, thickest {self.thickest}; thinnest must not be larger")
        return self


Reading = Drawings  # the name that other packages use


class Frame(Limits):
    """The layout of the image that a drawing becomes, from ``drawings`` and the form of the training digits.

    ``rows`` and ``columns`` are the size of the image. ``tall``, ``wide``, ``thinnest`` and ``thickest`` are in its
    pixels. ``full_ink`` is the value of ink.
    """

    rows: int
    columns: int
    full_ink: int
    tall: int
    wide: int
    centre_of_mass: bool
    thinnest: float
    thickest: float


def frame_of(form: Form, drawings: Drawings) -> Frame:
    """Return the frame of drawings for a form of rows; values that ``drawings`` leaves null come from the form.

    Raises:
        ValueError: ``tall`` or ``wide`` does not fit into an image of that form.
    """
    chosen = form.model_dump(include={"full_ink", "tall", "wide", "centre_of_mass"}) | drawings.model_dump(
        exclude_none=True
    )
    (rows, columns), tall, wide = form.size, chosen["tall"], chosen["wide"]
    if tall > rows or wide > columns:
        raise ValueError(
            f"drawings: a digit of {tall} x {wide} does not fit an image of {rows} x {columns}, which the training "
            "digits have; lower tall and wide, or leave them null"
        )
    strokes = {name: tall * chosen[name] for name in ("thinnest", "thickest")}
    return Frame(**chosen | strokes | {"rows": rows, "columns": columns})
