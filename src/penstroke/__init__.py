"""Penstroke: handwritten digits from raw pixels to a report, as a Kedro project."""

__version__ = "0.1.0"
