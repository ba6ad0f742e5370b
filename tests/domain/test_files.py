import json
import tracemalloc
from io import BytesIO

import numpy as np
import pytest
from benchmarks.hand import trace, write
from PIL import Image
from pydantic import ValidationError

from penstroke.domain import Body, read
from penstroke.domain.framing import frame_picture
from penstroke.domain.layout import pixel_names
from penstroke.domain.reading import read_picture

from .hostile import PNG, READ, REFUSED, saved
from .rows import FORM, frame_of_base, reading_of_base

LARGE = FORM.model_copy(update={"columns": pixel_names(28, 28), "full_ink": 255, "tall": 20, "wide": 20})


def _read(content, form=FORM):
    return read(content, form, reading_of_base())


def test_a_file_becomes_the_pixels_of_one_row_in_the_form_of_the_model():
    frame = frame_of_base()
    framed = frame_picture(read_picture(PNG, frame.most_pixels, frame.side), frame)

    row = _read(PNG)

    np.testing.assert_array_equal(row, np.rint(16 * framed).astype(np.uint8).ravel(), strict=True)
    assert row.shape == (64,)
    assert row.max() == 16


def test_the_form_says_how_large_the_image_is_and_what_full_ink_is():
    row = _read(PNG, LARGE)

    assert row.shape == (28 * 28,)
    assert row.dtype == np.uint8
    assert 200 < row.max() <= 255


def test_the_scale_of_the_raw_digits_may_need_more_than_a_byte():
    row = _read(PNG, FORM.model_copy(update={"full_ink": 4095}))

    assert row.dtype == np.uint16
    assert 4000 < row.max() <= 4095


@pytest.mark.parametrize("name", ["empty", "white", "noise", "PNG cut short"])
def test_what_shows_no_digit_is_refused_with_the_reason(name):
    make, reason = REFUSED[name]

    with pytest.raises(ValueError, match=reason):
        _read(make())


def test_what_is_chosen_for_reading_must_fit_the_form():
    with pytest.raises(ValueError, match="a digit of 20 x 6 does not fit an image of 8 x 8"):
        read(PNG, FORM, reading_of_base().model_copy(update={"tall": 20}))


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
def test_a_small_digit_on_a_large_page_is_cut_out_of_the_pixels_of_the_file(side, options):
    small = _read(_page(side, 0.02, **options))

    assert np.abs(small / 16 - _read(_page(400, 0.3)) / 16).mean() < 0.08


def test_a_small_digit_in_a_turned_picture_is_found():
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(BytesIO(_page(1200, 0.02)))
    turned = saved(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)

    np.testing.assert_array_equal(_read(turned), _read(saved(upright)))


def test_a_digit_of_too_few_pixels_is_refused_with_their_number():
    with pytest.raises(ValueError, match="the digit is [4-7] pixels high, too few"):
        _read(_page(300, 0.02))


def _body(images):
    return Body.model_validate({"images": images.tolist()})


def test_images_as_numbers_are_taken_as_they_are_in_their_size_and_framed_in_another(raw_digits):
    own = raw_digits[FORM.columns].head(2).to_numpy().reshape(-1, 8, 8)
    large = np.asarray(Image.open(BytesIO(PNG)).convert("L"))[::2, ::2]

    rows, framed = _body(own).rows_of(FORM, reading_of_base())
    others, all_framed = _body(255 - large[None].astype(int)).rows_of(FORM, reading_of_base())

    np.testing.assert_array_equal(rows, own.reshape(2, 64))
    assert (framed, all_framed) == (set(), {0})
    assert others.shape == (1, 64)
    assert np.abs(others[0] / 16 - _read(PNG) / 16).mean() < 0.05


def test_images_of_another_size_are_more_work():
    bodies = [_body(np.ones((2, side, side), int)) for side in (8, 9, 200)]

    assert [body.work(FORM) for body in bodies] == [0, 4, 12]
    assert [len(body) for body in bodies] == [2, 2, 2]


def test_texts_of_different_lengths_take_no_more_memory_than_their_bytes():
    longest = 2**20
    body = json.dumps({"images": [*["a"] * 50, "x" * longest]}).encode()

    tracemalloc.start()
    with pytest.raises(ValidationError, match=r"images\.0"):
        Body.model_validate_json(body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 20 * longest


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([[[1, 2], [3]]], "images.0: its rows differ in length"),
        ([[[]]], "images.0: it is empty"),
        ([[[0] * 9] * 9], "images.0: there is no ink"),
        ([[[1] * 3] * 9], "images.0: it has 9 x 3 pixels; send it as a PNG file"),
    ],
)
def test_an_image_that_can_be_no_row_is_named(images, said):
    with pytest.raises(ValueError, match=said):
        Body.model_validate({"images": images}).rows_of(FORM, reading_of_base())


@pytest.mark.parametrize("name", ["CMYK", "one bit"])
def test_files_of_any_kind_that_can_be_read_are(name):
    assert np.abs(_read(READ[name]()).astype(int) - _read(PNG)).mean() < 1
