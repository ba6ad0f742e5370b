"""Is the model still fit: drawing_digits, predictions, reference_profiles -> drift_scores, card, plots, an alarm."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
