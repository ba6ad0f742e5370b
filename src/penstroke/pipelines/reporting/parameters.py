"""The choices of the report."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Scoring(Parameters):
    """How the test rows are scored (``params:scoring``)."""

    interval: float = Field(gt=0, lt=1, description="confidence level of the accuracy's interval")
    chunk_rows: int = Field(ge=1, description="rows that the champion is asked about at once; bounds the memory")
    calibration_bins: int = Field(ge=2, le=100, description="bins of equal width between 0 and 1")


class Measurement(Parameters):
    """What the champion is worth on rows from elsewhere."""

    of: str = Field(min_length=1, description="which rows, and how they were brought to the form of these")
    rows: int = Field(ge=1)
    accuracy: float = Field(ge=0, le=1)


class Elsewhere(Parameters):
    """What was measured on rows from elsewhere, which a run does not have (``params:elsewhere``)."""

    command: str = Field(description="what prints the figures")
    origin: str = Field(
        description="of the champion that they are of, as champion_origin has it; no other's card has them"
    )
    figures: list[Measurement] = Field(description="empty where nothing was measured")


class Pictures(Parameters):
    """How much the pictures show (``params:pictures``)."""

    gallery: int = Field(ge=1, le=200, description="digits in the gallery of mistakes")
    occluded_per_class: int = Field(ge=1, le=1000, description="training digits that the map of evidence averages")
    patch: float = Field(gt=0, lt=1, description="side of the patch that hides a part, as a share of the image")
    positions: int = Field(ge=2, le=28, description="places of the patch along each side")


class Profile(Parameters):
    """Which rows are kept, described, to compare with what comes in later (``params:profile``)."""

    rows: int = Field(ge=100, description="rows, test rows before training rows; fewer where there are fewer")
    seed: int = Field(ge=0, lt=2**32)
