"""The production model behind other servers, for ``benchmarks.serving``. PENSTROKE_MODEL names its file."""
