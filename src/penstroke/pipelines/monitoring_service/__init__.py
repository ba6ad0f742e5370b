"""Is the model that serves still fit: served_digits, served_predictions -> service_drift_scores, …, an alarm."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
