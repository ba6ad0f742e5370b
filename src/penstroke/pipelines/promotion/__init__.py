"""May the champion replace what people use today? champion_model, former_model -> verdict, production_model."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
