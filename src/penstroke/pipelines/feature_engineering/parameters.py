"""The choices of feature engineering."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Features(Parameters):
    """What a model sees of an image (``params:features``)."""

    enlarge: int = Field(ge=1, le=8, description="times that small images are enlarged first; 1 leaves them")
    deskew: float = Field(ge=0, le=1, description="share of the slant that is taken out; 0 leaves it")
    centre: bool = Field(description="whether the centre of mass moves to the middle of the image")
    directions: int = Field(ge=2, le=32, description="signed directions of the gradient, evenly round the circle")
    grid: int = Field(ge=1, le=16, description="cells along each side of the image")
    pooling_width: float = Field(gt=0, le=4, description="standard deviation of a cell's Gaussian weight, in cells")
    pixels: bool = Field(description="whether the pixels stand beside the gradients, for steps that learn features")
    chunk_rows: int = Field(ge=1, description="images worked on at once; bounds the memory")


class Augmentation(Parameters):
    """How training images are deformed into further ones (``params:augmentation``)."""

    copies: int = Field(ge=0, le=100, description="deformed copies of each training image; 0 makes none")
    rotation_degrees: float = Field(ge=0, le=45, description="largest rotation, either way")
    scaling: float = Field(ge=0, lt=1, description="largest change of height and of width, as a share")
    slant: float = Field(ge=0, le=1, description="largest shear, columns per row")
    shift: float = Field(ge=0, le=0.5, description="largest move up, down, left or right, as a share of the side")
    seed: int = Field(ge=0)
