import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaError
from pandera.pandas import Check

from penstroke.row_form import RowForm
from penstroke.rows import incoming_schema, is_label, row_schema, standard_rows


@pytest.fixture
def wines():
    return pd.DataFrame({"wine_id": [1, 2], "label": ["red", "white"], "acid": [0.5, 0.25]})


def test_what_people_hand_in_has_its_identifiers_as_index_and_standard_types(wines):
    table = standard_rows(wines.assign(split=pd.Categorical(["train", "test"])), "wine_id", labelled=True)

    assert table.index.tolist() == ["1", "2"]
    assert table.index.name == "wine_id"
    assert table.dtypes.astype(str).to_dict() == {"label": "str", "acid": "float64", "split": "str"}


def test_a_label_is_asked_for_only_where_rows_must_have_one(wines):
    unlabelled = wines.drop(columns="label")

    assert list(standard_rows(unlabelled, "wine_id")) == ["acid"]
    with pytest.raises(ValueError, match="column label is missing, found wine_id, acid"):
        standard_rows(unlabelled, "wine_id", labelled=True)


def test_a_column_that_stands_twice_is_refused_where_it_matters(wines):
    twice = wines.assign(**{"acid.1": 1.0})

    assert "acid.1" in standard_rows(twice, "wine_id")
    with pytest.raises(ValueError, match="column acid occurs more than once, the second as acid.1"):
        standard_rows(twice, "wine_id", ["acid"])


def _acid_is_a_number(table):
    if table["acid"].dtype.kind != "f":
        raise ValueError(f"acid must be a number, found {table['acid'].dtype}")
    return table


def test_a_contract_brings_to_standard_types_and_then_checks(wines):
    schema = incoming_schema("wine_id", _acid_is_a_number, Check(lambda table: table["acid"].max() < 1), labelled=True)

    assert schema.validate(wines).index.tolist() == ["1", "2"]
    for spoilt, said in (
        (wines.assign(acid="much"), "acid must be a number, found str"),
        (wines.assign(acid=2.0), "failed|acid"),
        (wines.assign(label=["", "white"]), "without gaps, found str with 1 of 2 rows empty"),
        (wines.assign(split=["train", "later"]), "must be train or test"),
        (wines.assign(wine_id=1), "duplicate"),
        (wines.drop(columns="wine_id"), "column wine_id is missing"),
    ):
        with pytest.raises(SchemaError, match=said):
            schema.validate(spoilt)


def test_a_contract_neither_copies_values_nor_changes_the_table_that_it_checks(wines):
    contract = incoming_schema("wine_id", lambda table: table.assign(acid=table["acid"] + 1))
    before = wines.copy()

    checked = contract.validate(wines)

    pd.testing.assert_frame_equal(wines, before)
    np.testing.assert_array_equal(checked["acid"], wines["acid"] + 1)
    values = pd.DataFrame(np.ones((3, 4)), pd.Index(["a", "b", "c"], name="wine_id", dtype="str"), list("wxyz"))
    assert np.shares_memory(row_schema("wine_id", {}).validate(values).to_numpy(), values.to_numpy())


def test_rows_may_be_none_and_those_to_be_answered_need_no_label(wines):
    answered = incoming_schema("wine_id", _acid_is_a_number)
    labelled = incoming_schema("wine_id", _acid_is_a_number, labelled=True)

    assert len(answered.validate(wines.drop(columns="label").head(0))) == 0
    assert len(labelled.validate(wines.head(0))) == 0


@pytest.mark.parametrize(
    ("values", "are"),
    [
        ([1, -2], True),
        (["a", "b"], True),
        (["a", ""], False),
        (["a", None], False),
        ([0.5, 1], False),
        ([True, False], False),
    ],
)
def test_labels_are_whole_numbers_or_texts_that_say_something(values, are):
    assert is_label(pd.Series(values)) is are


def test_a_form_names_the_columns_that_rows_lack(wines):
    form = RowForm(columns=["acid", "sugar", "ash", "hue", "alcohol"])

    with pytest.raises(ValueError, match="takes rows with sugar, ash, hue and 1 more, found none; convert them to"):
        form.refuse_other_columns(wines)
    RowForm(columns=["acid"]).refuse_other_columns(wines)
    assert RowForm(columns=["acid"]).facts() == {"columns": ["acid"]}


def test_an_index_that_has_a_name_holds_the_identifiers_whatever_the_name():
    table = pd.DataFrame({"label": ["a", "b"]}, pd.Index([3, 4], name="sample_no"))

    rows = standard_rows(table, "wine_id", labelled=True)

    assert (rows.index.name, list(rows.index)) == ("wine_id", ["3", "4"])
    with pytest.raises(ValueError, match="column wine_id is missing"):
        standard_rows(table.rename_axis(None), "wine_id", labelled=True)
