import numpy as np
import pandas as pd
import pytest

from penstroke.domain.layout import pixel_columns, scale_ink
from penstroke.domain.pixels import to_images, to_table

from .rows import table_of

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def test_images_come_out_of_a_table_as_they_went_in():
    np.testing.assert_array_equal(to_images(table_of(IMAGES)), IMAGES)


def test_a_table_made_of_images_holds_them():
    table = to_table(IMAGES)

    assert list(table.columns[[0, 1, 4]]) == ["pixel_0_0", "pixel_0_1", "pixel_1_0"]
    np.testing.assert_array_equal(to_images(table), IMAGES)


def test_the_order_of_the_columns_does_not_matter():
    table = table_of(IMAGES)

    np.testing.assert_array_equal(to_images(table[table.columns[::-1]]), IMAGES)


def test_a_missing_pixel_column_is_named():
    with pytest.raises(ValueError, match="1 of 12 pixels of a 3 x 4 image have no column, the first is pixel_1_2"):
        pixel_columns(table_of(IMAGES).drop(columns="pixel_1_2"))


def test_a_table_without_pixels_is_refused():
    with pytest.raises(ValueError, match="no pixel columns"):
        pixel_columns(pd.DataFrame({"label": [1]}))


@pytest.mark.parametrize("full_ink", [1, 16, 100, 255, 4095])
def test_ink_is_scaled_to_bytes_and_rounded(full_ink):
    pixels = np.arange(full_ink + 1)

    scaled = scale_ink(pixels, full_ink)

    assert scaled.dtype == np.uint8
    np.testing.assert_allclose(scaled, pixels * 255 / full_ink, atol=0.5)


@pytest.mark.parametrize(("pixel", "found"), [(17, "17"), (-1, "-1")])
def test_ink_beyond_the_scale_is_refused(pixel, found):
    with pytest.raises(ValueError, match=f"pixels must be 0 to 16, found {found}"):
        scale_ink(np.array([[0, pixel]]), 16)


def test_no_pixels_are_scaled_to_none():
    assert scale_ink(np.empty((0, 4), np.uint8), 16).shape == (0, 4)
