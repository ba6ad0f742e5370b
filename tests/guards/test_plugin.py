"""The guards are a plugin for any Kedro project: they know none."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kedro_guards

FOLDER = Path(kedro_guards.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
PROJECT_WORDS = re.compile(r"penstroke|digit|pixel|drawing|champion|contender|promot|production|verdict", re.IGNORECASE)


def _imported(module):
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def _required():
    """The distributions that the wheel requires, with all extras."""
    declared = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in declared["optional-dependencies"].values() for line in lines]
    return {Requirement(line).name for line in [*declared["dependencies"], *extras]}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(FOLDER)))
def test_a_module_imports_only_what_the_wheel_requires_and_names_nothing_of_a_project(module):
    imported = set(_imported(module)) - stdlib_module_names
    found = {name for top in imported for name in packages_distributions().get(top, [top])}

    assert {canonicalize_name(name) for name in found} <= _required()
    assert PROJECT_WORDS.findall(module.read_text(encoding="utf-8")) == []
