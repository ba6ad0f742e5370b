"""Parameters of promotion."""

from pydantic import Field

from kedro_guards.parameters import Parameters


class Thresholds(Parameters):
    """The thresholds of the gate (``params:gate``). A champion that misses one of them is refused."""

    accuracy_low: float = Field(ge=0, le=1, description="smallest lower end of the accuracy's interval")
    recall: float = Field(ge=0, le=1, description="smallest recall of each class")
    calibration_error: float = Field(ge=0, le=1, description="largest calibration error")
    perturbed_loss: float = Field(ge=0, le=1, description="largest loss of accuracy by each perturbation")
    perturbed_log_loss: float = Field(gt=0, description="largest log loss over all perturbed rows")
    size_mb: float = Field(gt=0, description="largest size of the model's file; 1 MB is 10^6 bytes")
    latency_ms: float = Field(gt=0, description="largest CPU time of a prediction of one row")
    significance: float = Field(gt=0, lt=1, description="smallest p-value of a loss against the production model")
    comparable_rows: int = Field(ge=1, description="smallest number of rows that neither model was trained on")
