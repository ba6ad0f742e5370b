import shutil

import pytest
from kedro.pipeline import Node, Pipeline
from kedro.validation.exceptions import ParameterValidationError

from kedro_guards import hooks
from kedro_guards.config import CheckedConfigLoader
from kedro_guards.hooks import check_parameters, warn_of_misspelt
from kedro_guards.parameters import Parameters

FILES = {
    "base/globals.yml": "raw: data/raw\ndata: data\n",
    "base/parameters.yml": "split: {seed: 7, fraction: 0.2}\nkiosk: {doors: 2}\n",
    "asking/parameters.yml": "split: {seed: '${runtime_params:the.seed,7}'}",
    "asking/catalog.yml": "rows: {type: MemoryDataset, metadata: '${runtime_params:source,here}'}",
    "test/.keep": "",
    "misspelt/globals.yml": "dta: elsewhere",
    "empty/globals.yml": "data:",
    "wrong/parameters.yml": "kiosk: {doors: many}",
}


class Kiosk(Parameters):
    doors: int


@pytest.fixture(params=[False, True], ids=["folder", "archive"])
def check(request, tmp_path, monkeypatch):
    """Check the parameters of an environment, whose configuration is a folder or packed, with some of ``--params``."""
    split = Pipeline([Node(sorted, "params:split", "order", name="order")])
    monkeypatch.setattr(hooks, "pipelines", {"__default__": split})
    for name, text in FILES.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / name).write_text(text)
    conf = str(tmp_path / "conf")
    source = shutil.make_archive(str(tmp_path / "packed"), "gztar", tmp_path, "conf") if request.param else conf

    def check(env, **given):
        options = {"base_env": "base", "default_run_env": "test", "merge_strategy": {"parameters": "soft"}}
        loader = CheckedConfigLoader(source, env, given, **options)
        check_parameters(loader["parameters"], loader, {"kiosk": Kiosk})

    return check


def test_what_the_configuration_asks_for_may_be_given_packed_or_not(check):
    check("asking", source="elsewhere")
    check("asking", the={"seed": 3})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sorce": "elsewhere"}, "sorce is not a known group of parameters; did you mean source"),
        ({"thee": {"seed": 3}}, "thee is not a known group of parameters; did you mean the"),
        ({"the": {"sed": 3}}, "the.sed is nothing that the configuration asks for; did you mean the.seed?"),
        ({"the": {"seed": 3, "fraction": 0.2}}, "the.fraction is nothing that the configuration asks for"),
        ({"splitt": {"seed": 3}}, "splitt is not a known group of parameters; did you mean split?"),
        ({"zzz": 3}, "zzz is not a known group of parameters; the known ones are kiosk, source, split, the"),
    ],
)
def test_what_nothing_asks_for_is_refused_packed_or_not(check, given, told):
    with pytest.raises(ParameterValidationError, match=told):
        check("asking", **given)


def test_a_name_that_another_environment_asks_for_is_refused_packed_or_not(check):
    with pytest.raises(ParameterValidationError, match="source is not a known group of parameters"):
        check("test", source="elsewhere")


def test_a_misspelt_place_is_refused_packed_or_not(check):
    with pytest.raises(ParameterValidationError, match="dta in globals.yml is not a known name; .* raw, data"):
        check("misspelt")


def test_a_place_without_a_value_is_refused_packed_or_not(check):
    """It would be the folder ``None``."""
    with pytest.raises(ParameterValidationError, match="data in globals.yml is empty; give it a value, or delete"):
        check("empty")


def test_a_group_that_no_pipeline_reads_is_checked_by_its_class(check):
    with pytest.raises(ParameterValidationError, match="kiosk: doors should be a valid integer, found 'many'"):
        check("wrong")


def test_an_entry_of_the_catalog_with_a_misspelt_name_is_named_in_a_warning(monkeypatch, caplog):
    bake = Pipeline([Node(sorted, "raw_loaves", "loaves", name="bake")])
    monkeypatch.setattr(hooks, "pipelines", {"__default__": bake})

    warn_of_misspelt(["raw_loafs", "raw_loaves", "loaves", "recipes_of_a_notebook"], lambda: ["raw_loaves", "loaves"])

    assert [record.getMessage() for record in caplog.records] == [
        "no pipeline uses raw_loafs of the catalog; did you mean raw_loaves?"
    ]


def test_two_entries_of_the_base_with_similar_names_are_no_mistake(monkeypatch, caplog):
    bake = Pipeline([Node(sorted, "raw_loaves", "loaves", name="bake")])
    monkeypatch.setattr(hooks, "pipelines", {"__default__": bake})
    entries = ["raw_loaves", "loaves", "drawn_loaves"]

    warn_of_misspelt(entries, lambda: entries)

    assert not caplog.records
