"""What are these digits: drawings -> predictions, rejected_drawings, predictions_plot."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
