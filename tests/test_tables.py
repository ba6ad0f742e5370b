import numpy as np
import pandas as pd
import pytest
import yaml

from penstroke.tables import (
    refuse_missing_columns,
    refuse_repeated_columns,
    with_gaps,
    with_labels,
    with_numbers,
    with_text,
    with_text_index,
    with_whole_numbers,
)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, 2.0], ["1", "2"]),
        ([1, "b"], ["1", "b"]),
        (pd.array([1, 2], "Int64"), ["1", "2"]),
        (pd.array(["a", "b"], "string[python]"), ["a", "b"]),
        (pd.Categorical([7, 8]), ["7", "8"]),
    ],
)
def test_identifiers_of_whole_numbers_or_categories_become_text(column, names):
    table = with_text_index(pd.DataFrame({"row_id": column, "x": [3, 4]}), "row_id")

    pd.testing.assert_frame_equal(table, pd.DataFrame({"x": [3, 4]}, pd.Index(names, name="row_id", dtype="str")))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([None, "a"], "row_id must be text without gaps, found str with 1 of 2 rows empty"),
        ([1.5, 2], "row_id must be text or whole numbers, found float64 1.5"),
        ([True, False], "found bool True"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), "found datetime64.* 2026-01-01"),
    ],
)
def test_identifiers_of_other_kinds_are_refused(column, message):
    with pytest.raises(ValueError, match=message):
        with_text_index(pd.DataFrame({"row_id": column}), "row_id")


def test_an_identifier_that_is_index_and_column_must_be_the_same_in_both():
    table = pd.DataFrame({"row_id": [1, 2], "x": 0}, pd.Index(["1", "2"], name="row_id"))

    assert with_text_index(table, "row_id").index.tolist() == ["1", "2"]
    with pytest.raises(ValueError, match="row_id is a column and the index, which differ"):
        with_text_index(table.assign(row_id=[2, 1]), "row_id")


def test_columns_that_are_whole_numbers_already_are_left_alone():
    table = pd.DataFrame({"a": np.int16([1]), "b": [2.0], "c": [0.5]})

    changed = with_whole_numbers(table, ["a", "b"])

    assert changed.dtypes.tolist() == [np.int16, np.uint8, np.float64]
    assert with_whole_numbers(table, ["a"]) is table


def test_numbers_without_a_sign_are_changed_only_beside_signed_ones():
    table = pd.DataFrame({"a": np.uint64([2**63]), "b": np.uint8([1]), "c": np.int8([1]), "d": np.uint64([1])})

    assert with_whole_numbers(table, ["a", "b"]) is table
    assert with_whole_numbers(table, ["c", "d"])[["c", "d"]].to_numpy().dtype.kind == "i"
    with pytest.raises(ValueError, match=r"a must be whole numbers below 2\*\*53, found uint64 9223372036854775808"):
        with_whole_numbers(table, ["a", "c"])


def test_great_whole_numbers_are_kept_exactly_or_refused():
    exact = pd.DataFrame({"a": pd.array([2**62 + 1, -1], "Int64")})
    assert with_whole_numbers(exact, ["a"])["a"].tolist() == [2**62 + 1, -1]

    for column in ([2.0**53], [str(2**53 + 1)], [np.inf]):
        with pytest.raises(ValueError, match=r"a must be whole numbers below 2\*\*53, found"):
            with_whole_numbers(pd.DataFrame({"a": column}), ["a"])


@pytest.mark.parametrize("value", [1j, [1], pd.Timestamp("2026-01-01"), pd.Timedelta(1), "1e400x", b"x", ""])
def test_what_is_no_number_is_shown_with_its_row(value):
    table = pd.DataFrame({"a": pd.Series([value], ["first"], dtype=object)})

    with pytest.raises(ValueError, match="a must be whole numbers, found .* in row first, such in 1 of 1 rows"):
        with_whole_numbers(table, ["a"])


def test_text_may_be_categories_and_may_be_absent():
    table = pd.DataFrame({"part": pd.Categorical(["a", "b"])})

    assert with_text(table, "part")["part"].dtype == "str"
    assert with_text(table, "other") is table


def test_columns_that_are_missing_are_named_with_what_is_there_instead():
    table = pd.DataFrame(columns=["v1", "v2", "v3", "v4", "v5", "v6", "Kind"])

    with pytest.raises(ValueError, match="column kind is missing, found Kind, v1, .* and 2 more; did you mean Kind"):
        refuse_missing_columns(table, ["kind", "v1"])
    with pytest.raises(ValueError, match="columns a and b are missing"):
        refuse_missing_columns(table, ["a", "b"])


def test_a_repeated_column_is_refused_and_a_name_with_a_point_only_where_it_matters():
    refuse_repeated_columns(pd.DataFrame(columns=["a", "b", "b.1"]), ["a"])

    for columns, asked in ((["a", "a"], []), (["a", "a.1"], ["a"])):
        with pytest.raises(ValueError, match="column a occurs more than once"):
            refuse_repeated_columns(pd.DataFrame(columns=columns), asked)


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        ([3, 300], [3, 300]),
        (np.int8([3, -3]), [3, -3]),
        (np.uint8([3, 255]), [3, 255]),
        ([3.0, 4.0], [3, 4]),
        (["3", "-12"], [3, -12]),
        (["3.0", "4."], [3, 4]),
        (pd.array([2**62 + 1, -1], "Int64"), [2**62 + 1, -1]),
        (pd.Categorical([7, 8]), [7, 8]),
        (pd.Categorical(["7", "8"]), [7, 8]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (pd.array(["a", "b"], "string[python]"), ["a", "b"]),
        (["007", "7"], ["007", "7"]),
        (["0", "-0"], [0, 0]),
        (["a", "3"], ["a", "3"]),
        (["a", 3], ["a", "3"]),
        (["3.5", "4"], ["3.5", "4"]),
        (["1e3", "4"], ["1e3", "4"]),
        (["True", "False"], ["True", "False"]),
        ([" 3", "4"], [" 3", "4"]),
    ],
)
def test_labels_are_whole_numbers_where_all_are_and_text_otherwise(column, labels):
    table = with_labels(pd.DataFrame({"label": column, "x": 0}), "label")

    assert table["label"].tolist() == labels
    assert table["label"].dtype == ("str" if isinstance(labels[0], str) else np.int64)


def test_labels_that_a_csv_file_loses_are_told_with_the_arguments_that_keep_them(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("label,width\nNone,3\nNA,\nnull,5\n")
    with pytest.raises(ValueError, match="label must be text or whole numbers without gaps, .* 3 of 3 rows") as caught:
        with_labels(pd.read_csv(path), "label")

    advised = yaml.safe_load(str(caught.value).split("`")[1])["load_args"]
    table = with_labels(pd.read_csv(path, **advised), "label")

    assert table["label"].tolist() == ["None", "NA", "null"]
    np.testing.assert_array_equal(table["width"], [3, np.nan, 5])


def test_labels_of_a_standard_type_are_left_alone():
    for labels in ([3, 4], ["a", "b"]):
        table = pd.DataFrame({"label": labels})
        assert with_labels(table, "label") is table


def test_a_table_without_rows_has_labels_of_some_kind():
    for kind in ("int64", "int8", "str", object):
        label = with_labels(pd.DataFrame({"label": pd.Series([], dtype=kind)}), "label")["label"]
        assert label.dtype in ("int64", "str")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([None, "a"], "label must be text or whole numbers without gaps, found str with 1 of 2 rows empty"),
        (["", "a"], "without gaps, found str with 1 of 2 rows empty, the first is 0; fill them in"),
        (["3", " "], "without gaps, found str with 1 of 2 rows empty, the first is 1"),
        ([np.nan, 1], "without gaps, found float64 with 1 of 2 rows empty"),
        ([0.5, 1], "label must be text or whole numbers, found float64 0.5 in row 0, such in 1 of 2 rows"),
        ([True, False], "found bool True"),
        ([3, True], "found object True in row 1"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), "found datetime64.* 2026-01-01"),
        ([2.0**60, 1], r"whole numbers below 2\*\*53, found float64"),
    ],
)
def test_labels_of_other_kinds_are_refused(column, message):
    with pytest.raises(ValueError, match=message):
        with_labels(pd.DataFrame({"label": column}), "label")


def test_labels_can_be_missing_beside_others_of_their_kind():
    numbers, texts = with_gaps(pd.Series([3, 300])), with_gaps(pd.Series(["a", "b"]))

    assert numbers.reindex([0, 5]).isna().tolist() == texts.reindex([0, 5]).isna().tolist() == [False, True]
    assert (numbers[1], texts[1]) == (300, "b")


def test_numbers_of_any_form_become_floats_and_gaps_stay():
    table = pd.DataFrame({"a": ["0.5", None], "b": pd.array([1, None], "Int64"), "c": [True, False], "d": ["x", "y"]})

    changed = with_numbers(table, ["a", "b", "c"])

    pd.testing.assert_frame_equal(
        changed, pd.DataFrame({"a": [0.5, np.nan], "b": [1, np.nan], "c": [1.0, 0.0], "d": ["x", "y"]})
    )
    with pytest.raises(ValueError, match="d must be finite numbers, found 'x' in row 0; correct it"):
        with_numbers(table, ["d"])


def test_a_number_that_is_none_is_shown_with_its_row_also_below_a_gap():
    table = pd.DataFrame({"a": [None, "0.5", "half"]}, ["r", "s", "t"])

    with pytest.raises(ValueError, match="a must be finite numbers, found 'half' in row t; correct it"):
        with_numbers(table, ["a"])
