"""The examples in docstrings are true."""

import doctest
from importlib import import_module

import pytest

from .conftest import ROOT

FILES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if ">>> " in path.read_text(encoding="utf-8")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_examples_of_a_module_are_true(path):
    module = import_module(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))

    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed == 0
