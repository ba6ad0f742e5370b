"""The choices of the report."""

from pydantic import Field

from penstroke.parameters import Parameters


class Scoring(Parameters):
    """How the test rows are scored (``params:scoring``)."""

    interval: float = Field(gt=0, lt=1, description="confidence level of the accuracy's interval")
    chunk_rows: int = Field(ge=1, description="rows that the champion is asked about at once; bounds the memory")
    calibration_bins: int = Field(ge=2, le=100, description="bins of equal width between 0 and 1")


class Pictures(Parameters):
    """How much the pictures show (``params:pictures``)."""

    gallery: int = Field(ge=1, le=200, description="digits in the gallery of mistakes")
    occluded_per_class: int = Field(ge=1, le=1000, description="training digits that the map of evidence averages")
    patch: float = Field(gt=0, lt=1, description="side of the patch that hides a part, as a share of the image")
    positions: int = Field(ge=2, le=28, description="places of the patch along each side")
