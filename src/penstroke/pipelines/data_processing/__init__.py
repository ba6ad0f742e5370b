"""Which rows may teach, and which may judge: raw_digits -> digits, labels."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
