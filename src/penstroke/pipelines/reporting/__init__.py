"""What a person should know: the test rows, scored once, and the pictures and the card made of it."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
