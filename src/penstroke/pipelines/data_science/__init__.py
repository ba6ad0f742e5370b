"""Which contender is best on the training rows? features, labels -> leaderboard, champion_model."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
