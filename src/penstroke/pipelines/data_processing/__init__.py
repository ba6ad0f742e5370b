"""Which rows are used for training, and which for the test: raw_digits -> digits, labels."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
