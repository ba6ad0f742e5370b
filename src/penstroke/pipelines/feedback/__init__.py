"""Which labels did people give? inbox -> labelled_drawings."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
