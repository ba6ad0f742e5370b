import json
import re

import numpy as np
import pandas as pd
import pytest

from penstroke.contracts import LABELS
from penstroke.domain import Cleaning, Form, accept, measure_form
from penstroke.pipelines.data_processing import nodes
from penstroke.pipelines.data_processing.nodes import screen_rows, split_rows, state_form
from penstroke.pipelines.data_processing.parameters import Split

from ...conftest import base_parameters
from ...seam import ALL_ROWS, CLASSES, FORM, OTHER, RAW_ROWS, contract, identifiers, rows_with_split

CLEANING = Cleaning.model_validate(base_parameters("domain")["cleaning"])
AS_STORED = FORM.model_dump()
SPLIT = Split(test_fraction=0.2, seed=7)


def _screen(rows, feedback=None):
    return screen_rows(rows, AS_STORED, feedback)


def test_the_form_is_stated_as_the_domain_measures_it_in_values_that_json_can_keep():
    stated = state_form(ALL_ROWS, CLEANING)

    assert Form.model_validate(json.loads(json.dumps(stated))) == measure_form(ALL_ROWS, CLEANING)


def test_nothing_is_dropped_without_a_reason():
    first, second = RAW_ROWS.index[:2]
    again = RAW_ROWS.head(1).set_axis(identifiers(["again"]))
    other = RAW_ROWS.iloc[[1]].set_axis(identifiers(["other"])).assign(label=lambda row: row["label"].map(OTHER))
    rows = pd.concat([RAW_ROWS, again, other])

    accepted, rejected, scores = _screen(rows)

    assert list(accepted.index) == [name for name in RAW_ROWS.index if name != second]
    assert rejected["reason"].to_dict() == {
        second: "conflict: the same values have another label elsewhere",
        "again": f"duplicate: the same values as {first}",
        "other": "conflict: the same values have another label elsewhere",
    }
    assert scores == {
        "rows_read": 202,
        "rows_accepted": 199,
        "rows_rejected_conflict": 2,
        "rows_rejected_duplicate": 1,
    }


def test_accepted_rows_are_as_the_domain_accepts_them_and_rejected_ones_as_the_source_gave_them():
    twice = pd.concat([RAW_ROWS, RAW_ROWS.head(5).set_axis(identifiers("abcde"))])

    accepted, rejected, _ = _screen(twice)

    pd.testing.assert_frame_equal(accepted, rows_with_split(False).drop(columns="split"))
    pd.testing.assert_frame_equal(rejected[FORM.columns], twice.tail(5)[FORM.columns])


def _rejects_every_fourth(rows, form):
    accepted, _ = accept(rows, form)
    return accepted, np.where(np.arange(len(rows)) % 4, "", "odd: it is the fourth")


def test_a_fate_that_the_domain_names_is_counted_where_it_occurs_and_the_general_ones_always(monkeypatch):
    _, _, none = _screen(RAW_ROWS)
    monkeypatch.setattr(nodes, "accept", _rejects_every_fourth)
    _, rejected, some = _screen(RAW_ROWS)

    assert set(rejected["reason"]) == {"odd: it is the fourth"}
    assert (some["rows_rejected_odd"], some["rows_accepted"]) == (50, 150)
    assert none == {
        "rows_read": 200,
        "rows_accepted": 200,
        "rows_rejected_conflict": 0,
        "rows_rejected_duplicate": 0,
    }


def test_the_reason_of_the_domain_goes_before_the_general_ones(monkeypatch):
    """Of rows that are rejected, with different labels, none is right."""
    other = RAW_ROWS.head(1).assign(label=lambda row: row["label"].map(OTHER))
    rows = pd.concat([RAW_ROWS.head(4), other]).set_axis(identifiers("abcde"))
    monkeypatch.setattr(nodes, "accept", _rejects_every_fourth)

    _, rejected, _ = _screen(rows)

    assert rejected["reason"].to_dict() == dict.fromkeys("ae", "odd: it is the fourth")


def test_rows_that_lack_a_column_are_refused_and_so_is_such_feedback():
    lacking = RAW_ROWS.drop(columns=FORM.columns[1])

    with pytest.raises(ValueError, match=re.escape(FORM.columns[1])):
        _screen(lacking)
    with pytest.raises(
        ValueError, match=f"feedback are of another form than the raw rows: .*{re.escape(FORM.columns[1])}"
    ):
        _screen(RAW_ROWS, feedback=lacking)


def test_columns_in_another_order_make_the_same_rows():
    shuffled = RAW_ROWS[RAW_ROWS.columns[::-1]]

    pd.testing.assert_frame_equal(_screen(shuffled)[0], _screen(RAW_ROWS)[0])


def _accepted(rows=RAW_ROWS):
    return _screen(rows)[0]


def test_every_class_gives_the_same_share_of_test_rows():
    _, labels = split_rows(_accepted(), SPLIT)

    counts = pd.crosstab(labels["label"], labels["split"])
    assert (counts["test"] == np.floor(0.2 * counts.sum(axis=1))).all()


def test_a_seed_gives_one_split_and_another_seed_another():
    accepted = _accepted()
    first, again = (split_rows(accepted, SPLIT)[1]["split"] for _ in range(2))
    other = split_rows(accepted, Split(test_fraction=0.2, seed=8))[1]["split"]

    assert first.equals(again)
    assert 0.2 < (first != other).mean() < 0.4  # two independent fifths differ in 2 x .2 x .8 of the rows


def test_a_test_row_stays_one_when_rows_are_added_below():
    accepted = _accepted()
    before = split_rows(accepted.head(120), SPLIT)[1]["split"]
    after = split_rows(accepted, SPLIT)[1]["split"]

    assert (before == "test").sum() > 10
    assert set(before.index[before == "test"]) <= set(after.index[after == "test"])


def test_the_split_of_the_source_goes_before_our_own():
    own = np.where(np.arange(len(RAW_ROWS)) < 150, "train", "test")
    accepted = _accepted(RAW_ROWS.assign(split=own))

    rows, labels = split_rows(accepted, SPLIT)

    assert list(labels["split"]) == list(own)
    assert list(rows.columns[:2]) == ["label", "split"]
    assert rows.columns.is_unique


def test_labels_are_the_rows_without_values():
    rows, labels = split_rows(_accepted(), SPLIT)

    pd.testing.assert_frame_equal(labels, rows[["label", "split"]])


def test_feedback_comes_last_teaches_and_moves_no_other_row():
    feedback = RAW_ROWS.tail(40)[RAW_ROWS.columns[::-1]].set_axis(identifiers(f"{place}.png" for place in range(40)))
    raw = RAW_ROWS.head(160)
    rows, _ = split_rows(_screen(raw, feedback=feedback)[0], SPLIT)
    before, _ = split_rows(_accepted(raw), SPLIT)

    pd.testing.assert_frame_equal(rows[:160], before)
    assert set(rows["split"][160:]) == {"train"}
    np.testing.assert_array_equal(rows["label"][160:], feedback["label"])


def test_feedback_is_screened_like_all_other_rows():
    twice = RAW_ROWS.head(1).set_axis(identifiers(["again.png"]))
    other = RAW_ROWS.iloc[[1]].set_axis(identifiers(["other.png"])).assign(label=lambda row: row["label"].map(OTHER))

    _, rejected, scores = _screen(RAW_ROWS, feedback=pd.concat([twice, other]))

    assert rejected["reason"]["again.png"] == f"duplicate: the same values as {RAW_ROWS.index[0]}"
    assert rejected["reason"]["other.png"].startswith("conflict")
    assert scores["rows_read"] == len(RAW_ROWS) + 2


def test_no_feedback_is_nothing():
    for none in (None, pd.DataFrame()):
        pd.testing.assert_frame_equal(_screen(RAW_ROWS, feedback=none)[0], _accepted())


def test_a_class_without_training_rows_is_refused():
    accepted = _accepted(RAW_ROWS.assign(split=np.where(RAW_ROWS["label"] == CLASSES[0], "test", "train")))

    with pytest.raises(ValueError, match=f"class {CLASSES[0]} has no training row"):
        split_rows(accepted, SPLIT)


def test_a_split_without_test_rows_is_refused():
    with pytest.raises(ValueError, match="no row is a test row.*split.test_fraction"):
        split_rows(_accepted(), Split(test_fraction=0.001, seed=7))


NAMES = {"text": ["in_words", "a/b", "ten ", "10"], "large": [300, -5, 70_000, 2**60], "two": ["no", "yes"] * 2}


@pytest.mark.parametrize("kind", NAMES)
def test_labels_of_any_kind_go_through_screening_and_splitting(kind):
    names = NAMES[kind]
    labelled = RAW_ROWS.assign(label=[names[place % 4] for place in range(len(RAW_ROWS))])
    twice = labelled.head(1).set_axis(identifiers(["again.png"]))
    other = labelled.iloc[[1]].set_axis(identifiers(["other.png"]))
    other = other.assign(label=next(name for name in names if name != labelled["label"].iloc[1]))

    accepted, rejected, scores = _screen(contract("RAW_ROWS").validate(labelled), feedback=pd.concat([twice, other]))
    rows, labels = split_rows(accepted, SPLIT)

    contract("ACCEPTED_ROWS").validate(accepted)
    contract("REJECTED_ROWS").validate(rejected)
    contract("ROWS").validate(rows)
    LABELS.validate(labels)
    assert labels["label"].equals(labelled["label"].drop(labelled.index[1]))
    counts = pd.crosstab(labels["label"], labels["split"])
    assert set(counts.index) == set(names)
    assert (counts["test"] == np.floor(0.2 * counts.sum(axis=1))).all()
    assert (scores["rows_rejected_conflict"], scores["rows_rejected_duplicate"]) == (2, 1)


def test_a_class_of_text_without_training_rows_is_named():
    label = np.where(RAW_ROWS["label"] == CLASSES[0], "four of them", "other")
    accepted = _accepted(RAW_ROWS.assign(label=label, split=np.where(RAW_ROWS["label"] == CLASSES[0], "test", "train")))

    with pytest.raises(ValueError, match="class four of them has no training row"):
        split_rows(accepted, SPLIT)


def test_a_source_that_says_what_it_could_not_read_may_stand_beside_feedback_that_does_not():
    source = RAW_ROWS.head(60).assign(unreadable=["it is damaged"] + [""] * 59)

    accepted, rejected, scores = _screen(source, feedback=RAW_ROWS.tail(10))

    assert rejected["reason"].to_dict() == {source.index[0]: "unreadable: it is damaged"}
    assert (len(accepted), scores["rows_rejected_unreadable"]) == (69, 1)
    contract("REJECTED_ROWS").validate(rejected)


def test_a_column_reason_of_ones_own_rejects_nothing():
    accepted, rejected, _ = _screen(RAW_ROWS.assign(reason="collected in spring"))

    assert len(accepted) == len(RAW_ROWS)
    assert rejected.empty
