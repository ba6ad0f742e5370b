"""The choices of data processing."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Split(Parameters):
    """How the accepted rows are divided (``params:split``); what stands in a ``split`` column goes before it."""

    test_fraction: float = Field(gt=0, lt=1, description="share of the rows of each class")
    seed: int = Field(ge=0, lt=10**16)
