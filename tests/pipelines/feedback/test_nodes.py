import numpy as np
import pytest
from penstroke.pipelines.inference.parameters import Drawings

from penstroke.contracts import LABELLED_DRAWINGS, REJECTED_DRAWINGS
from penstroke.domain.pixels import pixel_names, to_images
from penstroke.pipelines.feedback.nodes import label_of, take_in_feedback
from penstroke.pipelines.inference.nodes import frame_drawing

from ...conftest import FORM, base_parameters, frame_of_base
from ..inference.hostile import PNG, READ

AS_STORED = FORM.model_dump()
UNNAMED = (
    "its name begins with no label of the raw digits (0, 1, 2, 3, 4, 5, 6, 7, 8, 9); call it <right label>_<name>, "
    "or give rows of a new class to raw_digits first"
)
DRAWINGS = Drawings.model_validate(base_parameters("inference")["drawings"])


def test_a_labelled_drawing_becomes_a_row_that_inference_would_have_seen():
    digits, rejected = take_in_feedback({"7_a.png": lambda: PNG, "0_b_c.jpg": READ["CMYK"]}, AS_STORED, DRAWINGS)

    LABELLED_DRAWINGS.validate(digits)
    REJECTED_DRAWINGS.validate(rejected)
    assert digits["label"].to_dict() == {"7_a.png": 7, "0_b_c.jpg": 0}
    np.testing.assert_array_equal(to_images(digits)[0], frame_drawing(PNG, frame_of_base()))
    assert len(rejected) == 0


def test_what_cannot_be_taken_in_is_rejected_by_name_and_the_rest_goes_on():
    digits, rejected = take_in_feedback(
        {"7_a.png": lambda: PNG, "x_b.png": lambda: PNG, "8_c.png": lambda: b"", "5.png": lambda: PNG},
        AS_STORED,
        DRAWINGS,
    )

    REJECTED_DRAWINGS.validate(rejected)
    assert list(digits.index) == ["7_a.png"]
    assert rejected["reason"].to_dict() == {
        "5.png": UNNAMED,
        "8_c.png": "it is no JPEG or PNG file; save it as one",
        "x_b.png": UNNAMED,
    }


def test_an_empty_inbox_makes_tables_without_rows():
    digits, rejected = take_in_feedback({}, AS_STORED, DRAWINGS)

    LABELLED_DRAWINGS.validate(digits)
    REJECTED_DRAWINGS.validate(rejected)
    assert (len(digits), len(rejected)) == (0, 0)


@pytest.mark.parametrize(
    ("name", "label"),
    [("3_a.png", 3), ("0_a_b", 0), ("10_a", None), ("3", None), ("3_", None), ("³_a", None), ("", None)],
)
def test_a_name_begins_with_its_label(name, label):
    assert label_of(name, range(10)) == label


def test_a_label_that_the_raw_digits_do_not_have_is_rejected():
    """One row of a class of its own would end the next main job."""
    few = AS_STORED | {"classes": [0, 3, 7]}

    digits, rejected = take_in_feedback({"7_a.png": lambda: PNG, "9_a.png": lambda: PNG}, few, DRAWINGS)

    assert digits["label"].to_dict() == {"7_a.png": 7}
    assert rejected["reason"].loc["9_a.png"].startswith("its name begins with no label of the raw digits (0, 3, 7); ")


def test_a_labelled_drawing_has_the_size_and_scale_of_the_raw_digits():
    larger = AS_STORED | {"columns": pixel_names(28, 28), "tall": 20, "wide": 20, "full_ink": 255}

    digits, _ = take_in_feedback({"7_a.png": lambda: PNG}, larger, DRAWINGS)

    assert to_images(digits).shape == (1, 28, 28)
    assert 200 < to_images(digits).max() <= 255
