"""The examples in docstrings of the plugin and of the domain."""

import doctest
from importlib import import_module

import pytest

from .conftest import ROOT

FOLDERS = ("src/kedro_guards", "src/penstroke/domain")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if ">>> " in path.read_text(encoding="utf-8")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_examples_of_a_module_are_true(path):
    module = import_module(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))

    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
