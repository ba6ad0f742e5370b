"""The examples in docstrings are true."""

import doctest
from importlib import import_module
from pkgutil import iter_modules

import pytest

from penstroke import domain

MODULES = [f"penstroke.domain.{module.name}" for module in iter_modules(domain.__path__)]
MODULES += [f"penstroke.{name}" for name in ("answers", "files", "rows", "scoring", "tables")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name):
    results = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    assert results.failed == 0
