"""Contracts of tables of digits."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.validation import DataValidationError
from pandera.errors import SchemaError

from penstroke import contracts


def test_a_good_raw_table_is_accepted_whichever_whole_number_type_it_has(raw_digits):
    for kind in (np.uint8, np.int64, np.uint16):
        assert len(contracts.RAW_DIGITS.validate(raw_digits.astype(kind))) == 200


def test_a_raw_table_may_carry_its_identifiers_as_a_column(raw_digits):
    accepted = contracts.RAW_DIGITS.validate(raw_digits.reset_index())

    pd.testing.assert_frame_equal(accepted, raw_digits.astype({"label": np.int64}))


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.convert_dtypes(),
        lambda table: table.reset_index().convert_dtypes(dtype_backend="pyarrow"),
        lambda table: table.astype("Int64"),
        lambda table: table.astype("Float64"),
        lambda table: table.astype(float),
        lambda table: table.astype(str),
        lambda table: table.astype(object),
        lambda table: table.astype("category"),
        lambda table: table.assign(label=table["label"].astype(float).astype(str).astype("category")),
        lambda table: table.astype({"pixel_0_0": "uint64"}),
        lambda table: table.set_axis(pd.CategoricalIndex(table.index, name="digit_id")),
        lambda table: table.assign(digit_id=table.index.astype("category")),
    ],
)
def test_what_means_the_same_is_accepted_with_the_same_rows_and_values(raw_digits, change):
    accepted = contracts.RAW_DIGITS.validate(change(raw_digits))

    assert {kind.kind for kind in accepted.dtypes} <= {"i", "u"}
    pd.testing.assert_frame_equal(accepted, raw_digits, check_dtype=False)
    assert accepted.index.dtype == raw_digits.index.dtype


def test_a_node_is_given_what_the_contract_made_of_a_table(raw_digits):
    entry = {"type": "MemoryDataset", "data": raw_digits.convert_dtypes().assign(label=3.0)}
    catalog = DataCatalog.from_config({"raw_digits": entry | {"validator": "penstroke.contracts.RAW_DIGITS"}})

    assert catalog.load("raw_digits").dtypes.unique().tolist() == [np.dtype(np.int64), np.dtype(np.uint8)]


def test_images_of_two_colours_are_ones_and_noughts(raw_digits):
    inked = raw_digits.drop(columns="label") > 8

    chunk = contracts.INCOMING_DIGITS.validate(inked)

    pd.testing.assert_frame_equal(chunk, inked.astype(np.uint8))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table.head(0), "no rows"),
        (lambda table: table.reset_index(drop=True), "column digit_id is missing, found label, pixel_0_0"),
        (lambda table: table.set_axis(["same"] * len(table)).rename_axis("digit_id"), "duplicate"),
        (lambda table: table.reset_index().assign(digit_id=[1, "1", *range(2, 200)]), "duplicate"),
        (lambda table: table.assign(label=3.5), "label must be text or whole numbers, found float64 3.5 in row optd"),
        (lambda table: table.assign(label=[0.5, *[1] * 199]), "found float64 0.5 .*, such in 1 of 200 rows"),
        (
            lambda table: table.assign(label=["", *"1" * 199]),
            "without gaps, found str with 1 of 200 rows empty",
        ),
        (
            lambda table: table.assign(label=[None, *[1] * 199]),
            "without gaps, found float64 with 1 of 200 rows empty",
        ),
        (
            lambda table: table.assign(label=pd.array([pd.NA, *[1] * 199], "Int8")),
            "label must be text or whole numbers without gaps, found Int8",
        ),
        (lambda table: table.assign(label=True), "label must be text or whole numbers, found bool True"),
        (lambda table: table.assign(label=[3, True] * 100), "label must be text or whole numbers, found object True"),
        (lambda table: table.rename(columns={"label": "Label"}), "label is missing, found Label, .* mean Label"),
        (lambda table: table.rename(columns={"label": "target"}), "column label is missing, found target, pixel"),
        (lambda table: table.assign(split="validation"), "must be train or test"),
        (
            lambda table: table.assign(split=["train", None] * 100),
            "split must be text without gaps, found str with 100 of 200 rows",
        ),
        (lambda table: table.drop(columns="pixel_7_7"), "the first is pixel_7_7"),
        (lambda table: table.astype({"pixel_0_0": int}).assign(pixel_0_0=-1), "the lowest is -1, pixel_0_0 of opt"),
        (lambda table: table.assign(pixel_3_3=0.5), "pixel_3_3 must be whole numbers, found float64 0.5"),
        (lambda table: table.assign(pixel_3_3=np.nan), "pixel_3_3 must be whole numbers without gaps, found float64"),
        (lambda table: table.assign(pixel_3_3="ink"), "pixel_3_3 must be whole numbers, found str 'ink'"),
        (lambda table: pd.concat([table, table[["pixel_0_0"]]], axis=1), "column pixel_0_0 occurs more than once"),
        (lambda table: table.assign(**{"label.1": 3}), "column label occurs more than once, the second as label.1"),
        (lambda table: table.assign(pixel_00_0=3), "more than one column is pixel_0_0"),
        (lambda table: table.assign(pixel_999999_999999=3), "999999999935 of 1000000000000 pixels"),
    ],
)
def test_a_spoilt_raw_table_is_refused(raw_digits, spoil, message):
    with pytest.raises(SchemaError, match=message):
        contracts.RAW_DIGITS.validate(spoil(raw_digits))


@pytest.mark.parametrize(("separator", "said"), [(";", '";"'), ("\t", r'"\\t"'), ("|", '"\\|"')])
def test_a_csv_file_of_another_separator_is_told_how_to_say_so(raw_digits, separator, said):
    table = pd.read_csv(StringIO(raw_digits.head(3).to_csv(sep=separator)))

    with pytest.raises(SchemaError, match=f"digit_id and label are missing.*`load_args: {{sep: {said}}}`"):
        contracts.RAW_DIGITS.validate(table)


def test_digits_must_be_bytes_and_have_a_split(raw_digits):
    digits = raw_digits.assign(split="train")
    contracts.DIGITS.validate(digits)

    with pytest.raises(SchemaError, match="uint8"):
        contracts.DIGITS.validate(digits.astype({"pixel_0_0": np.int16}))
    with pytest.raises(SchemaError, match="split"):
        contracts.DIGITS.validate(raw_digits)


def test_people_may_have_labelled_nothing_but_nothing_cannot_be_learned(raw_digits):
    none = raw_digits.head(0)

    assert len(contracts.LABELLED_DRAWINGS.validate(none)) == 0
    with pytest.raises(SchemaError, match="the table has no rows"):
        contracts.RAW_DIGITS.validate(none)


def test_chunks_are_checked_one_by_one_when_their_turn_comes(raw_digits):
    chunks = iter([raw_digits[:5].reset_index(), raw_digits[5:9], raw_digits[:5].drop(columns="pixel_0_1")])

    checked = contracts.INCOMING_DIGITS.validate(chunks)

    assert [len(next(checked)), len(next(checked))] == [5, 4]
    with pytest.raises(DataValidationError, match="incoming_digits"):
        next(checked)


def test_a_whole_table_is_checked_at_once_by_the_same_contract(raw_digits):
    pd.testing.assert_frame_equal(contracts.INCOMING_DIGITS.validate(raw_digits), raw_digits)
    with pytest.raises(DataValidationError, match="drawing_digits"):
        contracts.DRAWING_DIGITS.validate(raw_digits.astype(int) - 1)
