import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from kedro.io import AbstractDataset
from pydantic import Field

from kedro_guards import schemas
from kedro_guards.parameters import Parameters


class Oven(Parameters):
    """How to bake.

    Not shown.
    """

    degrees: int = Field(ge=0, le=300, description="the heat")
    shelves: list[int] | None


class Cakes(AbstractDataset):
    """Cakes of a shop.

    Args:
        place: where they
            stand.
        oven: handed on.
    """

    def __init__(self, place: str, *, oven: Any = None, maker: "type[AbstractDataset] | None" = None, **others: Any):
        pass


def test_a_group_shows_its_docstring_and_its_fields():
    schema = schemas._closed({"oven": Oven, "limit": Any})

    assert schema["properties"]["oven"]["description"] == "How to bake."
    assert schema["properties"]["limit"] == {}
    assert schema["$defs"]["Oven"]["properties"]["degrees"]["description"] == "the heat"


@pytest.mark.parametrize(
    ("values", "whole", "valid"),
    [
        ({"oven": {"degrees": 180, "shelves": None}}, True, True),
        ({"oven": {"degrees": "${globals:heat}", "shelves": ["${globals:heat}"]}}, True, True),
        ({"oven": "${globals:oven}"}, True, True),
        ({"oven": {"degrees": "1_80", "shelves": [1]}}, True, True),
        ({"oven": {"degrees": "hot", "shelves": [1]}}, True, False),
        ({"oven": {"degrees": 400, "shelves": [1]}}, True, False),
        ({"oven": {"degrees": 180, "shelves": ["x"]}}, True, False),
        ({"oven": {"degrees": 180}}, True, False),
        ({"oven": {"degrees": 180}}, False, True),
        ({"oven": {"degres": 180}}, False, False),
        ({"ovens": {}, "_reused": {}}, False, False),
        ({"_reused": {"anything": 1}}, True, True),
    ],
)
def test_a_schema_accepts_what_the_class_accepts_and_templates(values, whole, valid):
    assert Draft202012Validator(schemas._closed({"oven": Oven}, whole=whole)).is_valid(values) == valid


def test_an_entry_takes_the_arguments_of_its_class_with_what_the_docstring_says_of_them():
    entry = schemas._entry_of(Cakes).model_json_schema()

    assert entry["properties"]["type"]["const"] == f"{__name__}.Cakes"
    assert entry["properties"]["type"]["description"] == "Cakes of a shop."
    assert entry["properties"]["place"]["description"] == "where they stand."
    assert set(entry["properties"]) - {*schemas.Entry.model_fields} == {"place", "oven", "maker"}
    assert entry["required"] == ["type", "place"]


def test_an_argument_whose_type_cannot_be_looked_up_may_have_any_value():
    class Pies(AbstractDataset):
        def __init__(self, filling: "Unknown", _kept: int = 0, crust: AbstractDataset | None = None):  # noqa: F821
            pass

    entry = schemas._entry_of(Pies).model_json_schema()

    assert set(entry["properties"]) - {*schemas.Entry.model_fields} == {"filling", "crust"}
    assert "type" not in entry["properties"]["filling"]


def test_the_command_writes_the_schemas_beside_the_environments(tiny):
    tiny.write("src/tiny/part.py", "from tiny import what_another_project_has")
    result = tiny.kedro("schemas")

    assert result.returncode == 0, result.stderr
    written = {path.stem: json.loads(path.read_text()) for path in (tiny / "conf/schemas").iterdir()}
    assert set(written) == {"catalog", "globals", "overrides", "parameters"}
    assert set(written["parameters"]["properties"]) == {"scaling", "limit", "title"}
    assert set(written["globals"]["properties"]) == {"raw", "data", "lock_timeout_s"}
    assert "conf/schemas/catalog.json" in result.stdout


def test_the_folder_of_schemas_is_no_environment(tiny):
    (tiny / "conf/schemas").mkdir()

    assert "schemas" not in tiny.refused("--env=locla")
