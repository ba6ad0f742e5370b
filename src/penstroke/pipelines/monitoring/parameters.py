"""Parameters of monitoring."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Drift(Parameters):
    """When incoming rows raise a drift alarm (``params:drift``)."""

    least_rows: int = Field(
        ge=2, description="smallest number of answered rows for a comparison; for rejected_share, of all incoming rows"
    )
    significance: float = Field(gt=0, lt=1, description="highest probability of a false alarm in any column")
    psi: float = Field(ge=0, description="alarm above this population stability index (minus its expected value)")
    bins: int = Field(ge=2, le=100, description="bins of the index, with equal numbers of reference rows")
    accuracy_loss: float = Field(ge=0, le=1, description="alarm if accuracy is lower than on the test rows by more")
    rejected_share: float = Field(ge=0, le=1, description="alarm if the interval of the rejected share lies above this")
    interval: float = Field(gt=0, lt=1, description="confidence level of the intervals")
    shown: int = Field(ge=1, le=200, description="number of oddest rows")
