"""Is the model still fit: what came in, its answers, reference_profiles -> drift_scores, card, plots, an alarm."""

from .pipeline import create_pipeline, create_service_pipeline, create_table_pipeline

__all__ = ["create_pipeline", "create_service_pipeline", "create_table_pipeline"]
