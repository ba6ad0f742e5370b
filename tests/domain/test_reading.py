from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from penstroke.domain.reading import read_picture

from .hostile import READ, REFUSED, drawn, saved

MOST, SIDE = 16_000_000, 400


def _read(picture, kind="PNG", **options):
    return read_picture(saved(picture, kind, **options), MOST, SIDE)


def _grey(picture):
    return picture[..., 0]


@pytest.fixture
def gradient():
    """All levels of 8 bits, which tell a turned or clipped picture from the right one."""
    return np.arange(256, dtype=np.uint8).reshape(8, 32)


def test_grey_is_read_as_it_is(gradient):
    picture = _read(gradient)

    assert picture.shape == (8, 32, 4)
    assert picture.dtype == np.float32
    np.testing.assert_allclose(_grey(picture), gradient / 255, atol=1e-6)
    assert (picture[..., 3] == 1).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_a_picture_is_the_same_in_every_mode(gradient, mode):
    np.testing.assert_allclose(_read(Image.fromarray(gradient).convert(mode)), _read(gradient), atol=1e-6)


def test_sixteen_bits_are_scaled_and_not_clipped():
    deep = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)

    np.testing.assert_allclose(_grey(_read(deep)), deep / 65535, atol=1e-6)


def test_colour_counts_as_much_as_it_can_be_seen():
    red = np.zeros((4, 4, 4), np.uint8)
    red[...] = (255, 0, 0, 51)

    np.testing.assert_allclose(_read(red)[0, 0], [0.2, 0, 0, 0.2], atol=1e-6)


def test_what_a_palette_calls_transparent_is():
    picture = Image.fromarray(np.repeat(np.arange(2, dtype=np.uint8), 32).reshape(8, 8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 0, 255])

    read = _read(picture, transparency=0)

    assert (read[0, 0] == 0).all()
    np.testing.assert_array_equal(read[-1, -1], [0, 0, 1, 1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whichever_way_it_was_stored(gradient, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(gradient, exif=exif)

    upright = ImageOps.exif_transpose(Image.open(BytesIO(content)))
    np.testing.assert_allclose(_grey(read_picture(content, MOST, SIDE)), np.asarray(upright) / 255, atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_is_a_part_of_the_upright_picture(gradient, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(np.kron(gradient, np.ones((2, 2), np.uint8)), exif=exif)
    whole = read_picture(content, MOST, SIDE)
    height, width = whole.shape[:2]

    part = read_picture(content, MOST, SIDE, (0.25, 0.5, 0.5, 0.75))

    np.testing.assert_array_equal(part, whole[height // 4 : height // 2, width // 2 : 3 * width // 4])


@pytest.mark.parametrize("options", [{}, {"kind": "JPEG"}, {"kind": "JPEG", "progressive": True}])
def test_a_window_is_read_as_finely_as_the_file_holds_it(options):
    picture = np.random.default_rng(0).integers(0, 2, (1500, 1500), np.uint8) * 255

    part = _grey(read_picture(saved(picture, **options), MOST, SIDE, (0.2, 0.3, 0.4, 0.5)))

    assert part.shape == (150, 150)
    assert abs(part - picture[300:450, 600:750] / 255).mean() < 0.1


def test_a_window_costs_no_more_pixels_than_may_be_decoded():
    picture = Image.fromarray(drawn(500)).resize((3000, 3000))

    part = read_picture(saved(picture, "JPEG"), 3_000_000, SIDE, (0.2, 0.3, 0.4, 0.5))

    assert part.shape[0] == 150  # at half of the size, of which the limit has room for 2,250,000


def test_a_large_picture_is_averaged_over_whole_blocks():
    picture = np.random.default_rng(0).integers(0, 256, (900, 1301), np.uint8)

    read = _grey(_read(picture))

    assert read.shape == (300, 433)
    np.testing.assert_allclose(read, picture[:, :1299].reshape(300, 3, 433, 3).mean((1, 3)) / 255, atol=1e-5)


def test_a_jpeg_of_a_camera_is_decoded_at_a_part_of_its_size():
    picture = Image.fromarray(drawn(1000)).resize((6000, 4000))

    read = _read(picture, "JPEG")

    assert SIDE <= max(read.shape) < 2 * SIDE
    small = np.asarray(picture.resize((read.shape[1], read.shape[0])), np.float32) / 255
    assert abs(_grey(read) - small).mean() < 0.01


UNREADABLE = {name: (make, reason) for name, (make, reason) in REFUSED.items() if "ink" not in reason}


@pytest.mark.parametrize(("make", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_hostile_file_is_refused_with_the_reason(make, reason):
    with pytest.raises(ValueError, match=reason) as refusal:
        read_picture(make(), MOST, SIDE)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("make", READ.values(), ids=READ)
def test_a_strange_file_is_read_all_the_same(make):
    read = read_picture(make(), MOST, SIDE)

    expected = np.asarray(Image.fromarray(drawn(1000)).resize((read.shape[1], read.shape[0])), np.float32) / 255
    assert abs(_grey(read) - expected).mean() < 0.02


def test_there_are_forty_hostile_files_and_more():
    assert len(REFUSED) + len(READ) >= 40
