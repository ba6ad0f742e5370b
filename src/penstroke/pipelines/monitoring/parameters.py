"""The choices of monitoring."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Drift(Parameters):
    """When what came in counts as other than what a model came from (``params:drift``)."""

    least_rows: int = Field(
        ge=2, description="rows without which nothing is judged: answered ones, and for rejected_share all"
    )
    significance: float = Field(gt=0, lt=1, description="chance that rows of the same source raise any alarm, at most")
    psi: float = Field(ge=0, description="population stability index, less what chance gives, above which is an alarm")
    bins: int = Field(ge=2, le=100, description="of the index, as many rows of the reference in each")
    accuracy_loss: float = Field(ge=0, le=1, description="below the test rows' accuracy, from which is an alarm")
    rejected_share: float = Field(ge=0, le=1, description="share of rejected rows, surely above which is an alarm")
    interval: float = Field(gt=0, lt=1, description="confidence level of the intervals of shares")
    shown: int = Field(ge=1, le=200, description="rows among the oddest ones")
