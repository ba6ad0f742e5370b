import io

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import settings
from kedro.io import DatasetError
from PIL import Image, ImageDraw

from kedro_guards.config import CheckedConfigLoader
from kedro_guards.datasets.files import readers_of
from penstroke.contracts import RAW_DIGITS
from penstroke.domain import Cleaning, Form, measure_form, read
from penstroke.domain.folders import ImageFoldersDataset
from penstroke.domain.layout import pixel_columns, pixel_names
from penstroke.pipelines.data_processing.nodes import screen_rows

from ..conftest import base_parameters
from .rows import reading_of_base

SIZE = {"rows": 20, "columns": 16, "full_ink": 255}
PLACE = {"tall": 16, "wide": 12, "centre_of_mass": True}
READING = base_parameters("domain")["drawings"] | PLACE


def _drawing(across, kind="PNG"):
    image = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(image).line([(30, 20), (30 + across, 100)], 0, 9)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.fixture
def put(tmp_path):
    """Put files below a folder, and read that as raw rows."""

    def put(files, **choices):
        for name, content in files.items():
            place = tmp_path / "raw" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return ImageFoldersDataset(path=str(tmp_path / "raw"), size=SIZE, reading=READING | choices)

    return put


def test_each_file_is_a_row_whose_label_is_the_name_of_its_folder(put):
    table = put({"iris_setosa/1.png": _drawing(0), "rose/1.jpg": _drawing(20, "JPEG"), "rose/.hidden": b"x"}).load()

    assert table["label"].to_dict() == {"iris_setosa/1.png": "iris_setosa", "rose/1.jpg": "rose"}
    assert table["unreadable"].eq("").all()
    RAW_DIGITS.validate(table)


def test_a_file_is_framed_as_inference_frames_it_for_a_model_of_these_rows(put):
    files = {f"{across}/a.png": _drawing(across) for across in (0, 10, 20)}

    table = put(files).load()

    form = measure_form(table, Cleaning(full_ink=255))
    reading = reading_of_base().model_copy(update=PLACE)
    for (name, content), row in zip(files.items(), table[pixel_columns(table)].to_numpy(), strict=True):
        np.testing.assert_array_equal(row, read(content, form, reading), err_msg=name)
    assert form.size == (20, 16)


def test_folders_called_as_whole_numbers_are_whole_numbers(put):
    assert list(put({"0/a.png": _drawing(0), "12/a.png": _drawing(9)}).load()["label"]) == [0, 12]


def test_folders_train_and_test_say_which_rows_are_which(put):
    table = put({"train/a/1.png": _drawing(0), "test/a/1.png": _drawing(5)}).load()

    assert table["split"].to_dict() == {"test/a/1.png": "test", "train/a/1.png": "train"}


def test_what_cannot_be_read_is_rejected_with_the_reason(put):
    blank = io.BytesIO()
    Image.new("L", (90, 120), 255).save(blank, "PNG")
    table = put({"a/1.png": _drawing(0), "a/2.png": b"x", "b/1.png": _drawing(30), "b/2.png": blank.getvalue()}).load()

    form = measure_form(table, Cleaning(full_ink=255)).model_dump()
    accepted, rejected, scores = screen_rows(table, form)

    assert list(accepted.index) == ["a/1.png", "b/1.png"]
    assert rejected["reason"]["a/2.png"].startswith("unreadable: it is no JPEG or PNG file")
    assert rejected["reason"]["b/2.png"].startswith("unreadable: there is no ink")
    assert scores["rows_rejected_unreadable"] == 2
    assert pixel_names(20, 16) == pixel_columns(accepted)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no folders with files; put the files of each class into a folder of its own"),
        ({"1.png": b"x"}, "files lie in <class>/<file>, found 1.png; move it, or remove it"),
        ({"a/1.png": b"x", "a/b/2.png": b"x"}, "files lie in <class>/<file>, found a/b/2.png"),
        ({"train/a/1.png": b"x", "test/1.png": b"x"}, "files lie in train/<class>/<file> .*, found test/1.png"),
    ],
)
def test_files_elsewhere_are_told_with_where_they_should_be(put, files, told):
    with pytest.raises(DatasetError, match=told):
        put(files).load()


@pytest.mark.parametrize("name", PLACE)
def test_the_place_of_digits_must_be_given(put, name):
    with pytest.raises(ValueError, match=f"drawings.{name} must be given"):
        put({}, **{name: None})


def test_other_files_or_other_choices_are_other_content(put):
    files = {"a/1.png": _drawing(0)}
    first = put(files).content_hash()

    assert put(files).content_hash() == first
    assert put(files, speck=0.5).content_hash() != first
    assert put(files | {"a/2.png": _drawing(3)}).content_hash() != first


def test_files_are_read_once_until_one_of_them_changes(put, monkeypatch):
    dataset = put({"a/1.png": _drawing(0), "b/1.png": _drawing(20)})
    opened = []

    def readers_counted(*given):
        return {name: lambda f=f: opened.append(1) or f() for name, f in readers_of(*given).items()}

    monkeypatch.setattr("penstroke.domain.folders.readers_of", readers_counted)
    first = dataset.load()
    again = dataset.load()
    put({"a/1.png": _drawing(30)})
    changed = dataset.load()

    pd.testing.assert_frame_equal(first, again)
    assert len(opened) == 4
    assert not changed.loc["a/1.png"].equals(first.loc["a/1.png"])
    assert changed.loc["b/1.png"].equals(first.loc["b/1.png"])


def test_a_catalog_takes_a_group_of_parameters(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "base/parameters.yml").write_text("drawings: {side: 400, tall: null}\n")
    (tmp_path / "mine/parameters.yml").write_text("drawings: {tall: 20}\n")
    (tmp_path / "mine/catalog.yml").write_text(
        "raw_digits: {type: penstroke.domain.folders.ImageFoldersDataset, reading: '${params:drawings}'}\n"
    )

    for side in (400, 300):
        loader = CheckedConfigLoader(str(tmp_path), "mine", {"drawings": {"side": side}}, **settings.CONFIG_LOADER_ARGS)
        assert loader["catalog"]["raw_digits"]["reading"] == {"side": side, "tall": 20}


def test_rows_come_in_the_order_of_their_files(put):
    table = put({f"{label}/{name}.png": _drawing(name) for label in "ba" for name in (3, 1)}).load()

    assert list(table.index) == ["a/1.png", "a/3.png", "b/1.png", "b/3.png"]
    assert isinstance(table, pd.DataFrame)
    assert Form.model_validate(measure_form(table, Cleaning(full_ink=255)).model_dump()).columns == pixel_names(20, 16)
