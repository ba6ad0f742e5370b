"""The choices of promotion."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Perturbations(Parameters):
    """How far test rows are changed, each way by itself (``params:perturbations``)."""

    rows: int = Field(ge=1, description="test rows that are changed, drawn by the seed; all where there are fewer")
    shift: float = Field(ge=0, le=0.5, description="move in any direction, as a share of the side")
    rotation_degrees: float = Field(ge=0, le=45, description="rotation, either way")
    noise: float = Field(ge=0, le=1, description="standard deviation of what is added to each pixel, of full ink")
    thickening: float = Field(ge=0, le=0.5, description="how far the ink spreads on each side, as a share of the side")
    contrast: float = Field(ge=0, lt=1, description="share of the ink that fades")
    seed: int = Field(ge=0)


class Gate(Parameters):
    """What is asked of a champion (``params:gate``); it is refused by each limit that it misses."""

    accuracy_low: float = Field(ge=0, le=1, description="lower end of the accuracy's interval, at least")
    recall: float = Field(ge=0, le=1, description="recall of each class, at least")
    calibration_error: float = Field(ge=0, le=1, description="at most")
    perturbed_loss: float = Field(ge=0, le=1, description="accuracy that each perturbation may cost, at most")
    perturbed_log_loss: float = Field(gt=0, description="log loss over all perturbed rows, at most")
    size_mb: float = Field(gt=0, description="size of the model's file, at most; 1 MB is 10^6 bytes")
    latency_ms: float = Field(gt=0, description="CPU time from one image to its answer, at most")
    significance: float = Field(gt=0, lt=1, description="p-value of a loss against production, at least")
    comparable_rows: int = Field(ge=1, description="rows that neither model was trained on, at least, to compare them")
