"""The choices of inference."""

from typing import Self

from pydantic import Field, model_validator

from penstroke.parameters import Parameters


class Drawings(Parameters):
    """How a drawing becomes an image like those that the model was trained on (``params:drawings``)."""

    most_pixels: int = Field(ge=1, description="pixels that a picture may have; what is larger is refused")
    side: int = Field(ge=64, le=4000, description="pixels of the longer side that are looked at; larger are averaged")
    least_contrast: float = Field(gt=0, lt=1, description="what ink differs from its paper by; 1 is black on white")
    speck: float = Field(ge=0, lt=1, description="size of what is passed over, as a share of the largest piece of ink")
    rows: int = Field(ge=4, le=256, description="of the image")
    columns: int = Field(ge=4, le=256, description="of the image")
    tall: int = Field(ge=2, description="rows that the digit fills")
    wide: int = Field(ge=2, description="columns that it fills at the most")
    narrowest: float = Field(gt=0, le=1, description="width, as a share of its own, that it may be pressed to for that")
    centre_of_mass: bool = Field(description="whether that is in the middle of the image; otherwise the digit's box is")
    thinnest: float = Field(gt=0, description="stroke that thinner ones are drawn out to, pixels of the image")
    thickest: float = Field(gt=0, description="stroke that thicker ones are cut back to, pixels of the image")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.tall > self.rows or self.wide > self.columns:
            raise ValueError(
                f"a digit of {self.tall} x {self.wide} does not fit an image of {self.rows} x {self.columns}; "
                "lower tall and wide"
            )
        if self.thinnest > self.thickest:
            raise ValueError(f"thinnest is {self.thinnest}, thickest {self.thickest}; exchange them")
        return self


class Answers(Parameters):
    """How the model is asked (``params:answers``)."""

    sure_from: float = Field(ge=0, le=1, description="confidence from which an answer is not unsure")
    chunk_rows: int = Field(ge=1, description="rows that the model is asked about at once; bounds the memory")
    shown: int = Field(ge=1, le=200, description="drawings on the contact sheet")
