import pytest

from .tiny import Tiny


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    """A project of a few lines; nothing has run."""
    return Tiny(tmp_path / "tiny")
