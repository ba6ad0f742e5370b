"""The choices of promotion."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Thresholds(Parameters):
    """What is asked of a champion (``params:gate``); it is refused by each limit that it misses."""

    accuracy_low: float = Field(ge=0, le=1, description="lower end of the accuracy's interval, at least")
    recall: float = Field(ge=0, le=1, description="recall of each class, at least")
    calibration_error: float = Field(ge=0, le=1, description="at most")
    perturbed_loss: float = Field(ge=0, le=1, description="accuracy that each perturbation may cost, at most")
    perturbed_log_loss: float = Field(gt=0, description="log loss over all perturbed rows, at most")
    size_mb: float = Field(gt=0, description="size of the model's file, at most; 1 MB is 10^6 bytes")
    latency_ms: float = Field(gt=0, description="CPU time from one row to its answer, at most")
    significance: float = Field(gt=0, lt=1, description="p-value of a loss against production, at least")
    comparable_rows: int = Field(ge=1, description="rows that neither model was trained on, at least, to compare them")
