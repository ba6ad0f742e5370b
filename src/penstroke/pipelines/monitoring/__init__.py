"""Does the model still fit the incoming rows? rows, predictions, reference_profiles -> drift_scores, card, alarm."""

from .pipeline import create_pipeline, create_service_pipeline, create_table_pipeline

__all__ = ["create_pipeline", "create_service_pipeline", "create_table_pipeline"]
