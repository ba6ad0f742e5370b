import numpy as np
import pandas as pd
import pytest

from penstroke.domain import Cleaning, accept, describe, measure_form
from penstroke.domain.description import describe_ink

from .rows import table_of


def _line():
    """An upright line, 8 rows tall and 2 columns wide, on 10 x 10."""
    image = np.zeros((1, 10, 10), np.uint8)
    image[0, 1:9, 4:6] = 255
    return image


def _described(image):
    return describe_ink(image).iloc[0]


def test_a_line_is_described_as_a_person_would():
    seen = _described(_line())

    assert seen["ink_amount"] == pytest.approx(16 / 100)
    assert (seen["palest_pixel"], seen["median_pixel"], seen["darkest_pixel"], seen["grey_share"]) == (0, 0, 1, 0)
    assert (seen["box_height"], seen["box_width"]) == (pytest.approx(0.8), pytest.approx(0.2))
    assert (seen["pieces"], seen["slant"]) == (1, 0)
    assert seen["edges_upright"] > 0.7 > 3 * seen["edges_level"]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_thickness_is_about_the_width_of_the_line(width):
    line = np.zeros((1, 60, 12), np.uint8)
    line[0, 5:55, 4 : 4 + width] = 255

    assert _described(line)["stroke_thickness"] == pytest.approx(width, rel=0.06)


def test_edges_run_as_their_names_say():
    falling = (255 * np.eye(12, dtype=np.uint8))[None]

    for image, name in (
        (_line(), "upright"),
        (np.swapaxes(_line(), 1, 2), "level"),
        (falling, "falling"),
        (falling[:, ::-1], "rising"),
    ):
        edges = _described(image).filter(like="edges_")
        assert edges.idxmax() == f"edges_{name}"
        assert edges.sum() == pytest.approx(1)


def test_a_digit_that_leans_to_the_right_has_a_positive_slant():
    leaning = _line()
    leaning[0, 1:5] = np.roll(leaning[0, 1:5], 1, axis=1)

    assert _described(leaning)["slant"] > 0.1
    assert _described(leaning[:, :, ::-1])["slant"] == pytest.approx(-_described(leaning)["slant"])


def test_pieces_are_counted_in_each_image_by_itself():
    two = _line()
    two[0, 5] = 0
    dotted = np.zeros((1, 10, 10), np.uint8)
    dotted[0, ::3, ::3] = 255

    assert list(describe_ink(np.concatenate([_line(), two, 0 * two, dotted, _line()]))["pieces"]) == [1, 2, 0, 16, 1]


def test_a_move_that_costs_no_answer_changes_nothing():
    pd.testing.assert_frame_equal(describe_ink(np.roll(_line(), -3, axis=2)), describe_ink(_line()), atol=1e-3)


def test_blank_images_and_no_images_are_described_too():
    assert (describe_ink(np.zeros((1, 8, 8), np.uint8)) == 0).all(axis=None)
    assert len(describe_ink(np.zeros((0, 8, 8), np.uint8))) == 0


def test_the_scale_of_the_source_does_not_matter():
    sixteenths, bytes_ = table_of(_line() // 255 * 16), table_of(_line())
    form = measure_form(sixteenths, Cleaning(full_ink=16))

    pd.testing.assert_frame_equal(describe(accept(sixteenths, form)[0]), describe(bytes_))


def test_rows_are_described_under_their_names_whatever_else_the_table_holds():
    rows = table_of(np.concatenate([_line(), np.swapaxes(_line(), 1, 2)]))

    described = describe(rows)

    assert described.index.equals(rows.index)
    assert "label" not in described
    pd.testing.assert_frame_equal(described, describe(rows[rows.columns[::-1]]))
