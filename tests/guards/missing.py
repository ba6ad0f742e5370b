"""What a machine lacks is a reason to skip a test, but not where everything is meant to be there."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip a test for want of something on this machine; fail it where everything is meant to be there."""
    if os.environ.get("PENSTROKE_STRICT"):
        pytest.fail(reason)
    pytest.skip(reason)
