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
DISTRIBUTIONS = packages_distributions()
MODULES = sorted(FOLDER.rglob("*.py"))
PROJECT_WORDS = re.compile("champion|contender|promot|production|verdict", re.IGNORECASE)


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
    found = {name for top in imported for name in DISTRIBUTIONS.get(top, [top])}

    assert {canonicalize_name(name) for name in found} <= _required()
    assert PROJECT_WORDS.findall(module.read_text(encoding="utf-8")) == []


def _private_names():
    """The names with an underscore that the guards use and do not define."""
    used, defined = set(), set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                defined.add(node.target.id)
            elif isinstance(node, ast.Attribute):
                (defined if isinstance(node.ctx, ast.Store) else used).add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                used.add(node.value)
    return {name for name in used - defined if re.match("_[A-Za-z]", name)}


def test_each_private_name_of_another_library_stands_in_the_list_with_its_reason():
    page = (FOLDER.parents[1] / "docs/reference/guards.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (`_.*`) \|", page.partition("## Private names")[2], re.MULTILINE)

    assert {name for names in listed for name in re.findall(r"`(_\w+)`", names)} >= _private_names()
