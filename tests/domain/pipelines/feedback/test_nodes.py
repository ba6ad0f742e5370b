import pandas as pd
import pytest

from penstroke.contracts import LABELLED_DRAWINGS, REJECTED_DRAWINGS
from penstroke.domain import read
from penstroke.domain.layout import pixel_names
from penstroke.domain.pixels import to_images
from penstroke.file_names import labelled_name
from penstroke.pipelines.data_processing.nodes import screen_rows
from penstroke.pipelines.feedback.nodes import take_in_feedback

from ...hostile import PNG, READ
from ...rows import FORM, reading_of_base

AS_STORED = FORM.model_dump()
UNNAMED = (
    "its name begins with no label of the raw rows (0, 1, 2, 3, 4, 5, 6, 7, 8, 9); call it <right label>_<name>, "
    "or give rows of a new class to the raw table first"
)


def _raw_rows(classes):
    return pd.DataFrame({"label": classes})


def _take_in(files, form=AS_STORED, classes=range(10)):
    return take_in_feedback(files, form, _raw_rows(list(classes)), reading_of_base())


def test_a_labelled_drawing_becomes_a_row_that_inference_would_have_seen():
    digits, rejected = _take_in({"7_a.png": lambda: PNG, "0_b_c.jpg": READ["CMYK"]})

    LABELLED_DRAWINGS.validate(digits)
    REJECTED_DRAWINGS.validate(rejected)
    assert digits["label"].to_dict() == {"7_a.png": 7, "0_b_c.jpg": 0}
    assert list(digits.loc["7_a.png", FORM.columns]) == list(read(PNG, FORM, reading_of_base()))
    assert len(rejected) == 0


def test_what_cannot_be_taken_in_is_rejected_by_name_and_the_rest_goes_on():
    digits, rejected = _take_in(
        {"7_a.png": lambda: PNG, "x_b.png": lambda: PNG, "8_c.png": lambda: b"", "5.png": lambda: PNG}
    )

    REJECTED_DRAWINGS.validate(rejected)
    assert list(digits.index) == ["7_a.png"]
    assert rejected["reason"].to_dict() == {
        "5.png": UNNAMED,
        "8_c.png": "it is no JPEG or PNG file; save it as one",
        "x_b.png": UNNAMED,
    }


def test_an_empty_inbox_makes_tables_without_rows():
    digits, rejected = _take_in({})

    LABELLED_DRAWINGS.validate(digits)
    REJECTED_DRAWINGS.validate(rejected)
    assert (len(digits), len(rejected)) == (0, 0)


def test_a_label_that_the_raw_digits_do_not_have_is_rejected():
    """One row of a class of its own would end the next main job."""
    digits, rejected = _take_in({"7_a.png": lambda: PNG, "9_a.png": lambda: PNG}, classes=[0, 3, 7])

    assert digits["label"].to_dict() == {"7_a.png": 7}
    assert rejected["reason"].loc["9_a.png"].startswith("its name begins with no label of the raw rows (0, 3, 7); ")


def test_a_labelled_drawing_has_the_size_and_scale_of_the_raw_digits():
    larger = AS_STORED | {"columns": pixel_names(28, 28), "tall": 20, "wide": 20, "full_ink": 255}

    digits, _ = _take_in({"7_a.png": lambda: PNG}, larger)

    assert to_images(digits).shape == (1, 28, 28)
    assert 200 < to_images(digits).max() <= 255


CLASSES = ["iris", "iris_setosa", "a/b", "50%", "007", "7"]


def test_labels_of_text_are_read_from_the_names_that_the_service_gives_files(raw_digits):
    names = {label: labelled_name(label, "1f.png") for label in CLASSES}

    rows, rejected = _take_in({name: lambda: PNG for name in names.values()}, classes=CLASSES)

    LABELLED_DRAWINGS.validate(rows)
    assert rows["label"].to_dict() == {name: label for label, name in names.items()}
    assert rows["label"].dtype == "str"
    assert len(rejected) == 0


def test_feedback_has_the_type_of_the_labels_beside_which_it_is_learned(raw_digits):
    for names in (["iris", "a/b"], [300, 7]):
        raw = raw_digits.assign(label=[names[digit % 2] for digit in raw_digits["label"]])
        rows, _ = _take_in({labelled_name(names[1], "1f.png"): lambda: PNG}, classes=names)

        accepted, _, scores = screen_rows(raw, AS_STORED, LABELLED_DRAWINGS.validate(rows))

        assert scores["rows_accepted"] == 201
        assert accepted["label"].dtype == raw["label"].dtype
        assert accepted["label"].iloc[-1] == names[1]


@pytest.mark.parametrize("classes", [["iris", "a/b"], [300, 7]])
def test_an_empty_inbox_makes_tables_of_labels_of_the_same_kind(classes):
    rows, _ = _take_in({}, classes=classes)

    assert rows["label"].dtype == _raw_rows(classes)["label"].dtype


def test_what_begins_with_no_class_of_text_is_told_which_there_are():
    _, rejected = _take_in({"rose_1.png": lambda: PNG}, classes=["iris", "a/b"])

    assert rejected["reason"]["rose_1.png"].startswith("its name begins with no label of the raw rows (a/b, iris); ")
