"""Predict new rows: drawings -> predictions, predictions_plot; incoming_digits -> table_predictions."""

from .pipeline import create_pipeline, create_table_pipeline

__all__ = ["create_pipeline", "create_table_pipeline"]
