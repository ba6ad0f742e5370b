import numpy as np
import pytest

from penstroke.contracts import DRAWING_DIGITS, REJECTED_DRAWINGS
from penstroke.domain.pixels import to_images
from penstroke.file_names import label_and_id, labelled_name
from penstroke.files import read_files

from .domain.hostile import PNG, READ
from .domain.rows import FORM, reading_of_base


def _refuse():
    raise ValueError("it cannot be read: No such file or directory")


def _read(files):
    return read_files(files, FORM, reading_of_base())


def test_files_become_rows_like_the_raw_ones_and_the_rest_goes_on():
    rows, rejected = _read({"a.png": lambda: PNG, "b.png": lambda: b"", "c.png": _refuse, "d.jpg": READ["CMYK"]})

    DRAWING_DIGITS.validate(rows)
    REJECTED_DRAWINGS.validate(rejected)
    assert list(rows.index) == ["a.png", "d.jpg"]
    assert list(rows) == FORM.columns
    assert to_images(rows).dtype == np.uint8
    assert to_images(rows).max() == 16
    assert rejected["reason"].to_dict() == {
        "b.png": "it is no JPEG or PNG file; save it as one",
        "c.png": "it cannot be read: No such file or directory",
    }


def test_no_file_or_none_that_can_be_read_makes_tables_without_rows():
    rows, rejected = _read({"b.png": lambda: b""})

    DRAWING_DIGITS.validate(rows)
    assert to_images(rows).shape == (0, 8, 8)
    assert len(rejected) == 1
    nothing_rejected = _read({"a.png": lambda: PNG})[1]
    REJECTED_DRAWINGS.validate(nothing_rejected)
    assert len(nothing_rejected) == 0


def test_one_file_is_in_memory_at_a_time():
    """Each is read when the one before is done."""
    read = []
    files = {name: lambda name=name: read.append(name) or PNG for name in "ba"}

    _read(files)

    assert read == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("3_a.png", ("3", "a.png")),
        ("0_a_b", ("0", "a_b")),
        ("10_a", None),
        ("3", None),
        ("3_", None),
        ("³_a", None),
        ("", None),
    ],
)
def test_a_name_begins_with_its_label(name, parts):
    assert label_and_id(name, range(10)) == parts


CLASSES = ["iris", "iris_setosa", "a/b", "50%", "Ä b", ".", "3", "3_3"]


@pytest.mark.parametrize("label", CLASSES)
@pytest.mark.parametrize("row_id", ["1.png", "_", "setosa_1.png"])
def test_the_name_of_a_labelled_row_is_one_file_name_that_leads_back_to_both(label, row_id):
    name = labelled_name(label, row_id)

    assert "/" not in name
    if (label, row_id) != ("iris", "setosa_1.png"):
        assert label_and_id(name, CLASSES) == (label, row_id)


def test_of_two_classes_that_a_name_begins_with_it_is_the_longer():
    """Whoever calls a class as another one and an underscore cannot be told apart; the longer is the likelier."""
    assert label_and_id("iris_setosa_1.png", CLASSES) == ("iris_setosa", "1.png")
    assert label_and_id("iris_setosa_1.png", ["iris"]) == ("iris", "setosa_1.png")


def test_people_may_write_a_label_as_it_is():
    assert label_and_id("Ä b_1.png", CLASSES) == ("Ä b", "1.png")
    assert label_and_id("50%_1.png", CLASSES) == ("50%", "1.png")
