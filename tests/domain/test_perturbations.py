import numpy as np
import pytest
from scipy import ndimage

from penstroke.domain import Perturbations, perturb
from penstroke.domain.pixels import to_images

from ..conftest import base_parameters
from .rows import table_of

NOTHING = Perturbations(rows=1, shift=0, rotation_degrees=0, noise=0, thickening=0, contrast=0, seed=7)
NAMES = ["shift", "rotation", "noise", "thickening", "contrast"]


def _stroke(side):
    """A stroke of full ink down the middle, four images of it."""
    images = np.zeros((4, side, side), np.uint8)
    images[:, side // 4 : -side // 4, side // 2 - side // 8 : side // 2 + side // 8] = 255
    return images


def _changed(images, **limits):
    changed = perturb(table_of(images), NOTHING.model_copy(update=limits))
    return {name: to_images(table) for name, table in changed.items()}


def test_limits_of_zero_change_nothing():
    changed = _changed(_stroke(8))

    assert list(changed) == NAMES
    for images in changed.values():
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, _stroke(8))


@pytest.mark.parametrize("side", [8, 28])
def test_a_shift_moves_each_digit_by_its_share_of_the_side_somewhere(side):
    moved = _changed(_stroke(side), shift=0.1)["shift"]

    middles = np.array([ndimage.center_of_mass(image) for image in moved]) - (side - 1) / 2
    np.testing.assert_allclose(np.hypot(*middles.T), 0.1 * side, rtol=0.02)
    assert np.ptp(middles[:, 0]) > 0.1 * side / 2


def test_a_rotation_leans_each_digit_by_its_angle_to_one_side_or_the_other():
    turned = _changed(_stroke(28), rotation_degrees=20)["rotation"]

    rows, columns = np.indices((28, 28)) - 13.5
    leans = [(image * rows * columns).sum() / (image * (rows**2 - columns**2)).sum() for image in turned]
    np.testing.assert_allclose(np.abs(leans), np.tan(np.deg2rad(2 * 20)) / 2, rtol=0.05)
    assert min(leans) < 0 < max(leans)


def test_noise_has_its_standard_deviation_where_it_is_not_cut_off():
    grey = np.full((4, 28, 28), 128, np.uint8)

    assert _changed(grey, noise=0.1)["noise"].std() == pytest.approx(0.1 * 255, rel=0.05)


def test_ink_spreads_to_each_side_by_whole_and_by_parts_of_pixels():
    dot = np.zeros((1, 10, 10), np.uint8)
    dot[0, 5, 5] = 200

    row = _changed(dot, thickening=0.15)["thickening"][0, 5]

    np.testing.assert_array_equal(row[2:9], [0, 100, 200, 200, 200, 100, 0])


def test_contrast_takes_its_share_of_the_ink():
    assert _changed(_stroke(8), contrast=0.4)["contrast"].max() == round(0.6 * 255)


def test_a_seed_makes_the_same_digits_and_another_seed_others():
    perturbations = Perturbations.model_validate(base_parameters("domain")["perturbations"])

    first, again = (perturb(table_of(_stroke(8)), perturbations) for _ in range(2))
    other = perturb(table_of(_stroke(8)), perturbations.model_copy(update={"seed": 8}))

    for name in ("shift", "rotation", "noise"):
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["shift"] != other["shift"]).any(axis=None)


def test_the_changed_rows_are_the_same_rows_with_nothing_but_pixels():
    rows = table_of(_stroke(8), labels=[1, 2, 3, 4])

    for changed in perturb(rows, NOTHING).values():
        assert changed.index.equals(rows.index)
        assert "label" not in changed
