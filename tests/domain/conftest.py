"""Digits that ship with the project."""

import pandas as pd
import pytest

from penstroke.domain import Features

from ..conftest import base_parameters
from .rows import raw_rows


@pytest.fixture(scope="session")
def raw_digits() -> pd.DataFrame:
    """The first 200 digits that ship with the project."""
    return raw_rows().head(200)


@pytest.fixture(scope="session")
def features_of_base() -> Features:
    """What a model sees, as ``conf/base`` chooses it."""
    return Features.model_validate(base_parameters("domain")["features"])
