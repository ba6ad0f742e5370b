"""Parameters of data processing."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Split(Parameters):
    """How the accepted rows are split (``params:split``). A ``split`` column in the source has priority."""

    test_fraction: float = Field(gt=0, lt=1, description="share of test rows in each class")
    seed: int = Field(ge=0, lt=10**16)
