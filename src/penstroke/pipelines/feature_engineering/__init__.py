"""What a model sees: digits -> digit_features, copy_features."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
