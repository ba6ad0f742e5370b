import numpy as np
import pytest
from scipy import ndimage

from penstroke.domain.deformation import deform
from penstroke.domain.images import enlarge, oriented_gradients, pooling_weights, straighten

STILL = {"rotation_degrees": 0.0, "scaling": 0.0, "slant": 0.0, "shift": 0.0}


def _generator():
    return np.random.default_rng(0)


def _stroke(lean=0.0, side=21):
    """An upright stroke, three columns wide, that leans ``lean`` columns per row."""
    rows, columns = np.indices((side, side)) - side // 2
    return np.clip(2 - np.abs(columns - lean * rows), 0, 1)[None] * (np.abs(rows) <= 6)


def test_an_image_enlarged_by_one_is_the_image():
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)

    np.testing.assert_array_equal(enlarge(image, 1), image)


def test_an_enlarged_image_lies_between_its_pixels():
    column = np.repeat([[0], [4], [8]], 3, axis=1)[None]

    enlarged = enlarge(column, 2)

    # beyond the edge lies paper, so the outermost half pixels fade
    np.testing.assert_allclose(enlarged[0, :, 2], [0, 1, 3, 5, 7, 6])
    assert enlarged.shape == (1, 6, 6)


def test_enlarging_keeps_the_centre_of_mass():
    image = _generator().integers(0, 256, (1, 8, 8))
    image[:, [0, -1]] = image[:, :, [0, -1]] = 0

    small, large = ndimage.center_of_mass(image[0]), ndimage.center_of_mass(enlarge(image, 3)[0])

    np.testing.assert_allclose((np.array(large) + 0.5) / 3, np.array(small) + 0.5, atol=1e-4)


def _draws(copies, count, **amounts):
    draws = np.zeros((copies, count, 6))
    for name, amount in amounts.items():
        draws[..., ["rotation", "height", "width", "slant", "down", "across"].index(name)] = amount
    return draws


def test_a_copy_that_is_not_deformed_is_the_image():
    images = _generator().uniform(0, 1, (4, 6, 5)).astype(np.float32)

    copies = deform(images, _generator().uniform(-1, 1, (2, 4, 6)), **STILL)

    np.testing.assert_allclose(copies, np.stack([images, images]), atol=1e-5)


def test_a_copy_is_moved_by_its_share_of_the_limit():
    image = np.zeros((1, 20, 20))
    image[0, 10, 10] = 1

    moved = deform(image, _draws(1, 1, down=0.5, across=-1), **(STILL | {"shift": 0.1}))[0, 0]

    # the copy is read from places further down and to the left, so its ink lies further up and to the right
    np.testing.assert_allclose(ndimage.center_of_mass(moved), (9, 12), atol=1e-4)


def test_a_copy_is_turned_by_its_share_of_the_limit():
    turned = deform(_stroke(), _draws(1, 1, rotation=1), **(STILL | {"rotation_degrees": 90.0}))[0, 0]

    np.testing.assert_allclose(turned, _stroke()[0].T, atol=1e-4)


def test_a_copy_is_slanted_by_its_share_of_the_limit():
    slanted = deform(_stroke(), _draws(1, 1, slant=-1), **(STILL | {"slant": 0.3}))[0]

    columns = [row @ np.arange(21) / row.sum() for row in slanted[0] if row.sum() > 0.5]
    assert np.mean(np.diff(columns)) == pytest.approx(0.3, abs=0.01)


def test_a_copy_is_scaled_by_its_share_of_the_limit():
    taller = deform(_stroke(), _draws(1, 1, height=-1), **(STILL | {"scaling": 0.25}))[0, 0]

    assert taller.sum() / _stroke().sum() == pytest.approx(4 / 3, abs=0.02)


@pytest.mark.parametrize("lean", [-0.5, -0.2, 0.3, 0.6])
def test_a_slanted_stroke_is_set_upright(lean):
    rows = np.indices((21, 21))[0] - 10

    upright = straighten(_stroke(lean), deskew=1, centre=False)[0]

    column_of_row = [row @ np.arange(21) / row.sum() for row in upright if row.sum() > 0.5]
    assert np.ptp(column_of_row) < 0.1
    assert np.abs(rows).max() == 10


def test_deskewing_takes_out_the_share_that_is_asked_for():
    half = straighten(_stroke(0.5), deskew=0.5, centre=False)[0]

    column_of_row = [row @ np.arange(21) / row.sum() for row in half if row.sum() > 0.5]
    assert np.mean(np.diff(column_of_row)) == pytest.approx(0.25, abs=0.01)


def test_straightening_can_be_switched_off():
    image = _stroke(0.4).astype(np.float32)

    np.testing.assert_array_equal(straighten(image, deskew=0, centre=False), image)


def test_a_digit_is_centred_wherever_it_was_written():
    image = np.zeros((1, 9, 9))
    image[0, 1:3, 2:5] = 255
    moved = np.roll(image, (3, 2), axis=(1, 2))

    centred = straighten(moved, deskew=0, centre=True)

    np.testing.assert_allclose(ndimage.center_of_mass(centred[0]), (4, 4), atol=1e-4)
    np.testing.assert_allclose(centred, straighten(image, deskew=0, centre=True), atol=1e-4)


def test_an_image_moved_out_of_its_frame_leaves_paper():
    flat = np.zeros((1, 4, 40))
    flat[0, 0, :20], flat[0, 1, 20:] = 1, 1  # so flat that its slant moves rows by more than the width

    straight = straighten(flat, deskew=1, centre=False)

    assert straight.shape == flat.shape
    assert 0 <= straight.sum() <= flat.sum()


def test_a_blank_image_stays_blank():
    blank = np.zeros((2, 8, 8), np.uint8)

    np.testing.assert_array_equal(straighten(blank, deskew=1, centre=True), blank)
    np.testing.assert_array_equal(oriented_gradients(blank, 8, 4, 0.5), 0)


@pytest.mark.parametrize(("turns", "direction"), [(0, 0), (3, 2), (2, 4), (1, 6)])
def test_an_edge_is_found_in_its_own_direction(turns, direction):
    ink_on_the_right = np.zeros((1, 20, 20))
    ink_on_the_right[:, :, 10:] = 1
    image = np.rot90(ink_on_the_right, turns, axes=(1, 2))

    inner = oriented_gradients(image, 8, 5, 0.5)[0][:, 2, 2]  # the border of the ink makes edges of its own

    assert inner.argmax() == direction
    assert np.delete(inner, direction).max() < 0.2 * inner[direction]


def test_an_edge_between_two_directions_is_shared():
    rows, columns = np.indices((21, 21)) - 10
    angle = np.deg2rad(22.5)
    image = np.clip(columns * np.cos(angle) + rows * np.sin(angle), -3, 3)[None] + 3.0

    described = oriented_gradients(image, 8, 3, 0.5)[0, :, 1, 1]

    assert described[0] == pytest.approx(described[1], rel=0.02)
    assert described[2:].max() < 0.2 * described[0]


def test_turning_an_image_by_a_quarter_turns_its_description():
    image = _generator().uniform(0, 1, (3, 12, 12))

    described = oriented_gradients(np.rot90(image, -1, axes=(1, 2)), 8, 4, 0.5)

    expected = np.roll(np.rot90(oriented_gradients(image, 8, 4, 0.5), -1, axes=(2, 3)), 2, axis=1)
    np.testing.assert_allclose(described, expected, atol=1e-4)


@pytest.mark.parametrize(("directions", "grid"), [(8, 14), (5, 3), (2, 1)])
def test_a_description_is_what_its_steps_give_one_after_the_other(directions, grid):
    images = _generator().uniform(0, 1, (40, 28, 20))

    right, down = (np.stack([ndimage.sobel(image, axis, mode="constant") for image in images]) for axis in (1, 0))
    turn = np.arctan2(down, right) * directions / (2 * np.pi)
    weights = [pooling_weights(side, grid, 0.5) for side in images.shape[1:]]
    pooled = []
    for direction in range(directions):
        gap = (turn - direction) % directions
        share = np.clip(1 - np.minimum(gap, directions - gap), 0, None)
        pooled.append(weights[0] @ (np.hypot(down, right) * share) @ weights[1].T)

    expected = np.sqrt(np.stack(pooled, axis=1))
    np.testing.assert_allclose(oriented_gradients(images, directions, grid, 0.5), expected, atol=1e-4)


def test_weights_are_never_so_small_that_calculating_with_them_is_slow():
    weights = pooling_weights(28, 14, 0.5)

    assert weights[weights > 0].min() > 1e-9
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("side", [8, 28])
def test_a_description_is_finite_and_of_the_stated_shape(side):
    described = oriented_gradients(_generator().integers(0, 256, (3, side, side), np.uint8), 8, 5, 0.5)

    assert described.shape == (3, 8, 5, 5)
    assert described.dtype == np.float32
    assert np.isfinite(described).all()
    assert described.min() >= 0
