"""Catalog, parameters, pipelines and README agree with each other."""

import ast
import re
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.io import MemoryDataset

from kedro_guards.config import SCHEMAS
from kedro_guards.secrets import leaves
from penstroke.pipelines.data_science.parameters import Search

from .conftest import ROOT
from .guards.missing import missing

BASE = ROOT / "conf/base"


@pytest.fixture(scope="module")
def registered(bootstrapped):
    return dict(pipelines)


def _entries(path):
    return {name for name in yaml.safe_load(path.read_text()) if not name.startswith("_")}


def _declared():
    return {name for path in BASE.glob("catalog*.yml") for name in _entries(path)}


def _entry(name):
    files = [yaml.safe_load(path.read_text()) for path in BASE.glob("catalog*.yml")]
    (entry,) = [entries[name] for entries in files if name in entries]
    return entry


def _cited():
    """The datasets whose receipts are cited, by the entry that cites."""
    files = [yaml.safe_load(path.read_text()) for path in BASE.glob("catalog*.yml")]
    entries = [item for entries in files for item in entries.items()]
    return {name: Path(entry["filepath"]).stem for name, entry in entries if entry["type"].endswith("ReceiptDataset")}


def _matches(name, entry):
    return fnmatch(name, re.sub(r"{\w+}", "*", entry))


def _is_parameter(name):
    return name == "parameters" or name.startswith("params:")


def _datasets(pipeline):
    return {name for name in pipeline.datasets() if not _is_parameter(name)}


def test_every_text_of_the_catalog_is_utf_8_on_any_file_system():
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "conf").rglob("catalog*.yml"))]
    texts = {name: entry for file in files for name, entry in file.items() if entry.get("type") == "text.TextDataset"}
    utf8 = {"encoding": "utf-8"}

    assert texts
    for name, entry in texts.items():
        assert entry.get("fs_args") == {"open_args_save": utf8, "open_args_load": utf8}, name


@pytest.mark.parametrize("folder", ["src", "benchmarks"])
def test_no_code_reads_or_writes_text_in_the_encoding_of_the_locale(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in {"read_text", "write_text"}:
                if call.func.attr == "read_text" and call.args:  # a file of a distribution, which is always UTF-8
                    continue
                assert "encoding" in {word.arg for word in call.keywords}, f"{path}:{call.lineno}"


def _kept_in_memory(registered, catalog):
    """The datasets that a run of one pipeline alone would look for in vain: another one makes them, in memory."""
    made = {name for pipeline in registered.values() for name in pipeline.all_outputs()}
    crossing = {name for pipeline in registered.values() for name in pipeline.inputs()} & made
    return {name for name in crossing if name not in catalog or getattr(catalog[name], "_EPHEMERAL", False)}


@pytest.mark.parametrize("env", sorted(path.name for path in (ROOT / "conf").glob("*/") if path.name != SCHEMAS))
def test_nothing_that_is_kept_in_memory_crosses_the_border_of_a_pipeline(registered, env, monkeypatch):
    """A schedule runs each pipeline in a process of its own."""
    if env == "production" and find_spec("s3fs") is None:
        missing("s3fs is not installed; requirements-s3.txt has it")
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"):
        monkeypatch.setenv(name, "anything")
    with KedroSession.create(ROOT, env=env) as session:
        catalog = session.load_context().catalog

    assert _kept_in_memory(registered, catalog) == set()
    catalog["labels"] = MemoryDataset()
    assert _kept_in_memory(registered, catalog) == {"labels"}


def test_every_dataset_of_every_pipeline_is_declared(registered):
    used = {name for pipeline in registered.values() for name in _datasets(pipeline)}

    assert {name for name in used if not any(_matches(name, entry) for entry in _declared())} == set()


def test_every_declaration_is_used(registered):
    used = {name for pipeline in registered.values() for name in _datasets(pipeline)}

    assert {entry for entry in _declared() if not any(_matches(name, entry) for name in used)} == set()


def test_no_pattern_catches_everything():
    assert not [entry for entry in _declared() if entry.startswith("{") and re.fullmatch(r"{\w+}", entry)]


def test_each_catalog_file_declares_what_its_pipeline_makes_and_nothing_else(registered):
    for path in BASE.glob("catalog_*.yml"):
        made = registered[path.stem.removeprefix("catalog_")].all_outputs()
        entries = {_cited().get(entry, entry) for entry in _entries(path)}
        assert {entry for entry in entries if not any(_matches(name, entry) for name in made)} == set(), path.name


def test_every_group_of_parameters_is_used_by_the_pipeline_whose_file_gives_it(registered):
    for name in ("serving", "tracking", "notices"):  # which no pipeline reads
        assert _entries(BASE / f"parameters_{name}.yml") == {name}
    assert _entries(BASE / "parameters_domain.yml") <= {
        name.removeprefix("params:") for pipeline in registered.values() for name in pipeline.inputs()
    }
    others = {BASE / f"parameters_{name}.yml" for name in ("serving", "tracking", "notices", "domain")}
    for path in set(BASE.glob("parameters_*.yml")) - others:
        inputs = registered[path.stem.removeprefix("parameters_")].inputs()
        used = {name.removeprefix("params:") for name in inputs if _is_parameter(name)}
        assert _entries(path) - used == set(), path.name


def test_every_dataset_has_a_layer_and_lies_below_a_folder_that_an_environment_can_move():
    for path in BASE.glob("catalog*.yml"):
        for name, entry in yaml.safe_load(path.read_text()).items():
            assert entry["metadata"]["kedro-viz"]["layer"], name
            place = entry.get("filepath") or entry["path"]
            assert place.startswith(("${globals:raw}/", "${globals:data}/")), name


def test_the_layers_of_each_pipeline_have_an_order_or_the_graph_would_show_none(registered):
    layers = {
        name: entry["metadata"]["kedro-viz"]["layer"]
        for path in BASE.glob("catalog*.yml")
        for name, entry in yaml.safe_load(path.read_text()).items()
    }

    def layer(name):
        return next(layer for entry, layer in layers.items() if _matches(name, entry))

    for pipeline in registered.values():
        order = TopologicalSorter()
        for node in pipeline.nodes:
            taken = {layer(name) for name in node.inputs if not _is_parameter(name)}
            for made in {layer(name) for name in node.outputs}:
                order.add(made, *taken - {made})
        order.prepare()


def test_every_table_has_a_contract():
    for path in BASE.glob("catalog*.yml"):
        for name, entry in yaml.safe_load(path.read_text()).items():
            if entry["type"].startswith("pandas."):
                assert entry["validator"].startswith("penstroke.contracts."), name


def test_every_node_is_named_after_its_function_maybe_under_a_namespace(registered):
    for pipeline in registered.values():
        names = [node.name.removeprefix(f"{node.namespace}.") for node in pipeline.nodes]
        assert names == [node.func.__name__ for node in pipeline.nodes]


def test_a_node_asks_for_four_datasets_at_the_most_beside_its_parameters(registered):
    asked = {
        node.name: [name for name in node.inputs if not name.startswith("params:")]
        for pipeline in registered.values()
        for node in pipeline.nodes
    }

    assert {name: inputs for name, inputs in asked.items() if len(inputs) > 4} == {}


def test_the_main_job_starts_from_raw_data_alone(registered):
    main = registered["__default__"]

    inputs = {name for name in main.inputs() if not _is_parameter(name)}
    assert inputs - set(_cited()) == {"raw_digits", "feedback_digits"}
    assert _entry("feedback_digits")["filepath"] == _entry("labelled_drawings")["filepath"]


def test_a_node_that_cites_a_receipt_runs_after_its_dataset_was_made(registered):
    main = registered["__default__"]
    citing = {(node.name, name) for node in main.nodes for name in set(node.inputs) & set(_cited())}

    assert citing
    for node, name in citing:
        assert _cited()[name] in main.to_nodes(node).datasets()


def test_the_other_pipelines_start_from_raw_data_and_from_what_another_one_makes(registered):
    made = {name for pipeline in registered.values() for name in pipeline.all_outputs()}

    for name, pipeline in registered.items():
        taken = {name for name in pipeline.inputs() if not _is_parameter(name)}
        known = _entries(BASE / "catalog.yml") | set(_cited())
        assert taken <= known | (made - pipeline.all_outputs()), name


def test_promotion_starts_from_what_the_main_job_makes_and_from_what_is_in_production(registered):
    free = {name for name in registered["promotion"].inputs() if not _is_parameter(name)}
    assert free - registered["__default__"].all_outputs() == {"current_model"}
    assert _entry("current_model")["filepath"] == _entry("production_model")["filepath"]


def test_an_environment_overrides_one_leaf_and_keeps_the_rest(bootstrapped):
    base, test = (
        OmegaConfigLoader(conf_source=str(ROOT / "conf"), env=name, **settings.CONFIG_LOADER_ARGS)["parameters"]
        for name in ("base", "test")
    )

    assert test["search"]["folds"] == 3
    assert test["search"]["seed"] == base["search"]["seed"]
    assert test["contenders"]["kernel_ridge"]["steps"] == base["contenders"]["kernel_ridge"]["steps"]
    assert test["split"] == base["split"]
    assert Search.model_validate(test["search"]).contenders == ["logistic", "kernel_ridge"]


@pytest.mark.skipif(not settings.FORMER_NAMES, reason="no name has changed yet")
def test_every_present_name_of_a_former_one_exists_and_no_former_one_does(bootstrapped):
    parameters = OmegaConfigLoader(conf_source=str(ROOT / "conf"), env="base", **settings.CONFIG_LOADER_ARGS)[
        "parameters"
    ]
    keys = {key for key, _ in leaves(parameters)} | _declared()

    def exists(name):
        try:
            return name in keys or bool(resolve_name(name))
        except (ImportError, AttributeError):
            return False

    for before, now in settings.FORMER_NAMES.items():
        assert not exists(before), before
        assert not now or exists(now), now


SOURCE = ROOT / "src"
DOMAIN_WORDS = re.compile("digit|pixel|drawing", re.IGNORECASE)


def _imports(path):
    """The absolute names of all that a module imports: of modules, and of what is taken from them."""
    package = path.relative_to(SOURCE).parent.parts
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _imported(folder, *wanted):
    """What the modules below a folder of ``src`` import whose name lies below a wanted one, by module."""
    for path in sorted((SOURCE / folder).rglob("*.py")):
        for name in _imports(path):
            if any(f"{name}.".startswith(f"{package}.") for package in wanted):
                yield str(path.relative_to(SOURCE)), name


def test_no_pipeline_imports_another_one():
    names = [path.parent.name for path in SOURCE.glob("penstroke/pipelines/*/__init__.py")]

    assert len(names) == 8
    for name in names:
        others = [f"penstroke.pipelines.{other}" for other in names if other != name]
        assert list(_imported(f"penstroke/pipelines/{name}", *others)) == []


def test_the_guards_import_nothing_of_the_project():
    assert list(_imported("kedro_guards", "penstroke")) == []
    assert list(_imported("penstroke", "kedro_guards")) != []


def test_the_service_imports_no_pipeline():
    assert list(_imported("penstroke/serving", "penstroke.pipelines")) == []


def test_all_but_the_domain_ask_the_domain_itself_and_nothing_within_it():
    within = [f"penstroke.domain.{path.stem}" for path in SOURCE.glob("penstroke/domain/*.py")]
    found = [(place, name) for place, name in _imported("", *within) if not place.startswith("penstroke/domain/")]
    named = {
        name
        for path in (ROOT / "conf").rglob("*.yml")
        for name in re.findall(r"penstroke\.domain\.(\w+)", path.read_text(encoding="utf-8"))
    }

    assert len(within) > 10
    assert found == []
    assert named <= {"idx", "patches"}


def _without_names_of_datasets(path):
    """The text of a module; of ``pipeline.py`` and ``__init__.py`` without docstrings and quoted names of datasets."""
    text = path.read_text(encoding="utf-8")
    if path.name not in {"pipeline.py", "__init__.py"} or "pipelines" not in path.parts:
        return text
    return re.sub(r'""".*?"""|"(params:)?\w+"', "", text, flags=re.DOTALL)


def test_neither_guards_nor_pipelines_nor_service_know_what_a_row_is():
    folders = [SOURCE / name for name in ("kedro_guards", "penstroke/pipelines", "penstroke/serving")]
    files = [path for folder in folders for path in folder.rglob("*.py") if "page" not in path.parts]

    assert len(files) > 60
    found = {str(path.relative_to(SOURCE)) for path in files if DOMAIN_WORDS.search(_without_names_of_datasets(path))}
    assert found == set()


def test_the_tests_of_stages_and_service_know_as_little_so_that_they_pass_with_another_domain():
    files = [path for folder in ("pipelines", "serving") for path in (ROOT / "tests" / folder).rglob("*.py")]
    within = re.compile(r"(penstroke\.|from \.+)domain\.(?!rows import as_json$)", re.MULTILINE)

    assert len(files) > 30
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert [found[0] for found in (*DOMAIN_WORDS.finditer(text), *within.finditer(text))] == [], path
