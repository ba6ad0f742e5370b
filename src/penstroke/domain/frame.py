"""How a picture of a digit becomes an image like those that the model was trained on."""

from typing import Self

from pydantic import Field, model_validator

from kedro_guards.parameters import Parameters

from .form import Form


class Limits(Parameters):
    """How a file is read, and what in it is ink."""

    most_pixels: int = Field(ge=1, description="pixels that a picture may have; what is larger is refused")
    side: int = Field(ge=64, le=4000, description="pixels of the longer side that are looked at; larger are averaged")
    least_contrast: float = Field(gt=0, lt=1, description="what ink differs from its paper by; 1 is black on white")
    speck: float = Field(ge=0, lt=1, description="size of what is passed over, as a share of the largest piece of ink")
    narrowest: float = Field(gt=0, le=1, description="width, as a share of its own, that a digit may be pressed to")


class Drawings(Limits):
    """How a drawing becomes an image like those that the model was trained on (``params:drawings``).

    The size of the image, and what is null here, are those of the training digits: see :class:`penstroke.domain.Form`.
    """

    tall: int | None = Field(ge=2, description="rows that the digit fills")
    wide: int | None = Field(ge=2, description="columns that it fills at the most")
    centre_of_mass: bool | None = Field(description="whether that is in the middle; otherwise the digit's box is")
    thinnest: float = Field(gt=0, lt=1, description="stroke that thinner ones are drawn out to, as a share of tall")
    thickest: float = Field(gt=0, lt=1, description="stroke that thicker ones are cut back to, as a share of tall")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.thinnest > self.thickest:
            raise ValueError(f"thinnest is {self.thinnest}, thickest {self.thickest}; exchange them")
        return self


class Frame(Limits):
    """The image that a drawing becomes: what ``drawings`` and the form of the training digits say together.

    ``rows`` and ``columns`` of the image, ``tall`` and ``wide`` in pixels of it, as are the strokes ``thinnest`` and
    ``thickest``; ``full_ink`` is the value of ink.
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
    """Frame drawings in a form of rows.

    Raises:
        ValueError: what ``drawings`` says does not fit an image of that form.
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
