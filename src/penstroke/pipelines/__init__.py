"""The pipelines, one package for each stage."""
