"""May the champion replace the production model? champion_model, current_model -> verdict, production_model."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
