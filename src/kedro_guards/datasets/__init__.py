"""Catalog datasets that kedro-datasets lacks."""
