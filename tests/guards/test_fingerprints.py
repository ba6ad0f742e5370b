from functools import partial, wraps
from importlib import import_module

import pytest

from penstroke.guards.fingerprints import Code, mentioned_names, versions

MODULES = {
    "__init__": "",
    "sums": "import json\nfrom . import shared\n\n\ndef add():\n    from .late import value\n    return value\n",
    "shared": "from animal.deep.inner import HEIGHT\n",
    "late": "value = 1\n",
    "deep/__init__": "from .unused import THING\n",
    "deep/inner": "HEIGHT = 1\n",
    "deep/unused": "THING = 1\n",
    "alone": "import numpy\n\n\ndef run():\n    return numpy.zeros(1)\n",
    "circle": "from animal import circle_back\n\n\ndef turn():\n    pass\n",
    "circle_back": "from animal import circle\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name, text in MODULES.items():
        path = tmp_path / "animal" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in __import__("sys").modules if name.partition(".")[0] == "animal"]:
        monkeypatch.delitem(__import__("sys").modules, name)
    return tmp_path / "animal"


def _modules(function, *mentioned):
    return {name for name in Code("animal").fingerprint(function, mentioned) if name.startswith("animal")}


def test_a_function_depends_on_what_its_module_imports_wherever_the_import_stands(package):
    add = import_module("animal.sums").add

    assert _modules(add) == {
        "animal",
        "animal.sums",
        "animal.shared",
        "animal.late",
        "animal.deep",
        "animal.deep.inner",
    }


def test_modules_that_import_each_other_are_followed_once(package):
    assert _modules(import_module("animal.circle").turn) == {"animal", "animal.circle", "animal.circle_back"}


def test_a_class_that_configuration_names_counts_with_its_module(package):
    run = import_module("animal.alone").run

    assert _modules(run, "animal.late.Missing", "animal.deep.inner") - _modules(run) == {
        "animal.late",
        "animal.deep",
        "animal.deep.inner",
    }


@pytest.mark.parametrize("name", ["sums", "shared", "late", "deep/inner", "deep/__init__", "__init__"])
def test_a_change_of_what_a_module_says_changes_the_fingerprint(package, name):
    add = import_module("animal.sums").add
    before = Code("animal").fingerprint(add, [])

    (package / f"{name}.py").write_text(MODULES[name] + "MORE = 2\n")

    assert Code("animal").fingerprint(add, []) != before


def test_comments_and_layout_change_nothing(package):
    add = import_module("animal.sums").add
    before = Code("animal").fingerprint(add, [])

    (package / "late.py").write_text("# the value\n\nvalue = (\n    1\n)\n")

    assert Code("animal").fingerprint(add, []) == before


def test_what_wraps_or_binds_a_function_stands_for_it(package):
    add = import_module("animal.sums").add

    @wraps(add)
    def wrapped():
        return add()

    for function in (partial(add), wrapped, partial(wrapped)):
        assert _modules(function) == _modules(add)


def test_a_package_counts_with_all_that_it_requires():
    found = versions(frozenset({"sklearn.svm.SVC"}))

    assert {"python", "scikit-learn", "scipy", "numpy", "joblib", "threadpoolctl"} <= set(found)
    assert "pandas" not in found


def test_a_dataset_of_kedro_counts_with_the_packages_of_its_extra():
    plain = versions(frozenset({"kedro_datasets.json.JSONDataset"}))
    parquet = versions(frozenset({"kedro_datasets.pandas.parquet_dataset.ParquetDataset"}))

    assert {"pandas", "pyarrow"} <= set(parquet)
    assert not {"pandas", "pyarrow"} & set(plain)


def test_dotted_names_are_found_wherever_configuration_holds_them():
    configured = {"a": [{"class": "x.y.Z"}, "no name", 3], "validator": "p.contracts.ROWS", "path": "data/x.csv"}

    assert mentioned_names(configured) == {"x.y.Z", "p.contracts.ROWS"}
