"""What are the digits of a table: incoming_digits -> table_predictions."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
