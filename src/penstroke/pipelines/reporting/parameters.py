"""The choices of the report."""

from pydantic import Field

from kedro_guards.parameters import Parameters


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


class Profile(Parameters):
    """Which rows are kept, described, to compare with what comes in later (``params:profile``)."""

    rows: int = Field(ge=100, description="rows, test rows before training rows; fewer where there are fewer")
    seed: int = Field(ge=0, lt=2**32)
