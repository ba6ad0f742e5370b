import errno
import logging
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest
import yaml
from kedro.config import MissingConfigException
from kedro.framework import project as framework
from kedro.framework.project import LOGGING
from kedro.io import DatasetError
from kedro.logging import RichHandler

from kedro_guards.config import CheckedConfigLoader, dataset_of, refuse_foreign_classes, refuse_former_names

from .tiny import ROOT


@pytest.fixture(autouse=True)
def _package(monkeypatch):
    monkeypatch.setattr(framework, "PACKAGE_NAME", "tiny")


@pytest.mark.parametrize(
    "entry",
    [
        "{type: pandas.ParquetDataset, filepath: a, validator: tiny.contracts.SUMS}",
        "{type: kedro_datasets.pandas.csv_dataset.CSVDataset, filepath: a}",
        "{type: MemoryDataset}",
        "{type: kedro.io.CachedDataset, dataset: {type: json.JSONDataset, filepath: a}}",
        "{type: kedro_guards.datasets.model.ModelDataset, filepath: a}",
        "{type: partitions.PartitionedDataset, path: a, dataset: pillow.ImageDataset}",
        "{type: partitions.IncrementalDataset, path: a, dataset: text.TextDataset, checkpoint: {force_checkpoint: 7}}",
        "{type: pandas.GBQTableDataset, dataset: numbers, table_name: sums}",
        "{type: plotly.PlotlyDataset, filepath: a, plotly_args: {type: bar}}",
        "{type: text.TextDataset, filepath: a, validator: {class: tiny.contracts.SUMS, on: save}}",
    ],
)
def test_what_a_project_needs_is_allowed(entry):
    refuse_foreign_classes({"entry": yaml.safe_load(entry)})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{type: os.system}", "type 'os.system' is not allowed: it does not lie in kedro.io or kedro_datasets or"),
        ("{type: pandas.read_pickle}", "type 'pandas.read_pickle' is not allowed"),
        ("{type: pandas.io.sql.SQLTable}", "type 'pandas.io.sql.SQLTable' is not allowed"),
        ("{type: tiny_more.Dataset}", "tiny_more"),
        ("{type: .tiny.Dataset}", "tiny"),
        ("{type: {os: system}}", "type {'os': 'system'} is not allowed"),
        ("{type: pickle.PickleDataset}", "can run code"),
        ("{type: kedro_datasets.pickle.PickleDataset}", "can run code"),
        ("{type: kedro_datasets.pickle.pickle_dataset.PickleDataset}", "can run code"),
        ("{type: pandas.HDFDataset}", "can run code"),
        ("{type: pandas.GenericDataset, file_format: pickle}", "can run code"),
        ("{type: kedro_datasets.tensorflow.TensorFlowModelDataset}", "can run code"),
        ("{type: MemoryDataset, validator: os.system}", "validator 'os.system' is not allowed"),
        ("{type: MemoryDataset, validator: {class: os.system}}", "validator 'os.system' is not allowed"),
        ("{type: MemoryDataset, validator: {on: save}}", "validator None is not allowed"),
        ("{type: MemoryDataset, validator: kedro.io.MemoryDataset}", "it does not lie in tiny"),
        ("{type: partitions.PartitionedDataset, dataset: pickle.PickleDataset}", "dataset 'pickle.PickleDataset'"),
        ("{type: partitions.PartitionedDataset, dataset: {type: os.system}}", "type 'os.system'"),
        ("{type: CachedDataset, dataset: {type: CachedDataset, dataset: {type: os.system}}}", "type 'os.system'"),
        (
            "{type: partitions.IncrementalDataset, dataset: text.TextDataset, checkpoint: {type: os.system}}",
            "os.system",
        ),
        (
            "{type: partitions.IncrementalDataset, dataset: {type: Some}, checkpoint: {comparison_func: os.abort}}",
            "comparison_func 'os.abort'",
        ),
        ("{type: api.APIDataset, load_args: {response_dataset: os.system}}", "response_dataset 'os.system'"),
    ],
)
def test_what_lies_elsewhere_or_carries_code_is_refused_by_name(entry, message):
    with pytest.raises(DatasetError) as caught:
        refuse_foreign_classes({"entry": yaml.safe_load(entry)})

    assert str(caught.value).startswith("catalog entry entry: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", ["{kind}", "pandas.{kind}", "tiny.{kind}"])
def test_a_pattern_takes_no_class_from_the_name_of_a_dataset(kind):
    with pytest.raises(DatasetError, match="is not allowed"):
        refuse_foreign_classes({"{kind}_table": {"type": kind, "filepath": "a"}})


FORMER = {"oven.heat": "oven.degrees", "oven.fan": "", "loaves": "breads", "shop.forests": "shop.models"}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("oven: {heat: 180}", "oven.heat: oven.heat is called oven.degrees now"),
        ("oven: {heat: {top: 180}}", "oven.heat.top: oven.heat is called oven.degrees now"),
        ("oven: {fan: true}", "oven.fan: oven.fan is no longer used; remove it"),
        ("loaves: {type: json.JSONDataset}", "loaves.type: loaves is called breads now"),
        ("trees: {type: shop.forests.Trees}", "trees.type: shop.forests is called shop.models now"),
        ("models: [{steps: [{class: shop.forests.Tree}]}]", "models: shop.forests is called shop.models now"),
    ],
)
def test_a_former_name_is_refused_with_the_present_one(part, told):
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        refuse_former_names(yaml.safe_load(part), FORMER)


@pytest.mark.parametrize(
    "part",
    [
        "oven: {degrees: 180, heating: 3}",
        "breads: {filepath: data/loaves.json}",
        "trees: {type: shop.forestry.Trees, of: bishop.forests}",
    ],
)
def test_a_name_that_only_resembles_a_former_one_is_allowed(part):
    refuse_former_names(yaml.safe_load(part), FORMER)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("parameters.yml", "scaling: {times: 3}", "scaling.times: scaling.times is called scaling.factor now"),
        ("catalog.yml", "sums: {type: tiny.sums.Sums, filepath: a}", "sums.type: tiny.sums is called tiny.numbers now"),
    ],
)
def test_a_run_whose_configuration_holds_a_former_name_ends_in_one_line(tiny, file, content, told):
    former = "FORMER_NAMES = {'scaling.times': 'scaling.factor', 'tiny.sums': 'tiny.numbers'}\n"
    tiny.write("src/tiny/settings.py", (tiny / "src/tiny/settings.py").read_text() + former)
    tiny.write(f"conf/local/{file}", content)

    (line,) = tiny.refused().splitlines()

    assert told in line


@pytest.fixture
def mischief(tiny):
    """A module of the project's folder that leaves a trace when it is imported."""
    trace = tiny / "trace"
    tiny.write("src/mischief.py", f"open({str(trace)!r}, 'w')\ndef check(data): pass\nclass Dataset: pass\n")
    yield lambda entry: tiny.write("conf/local/catalog.yml", entry)
    assert not trace.exists()


TYPE = "anything: {type: mischief.Dataset}"
VALIDATOR = 'numbers: {type: json.JSONDataset, filepath: "${globals:raw}/numbers.json", validator: mischief.check}'


@pytest.mark.parametrize(("entry", "found"), [(TYPE, "type 'mischief.Dataset'"), (VALIDATOR, "mischief.check")])
def test_a_run_ends_in_one_line_before_a_foreign_module_is_imported(mischief, tiny, entry, found):
    mischief(entry)

    (line,) = tiny.refused().splitlines()

    assert found in line


@pytest.mark.parametrize(
    "way_to_a_catalog",
    [
        "KedroSession.create().load_context().catalog",
        "from kedro_viz.integrations.kedro.data_loader import load_data; load_data(Path())",
    ],
)
def test_there_is_no_way_to_a_catalog_round_the_list(mischief, tiny, way_to_a_catalog):
    mischief(TYPE)
    command = f"""
        from pathlib import Path
        from kedro.framework.session import KedroSession
        from kedro.framework.startup import bootstrap_project
        bootstrap_project(Path())
        {way_to_a_catalog}
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}

    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(command)],
        cwd=tiny.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "type 'mischief.Dataset' is not allowed" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("base/parameters.yml", "- split", "parameters.yml must hold names with their values"),
        ("base/globals.yml", "- data", "globals.yml must hold names with their values"),
        (
            "base/parameters.yml",
            "split: !!python/object/apply:os.system [ls]",
            "parameters.yml cannot be read as YAML: could not",
        ),
        ("base/parameters.yml", "split: \0", "parameters.yml cannot be read as YAML: unacceptable character"),
        ("base/parameters.yml", "split: {seed: 3, seed: 4}", "parameters.yml cannot be read .* duplicate key seed"),
        ("local/parameters.yml", "split: [1]", r"local/parameters.yml: split must hold names .* found \[1\]"),
    ],
)
def test_a_file_that_holds_no_configuration_is_named(tmp_path, name, content, fault):
    for folder in ("base", "local"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "parameters.yml").write_text("split: {seed: 3}")
    (tmp_path / name).write_text(content)
    settings = {"base_env": "base", "default_run_env": "local", "merge_strategy": {"parameters": "soft"}}

    with pytest.raises(ValueError, match=fault):
        CheckedConfigLoader(str(tmp_path), **settings)["parameters"]


def _loader(folder, files, **options):
    for name, text in ({"base/globals.yml": "data: data", "local/.keep": ""} | files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return CheckedConfigLoader(str(folder), base_env="base", default_run_env="local", **options)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("base/catalog.yml", "table: {type: MemoryDataset, metadata: '${runtime_params:asked}'}"),
        ("base/catalog_raw.yaml", "table: {type: MemoryDataset, metadata: '${runtime_params:asked,3}'}"),
        ("local/catalog/raw.yml", "table: {type: MemoryDataset, metadata: {x: 'a ${runtime_params: asked} b'}}"),
        ("local/deep/catalog_raw.json", '{"table": {"type": "MemoryDataset", "metadata": "${runtime_params:asked}"}}'),
        ("base/parameters_more.yml", "split: {seed: '${runtime_params:asked,7}'}"),
        ("local/parameters/split.yaml", "split: {seeds: ['${runtime_params:other,${runtime_params:asked}}']}"),
        ("local/credentials.yml", "store: {user: '${runtime_params:asked}'}"),
    ],
)
def test_the_configuration_says_what_it_asks_the_command_line_for_wherever_it_does(tmp_path, name, text):
    loader = _loader(tmp_path, {name: text}, runtime_params={"asked": 3})

    assert "asked" in loader.names_asked_for()


def test_a_value_that_only_a_run_can_be_given_is_told_with_both_ways_to_give_it(tiny):
    entry = "sums: {type: json.JSONDataset, filepath: 'data/${runtime_params:folder}/sums.json'}"
    tiny.write("conf/local/catalog.yml", entry)

    for command in (("run",), ("catalog", "list-patterns")):
        result = tiny.kedro(*command)

        assert result.returncode == 1
        assert "folder has no value; give one by `kedro run --params=folder=VALUE`, or a default" in result.stderr
        assert "${runtime_params:folder,VALUE}" in result.stderr
        assert "sums.filepath" in result.stderr
        assert len(result.stderr.splitlines()) <= 3


def test_an_environment_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("STORE_KEY", raising=False)
    loader = _loader(tmp_path, {"base/credentials.yml": "store: {key: '${oc.env:STORE_KEY}'}"})

    with pytest.raises(
        ValueError, match="store.key in the credentials takes the environment variable STORE_KEY, which"
    ):
        loader["credentials"]


def test_one_dataset_needs_no_credentials_but_its_own(tmp_path, monkeypatch):
    monkeypatch.delenv("STORE_KEY", raising=False)
    loader = _loader(tmp_path, {"base/credentials.yml": "store: {key: '${oc.env:STORE_KEY}'}"})
    entry = {"type": "json.JSONDataset", "filepath": "sums.json"}

    assert not dataset_of("sums", {"sums": entry}, loader, tmp_path).exists()
    with pytest.raises(ValueError, match="STORE_KEY"):
        dataset_of("sums", {"sums": entry | {"credentials": "store"}}, loader, tmp_path)


def test_a_nested_name_is_asked_for_as_a_whole(tmp_path):
    loader = _loader(tmp_path, {"base/parameters.yml": "seed: ${runtime_params:a.b,7}"}, runtime_params={"a": {"b": 3}})

    assert loader["parameters"]["seed"] == 3
    assert loader.names_asked_for() == {"a.b"}


def test_what_a_comment_says_is_not_asked_for(tmp_path):
    loader = _loader(tmp_path, {"base/parameters.yml": "seed: 3 # or ${runtime_params:seed}"})

    assert loader.names_asked_for() == set()


@pytest.mark.parametrize("locked", ["base", "local", "local/deep"])
def test_a_folder_that_may_not_be_read_is_not_passed_over(tmp_path, monkeypatch, locked):
    files = {"local/deep/globals.yml": "data: elsewhere"}
    _loader(tmp_path, files)
    scan = os.scandir

    def scan_unless_locked(place):
        if str(place) == str(tmp_path / locked):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", scan_unless_locked)

    with pytest.raises(PermissionError, match=locked):
        _loader(tmp_path, files)


def test_an_environment_that_is_not_there_is_told_with_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loader = _loader(tmp_path / "conf", {"base/parameters.yml": "seed: 3"}, env="locla")

    with pytest.raises(MissingConfigException, match="conf/locla is not there; the environments are base, local"):
        loader["parameters"]


LOGGING_YML = """
version: 1
disable_existing_loggers: false
handlers: {console: {class: logging.StreamHandler}}
root: {level: ERROR, handlers: [console]}
"""


@pytest.fixture
def fallen_back(monkeypatch):
    """Set logging up as Kedro does where it finds no configuration, and return how much of Kedro is logged."""
    former = LOGGING.data, logging.getLogger("kedro").level, logging.root.level

    def fallen_back():  # pytest adds handlers of its own before each test
        monkeypatch.setattr(logging.root, "handlers", [RichHandler()])
        logging.getLogger("kedro").setLevel(logging.INFO)

    yield fallen_back
    LOGGING.data = former[0]
    logging.getLogger("kedro").setLevel(former[1])
    logging.root.setLevel(former[2])


@pytest.mark.parametrize("packed", [False, True])
def test_logging_is_as_the_configuration_says_wherever_kedro_was_started(tmp_path, fallen_back, packed):
    _loader(tmp_path / "conf", {"base/parameters.yml": "a: 1", "logging.yml": LOGGING_YML})
    conf = shutil.make_archive(str(tmp_path / "packed"), "gztar", tmp_path, "conf") if packed else tmp_path / "conf"
    fallen_back()

    CheckedConfigLoader(str(conf), base_env="base", default_run_env="local")

    assert logging.getLogger("kedro").getEffectiveLevel() == logging.ERROR
    assert [type(handler) for handler in logging.root.handlers] == [logging.StreamHandler]


def test_logging_that_a_person_or_an_application_has_set_up_stays(tmp_path, fallen_back, monkeypatch):
    files = {"base/parameters.yml": "a: 1", "logging.yml": LOGGING_YML}
    fallen_back()

    monkeypatch.setenv("KEDRO_LOGGING_CONFIG", "theirs.yml")
    _loader(tmp_path, files)
    monkeypatch.delenv("KEDRO_LOGGING_CONFIG")
    logging.root.handlers.append(logging.NullHandler())
    _loader(tmp_path, files)

    assert logging.getLogger("kedro").getEffectiveLevel() == logging.INFO
