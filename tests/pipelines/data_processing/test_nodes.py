import json

import numpy as np
import pandas as pd
import pytest

from penstroke.contracts import ACCEPTED_DIGITS, DIGITS, LABELS, RAW_DIGITS, REJECTED_DIGITS
from penstroke.domain import Cleaning, Form, measure_form
from penstroke.domain.pixels import to_images
from penstroke.pipelines.data_processing.nodes import screen_rows, split_rows, state_form
from penstroke.pipelines.data_processing.parameters import Split

from ...domain.rows import FORM, table_of

SIXTEEN = Cleaning(full_ink=16)
SPLIT = Split(test_fraction=0.2, seed=7)


def _screen(rows, cleaning=SIXTEEN, feedback=None):
    return screen_rows(rows, state_form(rows, cleaning), feedback)


def test_the_form_is_stated_as_the_domain_measures_it_in_values_that_json_can_keep(raw_digits):
    stated = state_form(raw_digits, SIXTEEN)

    assert Form.model_validate(json.loads(json.dumps(stated))) == measure_form(raw_digits, SIXTEEN)


def test_the_pixels_of_the_source_are_spread_over_the_whole_range():
    accepted, _, _ = _screen(table_of(np.array([[[0, 1, 8, 16]]])))

    np.testing.assert_array_equal(to_images(accepted), [[[0, 16, 128, 255]]])
    assert to_images(accepted).dtype == np.uint8


def test_pixels_that_are_bytes_already_stay_as_they_are():
    image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)

    accepted, _, _ = _screen(table_of(image), Cleaning(full_ink=255))

    np.testing.assert_array_equal(to_images(accepted), image)


@pytest.mark.parametrize("scale", [255, 1])
def test_a_table_on_another_scale_is_refused(scale):
    with pytest.raises(ValueError, match=f"darkest pixel of the raw rows is {scale}, but cleaning.full_ink says .* 16"):
        state_form(table_of(np.array([[[0, scale]]])), SIXTEEN)


def test_nothing_is_dropped_without_a_reason():
    ink, other = [[0, 16], [16, 0]], [[16, 0], [0, 3]]
    images = np.array([ink, [[0, 0], [0, 0]], ink, other, other, [[16, 16], [16, 16]], [[1, 2], [3, 16]]])

    accepted, rejected, scores = _screen(table_of(images, [3, 3, 3, 5, 6, 1, 2]))

    assert list(accepted.index) == ["a", "g"]
    assert rejected["reason"].to_dict() == {
        "b": "blank: all pixels are equal",
        "c": "duplicate: the same values as a",
        "d": "conflict: the same values have another label elsewhere",
        "e": "conflict: the same values have another label elsewhere",
        "f": "blank: all pixels are equal",
    }
    assert scores == {
        "rows_read": 7,
        "rows_accepted": 2,
        "rows_rejected_blank": 2,
        "rows_rejected_conflict": 2,
        "rows_rejected_duplicate": 1,
    }


def test_images_that_become_the_same_bytes_are_the_same_image():
    """A fine scale is screened as a model sees it, or a conflict could hide in the last bits."""
    images = np.array([[[0, 64000]], [[1, 64000]]])

    accepted, rejected, _ = _screen(table_of(images, [0, 9]), Cleaning(full_ink=64000))

    assert len(accepted) == 0
    assert rejected["reason"].str.startswith("conflict").all()


def test_rejected_rows_keep_the_pixels_that_the_source_gave():
    _, rejected, _ = _screen(table_of(np.array([[[0, 16]], [[7, 7]]])))

    np.testing.assert_array_equal(to_images(rejected), [[[7, 7]]])


def test_columns_in_another_order_make_the_same_digits(raw_digits):
    shuffled = raw_digits[raw_digits.columns[::-1]]

    pd.testing.assert_frame_equal(_screen(shuffled)[0], _screen(raw_digits)[0])


def _accepted(raw_digits):
    return _screen(raw_digits)[0]


def test_every_class_gives_the_same_share_of_test_rows(raw_digits):
    _, labels = split_rows(_accepted(raw_digits), SPLIT)

    counts = pd.crosstab(labels["label"], labels["split"])
    assert (counts["test"] == np.floor(0.2 * counts.sum(axis=1))).all()


def test_a_seed_gives_one_split_and_another_seed_another(raw_digits):
    accepted = _accepted(raw_digits)
    first, again = (split_rows(accepted, SPLIT)[1]["split"] for _ in range(2))
    other = split_rows(accepted, Split(test_fraction=0.2, seed=8))[1]["split"]

    assert first.equals(again)
    assert 0.2 < (first != other).mean() < 0.4  # two independent fifths differ in 2 x .2 x .8 of the rows


def test_a_test_row_stays_one_when_rows_are_added_below(raw_digits):
    accepted = _accepted(raw_digits)
    before = split_rows(accepted.head(120), SPLIT)[1]["split"]
    after = split_rows(accepted, SPLIT)[1]["split"]

    assert (before == "test").sum() > 10
    assert set(before.index[before == "test"]) <= set(after.index[after == "test"])


def test_the_split_of_the_source_goes_before_our_own(raw_digits):
    own = np.where(np.arange(len(raw_digits)) < 150, "train", "test")
    accepted = _accepted(raw_digits.assign(split=own))

    digits, labels = split_rows(accepted, SPLIT)

    assert list(labels["split"]) == list(own)
    assert list(digits.columns[:2]) == ["label", "split"]
    assert digits.columns.is_unique


def test_labels_are_the_digits_without_pixels(raw_digits):
    digits, labels = split_rows(_accepted(raw_digits), SPLIT)

    pd.testing.assert_frame_equal(labels, digits[["label", "split"]])


def _named(names):
    return pd.Index(list(names), name="digit_id", dtype="str")


def test_labelled_drawings_come_last_teach_and_move_no_other_row(raw_digits):
    feedback = raw_digits.tail(40)[raw_digits.columns[::-1]].set_axis(_named(f"8_{place}.png" for place in range(40)))
    raw_digits = raw_digits.head(160)
    digits, _ = split_rows(_screen(raw_digits, feedback=feedback)[0], SPLIT)
    before, _ = split_rows(_accepted(raw_digits), SPLIT)

    pd.testing.assert_frame_equal(digits[:160], before)
    assert set(digits["split"][160:]) == {"train"}
    np.testing.assert_array_equal(digits["label"][160:], feedback["label"])


def test_labelled_drawings_are_screened_like_all_others(raw_digits):
    twice = raw_digits.head(1).set_axis(_named(["3_again.png"]))
    other = raw_digits.iloc[[1]].set_axis(_named(["3_other.png"])).assign(label=lambda row: (row["label"] + 1) % 10)

    _, rejected, scores = _screen(raw_digits, feedback=pd.concat([twice, other]))

    assert rejected["reason"]["3_again.png"] == f"duplicate: the same values as {raw_digits.index[0]}"
    assert rejected["reason"]["3_other.png"].startswith("conflict")
    assert scores["rows_read"] == len(raw_digits) + 2


def test_no_feedback_is_nothing(raw_digits):
    for none in (None, pd.DataFrame()):
        pd.testing.assert_frame_equal(_screen(raw_digits, feedback=none)[0], _accepted(raw_digits))


def test_labelled_drawings_of_another_size_are_refused(raw_digits):
    larger = table_of(np.full((1, 28, 28), 16))

    said = "feedback are of another form than the raw rows: .* takes rows of 8 x 8 .*, found 28 x 28 .*; read them"
    with pytest.raises(ValueError, match=said):
        _screen(raw_digits, feedback=larger)


def test_a_class_without_training_rows_is_refused(raw_digits):
    accepted = _accepted(raw_digits.assign(split=np.where(raw_digits["label"] == 4, "test", "train")))

    with pytest.raises(ValueError, match="class 4 has no training row"):
        split_rows(accepted, SPLIT)


def test_a_split_without_test_rows_is_refused(raw_digits):
    with pytest.raises(ValueError, match="no row is a test row.*split.test_fraction"):
        split_rows(_accepted(raw_digits), Split(test_fraction=0.001, seed=7))


def _inverted(rows, count):
    pixels = rows.drop(columns="label").astype(int)
    pixels[:count] = 16 - pixels[:count]
    return rows[["label"]].join(pixels)


def test_a_fate_that_the_domain_names_is_counted_where_it_occurs_and_the_general_ones_always(raw_digits):
    form = FORM.model_dump()

    _, rejected, some = screen_rows(_inverted(raw_digits, 3), form)
    _, _, none = screen_rows(raw_digits, form)

    assert set(rejected["reason"]) == {"inverted: its paper is as dark as ink"}
    assert (some["rows_rejected_inverted"], some["rows_accepted"]) == (3, 197)
    assert none == {
        "rows_read": 200,
        "rows_accepted": 200,
        "rows_rejected_conflict": 0,
        "rows_rejected_duplicate": 0,
    }


def test_the_reason_of_the_domain_goes_before_the_general_ones():
    """Of blank rows with different labels none is right."""
    rows = table_of(np.array([[[0, 16]], [[0, 0]], [[0, 0]], [[0, 0]]]), [1, 2, 3, 2])

    _, rejected, _ = _screen(rows)

    assert set(rejected["reason"]) == {"blank: all pixels are equal"}


def test_rows_of_another_form_are_refused(raw_digits):
    with pytest.raises(ValueError, match="takes rows of 28 x 28 pixels .*, found 8 x 8"):
        screen_rows(raw_digits, state_form(table_of(np.full((1, 28, 28), 16)), SIXTEEN))


NAMES = {"text": ["in_words", "a/b", "ten ", "10"], "large": [300, -5, 70_000, 2**60], "two": ["no", "yes"] * 2}


@pytest.mark.parametrize("kind", NAMES)
def test_labels_of_any_kind_go_through_screening_and_splitting(raw_digits, kind):
    names = NAMES[kind]
    labelled = raw_digits.assign(label=[names[digit % 4] for digit in raw_digits["label"]])
    twice = labelled.head(1).set_axis(_named(["again.png"]))
    other = labelled.iloc[[1]].set_axis(_named(["other.png"]))
    other = other.assign(label=next(name for name in names if name != labelled["label"].iloc[1]))

    accepted, rejected, scores = _screen(RAW_DIGITS.validate(labelled), feedback=pd.concat([twice, other]))
    rows, labels = split_rows(accepted, SPLIT)

    ACCEPTED_DIGITS.validate(accepted)
    REJECTED_DIGITS.validate(rejected)
    DIGITS.validate(rows)
    LABELS.validate(labels)
    assert labels["label"].equals(labelled["label"].drop(labelled.index[1]))
    counts = pd.crosstab(labels["label"], labels["split"])
    assert set(counts.index) == set(names)
    assert (counts["test"] == np.floor(0.2 * counts.sum(axis=1))).all()
    assert (scores["rows_rejected_conflict"], scores["rows_rejected_duplicate"]) == (2, 1)


def test_a_class_of_text_without_training_rows_is_named(raw_digits):
    label = np.where(raw_digits["label"] == 4, "four of them", "other")
    accepted = _accepted(raw_digits.assign(label=label, split=np.where(raw_digits["label"] == 4, "test", "train")))

    with pytest.raises(ValueError, match="class four of them has no training row"):
        split_rows(accepted, SPLIT)


def test_a_source_that_says_what_it_could_not_read_may_stand_beside_feedback_that_does_not(raw_digits):
    source = raw_digits.head(60).assign(unreadable=["it is damaged"] + [""] * 59)

    accepted, rejected, scores = _screen(source, feedback=raw_digits.tail(10))

    assert rejected["reason"].to_dict() == {source.index[0]: "unreadable: it is damaged"}
    assert (len(accepted), scores["rows_rejected_unreadable"]) == (69, 1)
    REJECTED_DIGITS.validate(rejected)


def test_a_column_reason_of_ones_own_rejects_nothing(raw_digits):
    accepted, rejected, _ = _screen(raw_digits.assign(reason="collected in spring"))

    assert len(accepted) == len(raw_digits)
    assert rejected.empty
