"""The JSON schemas in ``conf/schemas``, by which an editor completes and checks the configuration."""

import json
import re
from copy import deepcopy

import pytest
from jsonschema import Draft202012Validator
from omegaconf import OmegaConf

from kedro_guards.config import configuration_of
from kedro_guards.schemas import parameter_groups, schemas_of
from kedro_guards.secrets import leaves

from .conftest import ROOT

FILES = sorted(
    path for path in (ROOT / "conf").glob("*/*.yml") if path.parent.name != "local" and path.stem != "credentials"
)
FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")
# what a schema cannot know: a limit that depends on another value, and which words are addresses
UNKNOWN_TO_SCHEMAS = {
    ("drawings", "thinnest"),
    ("notices", "address"),
    ("serving", "batch_images"),
    ("serving", "picture_counts"),
    ("tracking", "address"),
}


def _values(path):
    return OmegaConf.to_container(OmegaConf.load(path))


@pytest.fixture(scope="module")
def stored():
    """The validator of each schema by name."""
    found = {path.stem: json.loads(path.read_text()) for path in (ROOT / "conf/schemas").iterdir()}
    for schema in found.values():
        Draft202012Validator.check_schema(schema)
    return {name: Draft202012Validator(schema) for name, schema in found.items()}


@pytest.fixture(scope="module")
def base():
    """The parameters of base by group."""
    files = [path for path in FILES if path.parent.name == "base" and path.name.startswith("parameters")]
    return {name: group for path in files for name, group in _values(path).items()}


def test_the_schemas_are_those_of_the_classes(bootstrapped, stored):
    """If this fails, run ``kedro schemas`` and commit what it writes."""
    loader, _ = configuration_of(None, str(ROOT / "conf"))

    assert {name: validator.schema for name, validator in stored.items()} == schemas_of(loader)


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_file_names_its_schema_in_the_first_line_and_agrees_with_it(path, stored):
    kind = path.stem.partition("_")[0]
    if kind == "parameters" and path.parent.name != "base":
        kind = "overrides"  # of single keys

    assert FIRST_LINE.match(path.read_text(encoding="utf-8"))[1] == f"../schemas/{kind}.json"
    assert [error.message for error in stored[kind].iter_errors(_values(path))] == []


def test_every_parameter_of_base_has_a_type_in_its_schema(base, stored):
    definitions = stored["parameters"].schema["$defs"]

    assert set(stored["parameters"].schema["properties"]) == set(base)
    for group in stored["parameters"].schema["properties"].values():
        model = definitions[group["anyOf"][0]["$ref"].rpartition("/")[2]]
        assert group["description"]
        assert {} not in model.get("properties", {}).values()


def test_a_schema_and_its_class_refuse_the_same_values(bootstrapped, base, stored):
    groups, apart = parameter_groups(), set()
    for name in set(base) - {"contenders"}:
        for key in base[name]:
            for value in (None, "word", -1, 0, 0.5, 10**9, True, [], {}):
                changed = base[name] | {key: value}
                try:
                    accepted = bool(groups[name].model_validate(changed))
                except ValueError:
                    accepted = False
                if stored["parameters"].is_valid({name: changed}) != accepted:
                    apart.add((name, key))

    assert apart == UNKNOWN_TO_SCHEMAS


@pytest.mark.parametrize("kind", ["parameters", "overrides"])
def test_a_misspelt_group_or_key_is_refused_wherever_it_stands(kind, base, stored):
    for name, group in base.items():
        assert not stored[kind].is_valid({f"{name}x": group})
        for key in group if name != "contenders" else group["logistic"]:
            changed = deepcopy(group)
            place = changed if name != "contenders" else changed["logistic"]
            place[f"{key}x"] = place[key]
            assert not stored[kind].is_valid({name: changed}), key


def test_only_an_environment_may_leave_out_keys(base, stored):
    some = {"search": {"folds": 3}, "contenders": {"logistic": {"grid": {}}}}

    assert stored["overrides"].is_valid(some)
    assert not stored["parameters"].is_valid({"search": some["search"]})
    assert not stored["parameters"].is_valid({"contenders": some["contenders"]})


@pytest.mark.parametrize("template", ["${globals:data}", "${runtime_params:fold,3}", "a/${globals:data}/b"])
def test_a_template_may_stand_for_any_value(template, base, stored):
    for place, _ in leaves(base):
        changed = deepcopy(base)
        *path, last = place.split(".")
        group = changed
        for key in path:
            group = group[key]
        group[last] = template
        assert stored["parameters"].is_valid(changed), place
    assert stored["parameters"].is_valid(dict.fromkeys(base, template))


ENTRY = {"type": "kedro_guards.datasets.files.FilesDataset", "filepath": "${globals:raw}/x", "most_bytes": 10}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"most_byte": 1}, "'most_byte' was unexpected"),
        ({"most_bytes": "many"}, "'many' is not of type 'integer'"),
        ({"filepath": None}, "None is not of type 'string'"),
        ({"metadata": {"guards": {"stand": True}}}, "'stand' was unexpected"),
        ({"type": "penstroke.domain.idx.IdxDataset"}, "'most_bytes' was unexpected"),
        ({"type": None}, "None is not of type 'string'"),
    ],
)
def test_an_entry_of_a_catalog_with_a_wrong_key_is_refused(change, message, stored):
    assert stored["catalog"].is_valid({"rows": ENTRY})

    errors = stored["catalog"].iter_errors({"rows": ENTRY | change})

    assert message in json.dumps([[error.message, *_causes(error)] for error in errors])


def _causes(error):
    return [text for cause in error.context or () for text in (cause.message, *_causes(cause))]


def test_what_the_base_leaves_empty_in_the_globals_may_be_a_text(stored):
    assert stored["globals"].is_valid({"scheduler": "tcp://127.0.0.1:8786"})
    assert stored["globals"].is_valid({"scheduler": None})
    assert not stored["globals"].is_valid({"scheduler": 8786})


def test_an_entry_of_a_class_of_kedro_datasets_may_have_any_arguments(stored):
    assert stored["catalog"].is_valid({"rows": {"type": "pandas.CSVDataset", "filepath": "x", "sheet": 1}})


def test_the_editor_completes_every_dataset_class_of_the_guards_and_of_the_project(stored):
    offered = stored["catalog"].schema["$defs"]["Entry"]["properties"]["type"]["anyOf"][0]["enum"]

    assert {"kedro_guards.datasets.model.ModelDataset", "penstroke.domain.folders.ImageFoldersDataset"} < set(offered)
    assert all(name.startswith(("kedro_guards.datasets.", "penstroke.")) for name in offered)
