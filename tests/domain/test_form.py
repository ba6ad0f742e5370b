import json

import numpy as np
import pandas as pd
import pytest
from benchmarks.transfer import to_frame
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import answer_rows, look_at
from penstroke.domain import Cleaning, Form, accept, measure_form
from penstroke.domain.frame import frame_of
from penstroke.domain.pixels import to_images, to_table
from penstroke.files import read_files
from penstroke.models import Answers

from ..conftest import ROOT
from .rows import FORM, frame_of_base, reading_of_base, table_of

SIXTEEN, BYTES = Cleaning(full_ink=16), Cleaning(full_ink=255)


@pytest.fixture(scope="module")
def shipped():
    return pd.read_parquet(ROOT / "data/01_raw/digits.parquet")


def _table(images, like):
    return like[["label"]].join(to_table(images).set_axis(like.index))


def _place(form):
    return form.size, form.tall, form.wide, form.centre_of_mass


def test_the_form_of_the_shipped_digits_is_that_which_was_chosen_for_drawings(shipped):
    """All rows, the six columns inside, the box in the middle: so the frame needs no numbers in ``conf``."""
    assert measure_form(shipped, SIXTEEN) == FORM
    frame = frame_of_base()
    assert (frame.tall, frame.wide, frame.thinnest, frame.thickest) == (8, 6, 1.2, 1.5)


def test_digits_that_are_framed_as_mnist_are_found_to_be(shipped):
    digits = _table(to_frame(to_images(shipped)), shipped)

    assert _place(measure_form(digits, BYTES)) == ((28, 28), 20, 18, True)


def test_a_margin_is_not_part_of_the_digit(shipped):
    images = np.pad(to_images(shipped).repeat(3, 1).repeat(3, 2), ((0, 0), (4, 4), (2, 2)))

    assert _place(measure_form(_table(images, shipped), SIXTEEN)) == ((32, 28), 24, 18, False)


def test_a_source_that_is_sorted_by_class_has_the_same_form(shipped):
    many = pd.concat([shipped] * 6).sort_values("label", kind="stable")

    assert measure_form(many, SIXTEEN) == FORM


def test_rows_without_ink_fill_their_image(raw_digits):
    """Nothing of them says where a digit lies; the one row with ink is passed over, so that the scale is known."""
    blank = _table(np.zeros((len(raw_digits), 5, 7), np.uint8), raw_digits)
    few = 6 * 5000  # of which every sixth is measured
    many = pd.concat([blank.head(1)] * few)
    many.iloc[-1, many.columns.get_loc("pixel_0_0")] = 16

    form = measure_form(many, SIXTEEN)

    assert _place(form) == ((5, 7), 5, 7, False)
    assert form.paper == (0, 0)


@pytest.mark.parametrize("scale", [255, 17, 8, 1, 0])
def test_a_source_on_another_scale_is_refused(scale):
    said = f"the darkest pixel of the raw rows is {scale}, but cleaning.full_ink says that full ink is 16"
    with pytest.raises(ValueError, match=said):
        measure_form(table_of(np.array([[[0, scale]]])), SIXTEEN)


def test_the_form_of_a_source_holds_no_labels(shipped):
    assert measure_form(shipped.drop(columns="label"), SIXTEEN) == FORM


def test_accepted_rows_have_pixels_from_0_to_255_in_reading_order_and_nothing_else():
    rows = table_of(np.array([[[0, 1], [8, 16]]]))[["pixel_1_1", "label", "pixel_0_0", "pixel_1_0", "pixel_0_1"]]
    form = measure_form(rows, SIXTEEN)

    accepted, reasons = accept(rows, form)

    assert list(accepted) == form.columns == ["pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1"]
    np.testing.assert_array_equal(accepted, np.uint8([[0, 16, 128, 255]]), strict=True)
    assert list(reasons) == [""]


def test_a_blank_row_is_on_any_scale_and_has_a_reason(raw_digits):
    blank = _table(np.zeros((3, 8, 8), np.uint8), raw_digits.head(3))

    accepted, reasons = accept(blank, FORM)

    assert accepted.to_numpy().max() == 0
    assert set(reasons) == {"blank: all pixels are equal"}


def test_no_rows_are_accepted_without_a_reason(raw_digits):
    accepted, reasons = accept(raw_digits.head(0), FORM)

    assert accepted.shape == (0, 64)
    assert len(reasons) == 0


def _inverted(rows, count):
    """Exchange paper and ink in the first rows."""
    pixels = rows.drop(columns="label").astype(int)
    pixels[:count] = 16 - pixels[:count]
    return pixels


@pytest.mark.parametrize("count", [1, 100])
def test_inverted_rows_among_others_have_a_reason_each(raw_digits, count):
    _, reasons = accept(_inverted(raw_digits, count), FORM)

    assert set(reasons[:count]) == {"inverted: its paper is as dark as ink"}
    assert set(reasons[count:]) == {""}


@pytest.mark.parametrize("count", [101, 200])
def test_a_table_most_of_whose_rows_are_inverted_is_refused(raw_digits, count):
    with pytest.raises(ValueError, match=f"but {count} of 200 rows are inverted; replace each pixel by"):
        accept(_inverted(raw_digits, count), FORM)


@pytest.mark.parametrize("count", [1, 10])
def test_a_few_inverted_rows_alone_have_a_reason_each_for_they_may_be_the_last_of_a_table(raw_digits, count):
    _, reasons = accept(_inverted(raw_digits.head(count), count), FORM)

    assert set(reasons) == {"inverted: its paper is as dark as ink"}


def test_light_digits_on_dark_paper_are_no_inverted_ones_where_the_training_rows_are_like_them(raw_digits):
    dark = _inverted(raw_digits, len(raw_digits))
    form = measure_form(dark, SIXTEEN)

    assert form.paper == (1, 1)
    assert set(accept(dark, form)[1]) == {""}
    with pytest.raises(ValueError, match="190 of 200 rows|200 of 200 rows"):
        accept(raw_digits, form)


def test_the_rows_of_a_source_that_are_inverted_among_others_have_a_reason(raw_digits):
    mixed = _inverted(raw_digits, 40)

    form = measure_form(mixed, SIXTEEN)

    assert form.paper == measure_form(raw_digits, SIXTEEN).paper
    assert set(accept(mixed, form)[1][:40]) == {"inverted: its paper is as dark as ink"}
    assert set(accept(mixed, form)[1][40:]) == {""}


def test_a_model_of_before_says_its_classes_and_no_paper_and_calls_nothing_inverted(raw_digits):
    """As its file holds it: JSON, read under the rules of today."""
    before = FORM.model_dump(exclude={"paper"}) | {"classes": list(range(10))}

    form = Form.model_validate(before)

    assert form == FORM.model_copy(update={"paper": None})
    accepted, reasons = accept(_inverted(raw_digits, 200), form)
    assert set(reasons) == {""}
    np.testing.assert_allclose(accepted, 255 - accept(raw_digits, form)[0].to_numpy(), atol=1)


def test_a_form_is_the_same_after_it_was_stored_as_json():
    assert Form.model_validate(json.loads(json.dumps(FORM.model_dump()))) == FORM


def test_what_is_chosen_for_drawings_must_fit_the_image():
    with pytest.raises(ValueError, match="a digit of 20 x 6 does not fit an image of 8 x 8, .* leave them null"):
        frame_of(FORM, reading_of_base().model_copy(update={"tall": 20}))


@pytest.mark.parametrize("frame", [to_frame, lambda images: np.rint(images.repeat(3, 1).repeat(3, 2) * (255 / 16))])
def test_drawings_are_read_by_a_model_of_another_size_without_a_word_in_conf(shipped, features_of_base, frame):
    digits = shipped.head(500)
    digits = _table(frame(to_images(digits)).astype(np.uint8), digits)
    form = measure_form(digits, BYTES)
    model = KNeighborsClassifier(3)
    model.form_ = form.model_dump()
    model.features_ = features_of_base.model_copy(update={"enlarge": 1, "centre": True}).model_dump()
    model.fit(look_at(accept(digits, form)[0], model), digits["label"])
    samples = {path.name: path.read_bytes for path in sorted((ROOT / "data/01_raw/drawings").iterdir())[::3]}

    framed, rejected = read_files(samples, form, reading_of_base())
    answers = answer_rows(framed, model, Answers(sure_from=0.9, chunk_rows=100))

    assert len(rejected) == 0
    assert to_images(framed).shape[1:] == form.size
    right = answers["prediction"].astype(str) == answers.index.str[0]
    assert right.sum() >= len(samples) - 1
