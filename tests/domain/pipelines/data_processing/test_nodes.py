"""Screening of digits: scale, blank and inverted images, size."""

import numpy as np
import pytest

from penstroke.domain import Cleaning
from penstroke.domain.pixels import to_images
from penstroke.pipelines.data_processing.nodes import screen_rows, state_form

from ...rows import FORM, table_of

SIXTEEN = Cleaning(full_ink=16)


def _screen(rows, cleaning=SIXTEEN, feedback=None):
    return screen_rows(rows, state_form(rows, cleaning), feedback)


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


def test_labelled_drawings_of_another_size_are_refused(raw_digits):
    larger = table_of(np.full((1, 28, 28), 16))

    said = "feedback are of another form than the raw rows: .* takes rows of 8 x 8 .*, found 28 x 28 .*; read them"
    with pytest.raises(ValueError, match=said):
        _screen(raw_digits, feedback=larger)


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
