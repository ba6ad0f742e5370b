import json
import sys
from functools import partial
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from textwrap import dedent
from zipfile import ZipFile

import pytest

from kedro_guards import fingerprints
from kedro_guards.fingerprints import Code, mentioned_names, required_by, versions

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
    "timing": (
        "from functools import wraps\n\n\ndef timed(function):\n    @wraps(function)\n    def timed():\n"
        "        return function()\n\n    return timed\n"
    ),
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


def _code():
    return Code("animal", Path("a project"))


def _modules(function, *mentioned):
    return {name for name in _code().fingerprint(function, mentioned) if name.startswith("animal")}


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
    before = _code().fingerprint(add, [])

    (package / f"{name}.py").write_text(MODULES[name] + "MORE = 2\n")

    assert _code().fingerprint(add, []) != before


def test_comments_and_layout_change_nothing(package):
    add = import_module("animal.sums").add
    before = _code().fingerprint(add, [])

    (package / "late.py").write_text("# the value\n\nvalue = (\n    1\n)\n")

    assert _code().fingerprint(add, []) == before


def test_what_wraps_or_binds_a_function_counts_with_it(package):
    add, timed = import_module("animal.sums").add, import_module("animal.timing").timed

    assert _modules(partial(add)) == _modules(add)
    for function in (timed(add), partial(timed(add)), partial(timed, add)):
        assert _modules(function) == _modules(add) | {"animal.timing"}


def _write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


USES_OTHERS = {
    "animal/uses.py": """
        import importlib
        import plant
        from mineral.hard.stone import WEIGHT

        def run():
            return plant.leaf.GREEN, importlib.import_module("weather"), importlib.import_module(".late", __package__)
        """,
    "plant/__init__.py": "",
    "plant/leaf.py": "from . import stem",
    "plant/stem.py": "",
    "plant/colours.csv": "green",
    "plant/tables/deep/sizes.csv": "1",
    "plant/tools.py": "from . import root",
    "plant/root/__init__.py": "",
    "plant/root/depths.csv": "1",
    "plant/atlas/__init__.py": "",
    "plant/atlas/maps/trees.csv": "1",
    "mineral/hard/stone.py": "WEIGHT = 1",
    "weather.py": "",
    "loose/notes.csv": "1",
}


@pytest.fixture
def neighbours(package):
    """Packages and modules beside the project's own, in its source folder."""
    source = package.parent
    _write(source, {name: dedent(text) for name, text in USES_OTHERS.items()})
    for name in [name for name in sys.modules if name.partition(".")[0] in {"plant", "mineral", "weather"}]:
        del sys.modules[name]
    return source, import_module("animal.uses").run


def test_whatever_lies_in_the_source_folder_counts_by_its_content_where_it_is_used(neighbours):
    _, run = neighbours

    found = set(_code().fingerprint(run, []))

    assert found >= {"plant", "plant.leaf", "plant.stem", "mineral.hard.stone", "weather", "animal.late"}
    assert not found & {"plant.root", "animal.alone"}


@pytest.mark.parametrize(
    "name",
    [
        *("plant/stem.py", "plant/colours.csv", "plant/tables/deep/sizes.csv", "weather.py", "loose/notes.csv"),
        "plant/atlas/maps/trees.csv",  # in a package that no module imports
    ],
)
def test_a_change_of_a_module_or_of_a_file_that_it_may_read_changes_the_fingerprint(neighbours, name):
    source, run = neighbours
    before = _code().fingerprint(run, [])

    (source / name).write_text("OTHER = 1")

    assert _code().fingerprint(run, []) != before


@pytest.mark.parametrize("name", ["plant/root/depths.csv", "plant/root/__init__.py", "animal/alone.py", "plant/.x.swp"])
def test_a_change_beside_it_changes_nothing(neighbours, name):
    source, run = neighbours
    before = _code().fingerprint(run, [])

    (source / name).write_text("OTHER = 1")

    assert _code().fingerprint(run, []) == before


def test_a_module_that_becomes_a_package_or_is_compiled_is_another_one(neighbours):
    source, run = neighbours
    texts = [_code().fingerprint(run, [])]

    (source / "plant/stem").mkdir()
    (source / "plant/stem/__init__.py").write_text("X = 1")
    texts.append(_code().fingerprint(run, []))
    (source / f"plant/leaf{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF\0")
    texts.append(_code().fingerprint(run, []))

    assert len({str(text) for text in texts}) == 3
    assert "plant.root" in texts[2]  # nobody knows what a compiled module imports


def test_a_computed_import_counts_with_all_modules_of_its_package(package):
    (package / "late.py").write_text("import importlib\n\nvalue = importlib.import_module(__package__ + '.x')\n")

    assert _modules(import_module("animal.sums").add) >= {f"animal.{name}" for name in ("alone", "deep.unused")}


@pytest.mark.parametrize(
    "call",
    [
        'import_module(f"plant.{x}")',
        'import_module("plant.%s" % x)',
        'import_module("." + x, "plant")',
        "import_module(x[::-1])",
    ],
)
def test_a_computed_import_counts_with_all_packages_of_the_source_folder(neighbours, call):
    source, run = neighbours
    _write(source, {"animal/uses.py": f"from importlib import import_module\n\n\ndef run(x):\n    {call}\n"})
    before = _code().fingerprint(run, [])

    _write(source, {"plant/leaf.py": "GREEN = 2\n"})

    found = _code().fingerprint(run, [])
    assert {name for name in found if found[name] != before.get(name)} == {"plant.leaf"}


def test_a_variable_that_is_imported_counts_as_what_the_module_spells_out(package):
    (package / "late.py").write_text("import importlib\n\nvalue = [importlib.import_module(x) for x in ['weather']]\n")
    (package.parent / "weather.py").write_text("")

    found = set(_code().fingerprint(import_module("animal.sums").add, []))

    assert "weather" in found
    assert "animal.alone" not in found


def test_a_link_to_a_source_folder_or_a_package_is_followed(neighbours, tmp_path, monkeypatch):
    source, run = neighbours
    (source / "plant").rename(tmp_path / "elsewhere")
    (source / "plant").symlink_to(tmp_path / "elsewhere")
    before = _code().fingerprint(run, [])

    (tmp_path / "elsewhere/stem.py").write_text("X = 1")

    assert _code().fingerprint(run, []) != before


EDITABLE = {"url": "file:///elsewhere", "dir_info": {"editable": True}}


def _install(folder, name, requires="", origin=None, **files):
    """Write what an installer writes of a distribution."""
    listed = "".join(f"{file.replace('__', '/')}.py,,\n" for file in files)
    _write(folder, {f"{file.replace('__', '/')}.py": text for file, text in files.items()})
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    about = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{needs}", "RECORD": listed}
    about |= {"direct_url.json": json.dumps(origin)} if origin else {}
    _write(folder / f"{name}-1.dist-info", about)


@pytest.fixture
def installed(package, tmp_path, monkeypatch):
    """A folder of installed packages on the search path."""
    folder = tmp_path / "environment/site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(folder)
    caches = (fingerprints._distributions, fingerprints.required_by, fingerprints._installed, fingerprints._homes)
    for cached in caches:
        cached.cache_clear()
    yield folder
    for cached in caches:
        cached.cache_clear()


def _runs_with(package, module):
    (package / "alone.py").write_text(f"import {module}\n\n\ndef run():\n    pass\n")
    sys.modules.pop("animal.alone", None)
    return _code().fingerprint(lambda: None, ["animal.alone"])


def test_what_an_installer_put_there_counts_by_its_version(package, installed):
    _install(installed, "fruit", fruit__taste="X = 1")

    found = _runs_with(package, "fruit.taste")

    assert found["fruit"] == "1"
    assert "fruit.taste" not in found


def test_what_came_from_a_folder_or_address_counts_by_its_files_too(package, installed):
    _install(installed, "fruit", origin={"url": "file:///elsewhere", "dir_info": {}}, fruit__taste="X = 1")

    assert _runs_with(package, "fruit.taste")["fruit"].startswith("1 of ")


@pytest.mark.slow
@pytest.mark.parametrize("module", ["fruit.taste", "basket.weave"])
def test_an_editable_install_counts_by_its_content_also_where_an_installed_package_requires_it(
    package, installed, tmp_path, monkeypatch, module
):
    _write(tmp_path / "checkout", {"fruit/__init__.py": "", "fruit/taste.py": "X = 1"})
    monkeypatch.syspath_prepend(tmp_path / "checkout")
    (installed / "fruit.pth").write_text(f"{tmp_path / 'checkout'}\n")
    _install(installed, "fruit", origin=EDITABLE)
    (installed / "fruit-1.dist-info/RECORD").write_text("fruit.pth,,\n")
    _install(installed, "basket", requires="fruit", basket__weave="import fruit")
    before = _runs_with(package, module)

    (tmp_path / "checkout/fruit/taste.py").write_text("X = 2")

    assert before["fruit.taste"] != _runs_with(package, module)["fruit.taste"]


def test_a_package_in_a_folder_of_the_search_path_counts_by_its_content_and_so_does_an_archive(
    package, tmp_path, monkeypatch
):
    _write(tmp_path / "more", {"tree/__init__.py": "X = 1", "tree.egg-info/PKG-INFO": "Name: tree\nVersion: 1\n"})
    with ZipFile(tmp_path / "stone.whl", "w") as archive:
        archive.writestr("stone/__init__.py", "X = 1")
    monkeypatch.syspath_prepend(tmp_path / "more")
    monkeypatch.syspath_prepend(tmp_path / "stone.whl")

    assert "tree" in _runs_with(package, "tree")
    assert "stone" in _runs_with(package, "stone.age")


def test_a_package_counts_with_all_that_it_requires():
    found = versions(required_by(frozenset({"sklearn.svm.SVC"})))

    assert {"python", "scikit-learn", "scipy", "numpy", "joblib", "threadpoolctl"} <= set(found)
    assert "pandas" not in found


def test_a_dataset_of_kedro_counts_with_the_packages_of_its_extra():
    plain = versions(required_by(frozenset({"kedro_datasets.json.JSONDataset"})))
    parquet = versions(required_by(frozenset({"kedro_datasets.pandas.parquet_dataset.ParquetDataset"})))

    assert {"pandas", "pyarrow"} <= set(parquet)
    assert not {"pandas", "pyarrow"} & set(plain)


def test_dotted_names_are_found_wherever_configuration_holds_them():
    configured = {"a": [{"class": "x.y.Z"}, "no name", 3], "validator": "p.contracts.ROWS", "path": "data/x.csv"}

    assert mentioned_names(configured) == {"x.y.Z", "p.contracts.ROWS"}
