"""Is the model still fit: drawing_digits, predictions, kept_profiles -> drift_scores, drift_card, plots, an alarm."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
