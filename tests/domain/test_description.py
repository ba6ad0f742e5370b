import numpy as np
import pandas as pd
import pytest

from penstroke.pipelines.reporting.parameters import Profile
from penstroke.pipelines.reporting.profiles import describe_digits, describe_ink, profile_digits

from ..conftest import table_of

RECEIPT = {"sha256": "0123456789abcdef"}


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
    sixteenths = table_of(_line() // 255 * 16)

    pd.testing.assert_frame_equal(describe_digits(sixteenths, 16), describe_digits(table_of(_line())))


@pytest.fixture
def digits():
    table = table_of(np.random.default_rng(0).integers(0, 256, (20, 6, 6), np.uint8))
    return table.assign(split=["train"] * 14 + ["test"] * 6)


@pytest.fixture
def answers(digits):
    test = digits[digits["split"] == "test"]
    answered = pd.DataFrame({"label": np.int8(3), "prediction": np.int8(3), "confidence": 0.9}, test.index)
    answered.iloc[0, 1] = 5
    return answered


def test_a_profile_is_called_by_the_version_of_its_champion(digits, answers):
    assert list(profile_digits(digits, answers, RECEIPT, Profile(rows=100, seed=1))) == ["0123456789ab"]


def test_a_profile_knows_answers_of_test_rows_alone(digits, answers):
    (profile,) = profile_digits(digits, answers, RECEIPT, Profile(rows=100, seed=1)).values()

    assert set(profile.index) == set(digits.index)
    assert profile["confidence"].notna().sum() == profile["right"].notna().sum() == 6
    assert profile.loc[answers.index, "right"].sum() == 5
    assert profile.loc[answers.index[0], "prediction"] == 5


def test_test_rows_come_first_where_there_are_too_many(digits, answers):
    few = Profile(rows=100, seed=1).model_copy(update={"rows": 8})
    (profile,) = profile_digits(digits, answers, RECEIPT, few).values()

    assert len(profile) == 8
    assert set(answers.index) < set(profile.index)
    pd.testing.assert_frame_equal(profile, profile_digits(digits, answers, RECEIPT, few)["0123456789ab"])
