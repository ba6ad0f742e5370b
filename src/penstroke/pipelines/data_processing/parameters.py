"""The choices of data processing."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Cleaning(Parameters):
    """How raw pixels become accepted ones (``params:cleaning``)."""

    full_ink: int = Field(ge=1, le=65535, description="the source's value of full ink; becomes 255")


class Split(Parameters):
    """How the accepted digits are divided (``params:split``); what stands in a ``split`` column goes before it."""

    test_fraction: float = Field(gt=0, lt=1, description="share of the rows of each class")
    seed: int = Field(ge=0, lt=10**16)
