"""Parameters of the report."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Measurement(Parameters):
    """The champion's accuracy on rows of another source."""

    of: str = Field(min_length=1, description="which rows, and how they were converted to the form of these")
    rows: int = Field(ge=1)
    accuracy: float = Field(ge=0, le=1)


class Elsewhere(Parameters):
    """Figures for rows of other sources, which a run does not have (``params:elsewhere``)."""

    command: str = Field(description="the command that prints the figures")
    origin: str = Field(
        description="origin of the measured champion, from champion_origin; cards of other champions leave them out"
    )
    figures: list[Measurement] = Field(description="the figures; empty if nothing was measured")


class Profile(Parameters):
    """Which rows are described as the reference for monitoring (``params:profile``)."""

    rows: int = Field(ge=100, description="largest number of rows; test rows are taken before training rows")
    seed: int = Field(ge=0, lt=2**32)
