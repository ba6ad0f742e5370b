from copy import deepcopy
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from benchmarks.hand import trace, write
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from penstroke.contracts import DRAWING_DIGITS, PREDICTIONS, REJECTED_DRAWINGS
from penstroke.pipelines.feature_engineering.nodes import extract_features
from penstroke.pipelines.inference.nodes import answer_digits, classify_digits, frame_drawing, frame_files
from penstroke.pipelines.inference.parameters import Answers
from penstroke.domain.pixels import pixel_columns, scale_ink, to_images, to_table

from ...conftest import FORM, frame_of_base
from .hostile import PNG, READ, saved

RECEIPT = {"dataset": "production_model", "sha256": "0123456789abcdef" * 4}
ANSWERS = Answers(sure_from=0.9, chunk_rows=7, shown=4)


@pytest.fixture(scope="module")
def frame():
    return frame_of_base()


@pytest.fixture(scope="module")
def model(raw_digits, features_of_base):
    pixels = raw_digits[pixel_columns(raw_digits)].to_numpy()
    scaled = pd.DataFrame(scale_ink(pixels, 16), raw_digits.index, pixel_columns(raw_digits))
    fitted = KNeighborsClassifier(5).fit(extract_features(scaled, features_of_base), raw_digits["label"])
    fitted.features_, fitted.form_ = features_of_base.model_dump(), FORM.model_dump()
    return fitted


def _refuse():
    raise ValueError("it cannot be read: No such file or directory")


def test_drawings_become_rows_like_the_raw_digits_and_the_rest_goes_on(frame):
    digits, rejected = frame_files(
        {"a.png": lambda: PNG, "b.png": lambda: b"", "c.png": _refuse, "d.jpg": READ["CMYK"]}, frame
    )

    DRAWING_DIGITS.validate(digits)
    REJECTED_DRAWINGS.validate(rejected)
    assert list(digits.index) == ["a.png", "d.jpg"]
    assert to_images(digits).dtype == np.uint8
    assert to_images(digits).max() == 16
    assert rejected["reason"].to_dict() == {
        "b.png": "it is no JPEG or PNG file; save it as one",
        "c.png": "it cannot be read: No such file or directory",
    }


def _page(side, share, digit=3, **options):
    """Write a digit whose height is a share of a large white page, away from its middle."""
    tall = round(share * side)
    strokes = write(digit, np.random.default_rng(0))
    ink = trace(strokes, 2 * tall, tall, 0.1 * tall, (tall, tall))
    page = np.full((side, side), 255, np.uint8)
    page[side // 4 : side // 4 + 2 * tall, side // 3 : side // 3 + 2 * tall] = np.rint(255 * (1 - ink))
    return saved(page, **options)


@pytest.mark.parametrize(
    ("side", "options"),
    [(600, {}), (1000, {"kind": "JPEG", "quality": 90}), (2400, {}), (3600, {"kind": "JPEG", "progressive": True})],
)
def test_a_small_digit_on_a_large_page_is_cut_out_of_the_pixels_of_the_file(frame, side, options):
    small = frame_drawing(_page(side, 0.02, **options), frame)

    assert np.abs(small / 16 - frame_drawing(_page(400, 0.3), frame) / 16).mean() < 0.08


def test_a_small_digit_in_a_turned_picture_is_found(frame):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(BytesIO(_page(1200, 0.02)))
    turned = saved(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)

    np.testing.assert_array_equal(frame_drawing(turned, frame), frame_drawing(saved(upright), frame))


def test_a_digit_of_too_few_pixels_is_refused_with_their_number(frame):
    with pytest.raises(ValueError, match="the digit is [4-7] pixels high, too few"):
        frame_drawing(_page(300, 0.02), frame)


def test_no_drawing_or_none_that_can_be_read_makes_tables_without_rows(frame, model):
    digits, rejected = frame_files({"b.png": lambda: b""}, frame)

    DRAWING_DIGITS.validate(digits)
    assert to_images(digits).shape == (0, 8, 8)
    assert len(rejected) == 1
    (answers,) = classify_digits([digits], model, RECEIPT, ANSWERS)
    PREDICTIONS.validate(answers.astype({"prediction": np.int8}))
    assert len(frame_files({"a.png": lambda: PNG}, frame)[1]) == 0


def test_one_drawing_is_in_memory_at_a_time(frame):
    """Each is read when the one before is done."""
    read = []
    drawings = {name: lambda name=name: read.append(name) or PNG for name in "ba"}

    frame_files(drawings, frame)

    assert read == ["b", "a"]


def test_the_scale_of_the_raw_digits_may_need_more_than_a_byte():
    digits, _ = frame_files({"a.png": lambda: PNG}, frame_of_base(full_ink=4095))

    assert to_images(digits).dtype == np.uint16
    assert 4000 < to_images(digits).max() <= 4095


def test_each_row_has_an_answer_and_is_unsure_below_the_threshold(raw_digits, model):
    table = raw_digits.drop(columns="label")

    (answers,) = classify_digits([table], model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert list(answers.index) == list(table.index)
    probabilities = answers.filter(like="probability_")
    np.testing.assert_array_equal(answers["confidence"], probabilities.max(axis=1))
    np.testing.assert_array_equal(answers["prediction"], probabilities.to_numpy().argmax(axis=1))
    np.testing.assert_array_equal(answers["unsure"], answers["confidence"] < 0.9)
    assert 0 < answers["unsure"].sum() < len(answers) / 2
    assert (answers["prediction"] == raw_digits["label"]).mean() > 0.95


def test_the_answer_to_a_row_does_not_hang_on_its_neighbours(raw_digits, model):
    whole = answer_digits(raw_digits, model, ANSWERS)

    parts = pd.concat(classify_digits([raw_digits[:33], raw_digits[33:33], raw_digits[33:]], model, RECEIPT, ANSWERS))

    pd.testing.assert_frame_equal(parts[whole.columns], whole)
    (one_table,) = classify_digits(raw_digits, model, RECEIPT, ANSWERS)  # a CSV file is read whole
    pd.testing.assert_frame_equal(one_table, parts)
    assert set(parts["model_version"]) == {"0123456789ab"}
    assert set(parts["model_receipt"]) == {RECEIPT["sha256"]}


def test_a_model_sees_digits_as_it_was_trained_to_and_one_that_does_not_say_so_is_refused(raw_digits, model):
    other = deepcopy(model)
    other.features_ = model.features_ | {"grid": 3}
    with pytest.raises(ValueError, match="feature names"):
        answer_digits(raw_digits, other, ANSWERS)

    del other.features_
    with pytest.raises(ValueError, match="does not say which features it sees: .* `kedro run`"):
        answer_digits(raw_digits, other, ANSWERS)

    del other.form_
    with pytest.raises(ValueError, match="does not say in what form it takes rows: .* `kedro run`"):
        answer_digits(raw_digits, other, ANSWERS)


def test_tables_are_answered_when_they_are_asked_for(raw_digits, model):
    asked = []
    tables = (asked.append(start) or raw_digits[start : start + 10] for start in range(0, 50, 10))

    answers = classify_digits(tables, model, RECEIPT, ANSWERS)

    assert asked == []
    next(answers)
    assert asked == [0]


def test_rows_of_another_size_are_refused_whichever_is_larger(raw_digits, model):
    small, large = (to_table(to_images(raw_digits).repeat(3, 1).repeat(3, 2)[:, :side, :side]) for side in (7, 24))

    for rows, found in ((small, "7 x 7 pixels"), (large, "24 x 24 pixels")):
        with pytest.raises(ValueError, match=rf"takes rows of 8 x 8 pixels \(pixel_0_0 to pixel_7_7\), found {found}"):
            answer_digits(rows, model, ANSWERS)


def test_a_blank_row_is_unsure_whatever_the_model_says(raw_digits, model):
    rows = raw_digits[pixel_columns(raw_digits)].head(4).copy()
    rows.iloc[1], rows.iloc[2] = 0, 7
    certain = ANSWERS.model_copy(update={"sure_from": 0.0})

    answered = answer_digits(rows, model, certain)

    assert answered["unsure"].tolist() == [False, True, True, False]


def test_a_table_of_another_scale_is_refused(raw_digits, model):
    pixels = pixel_columns(raw_digits)

    for factor, found in ((2, 32), (255 / 16, 255), (1 / 4, 4), (1 / 16, 1), (-1, -16)):
        other = (raw_digits[pixels].astype(float) * factor).round().astype(np.int16)
        with pytest.raises(ValueError, match=rf"takes pixels from 0 \(paper\) to 16 \(ink\), .*found (is )?{found};"):
            answer_digits(other, model, ANSWERS)
