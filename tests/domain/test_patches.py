from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

from penstroke.domain.images import enlarge, oriented_gradients
from penstroke.domain.patches import PatchDictionary, cut_patches
from penstroke.domain.pixels import to_images, to_table

SMALL = PatchDictionary(grid=8, atoms=20, pooled=3, components=30, random_state=0)


@pytest.fixture(scope="module")
def images(raw_digits):
    return enlarge(to_images(raw_digits) / np.float32(16), 2)


@pytest.fixture(scope="module")
def dictionary(images):
    return clone(SMALL).fit(to_table(images[:600]))


def test_an_image_becomes_as_many_float32_features_as_components(dictionary, images):
    described = dictionary.transform(to_table(images[:50]))

    assert described.shape == (50, 30)
    assert described.dtype == np.float32


def test_the_features_have_a_mean_squared_length_of_one_over_the_training_images(dictionary, images):
    described = dictionary.transform(to_table(images[:600]))

    assert (described**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(described.mean(axis=0), 0, atol=1e-3)


def test_the_patches_of_a_cell_are_the_cells_round_it_and_beyond_the_map_is_paper(images):
    maps = oriented_gradients(images[:2], 8, 6, 0.5)

    patches = cut_patches(images[:2], 8, 6, 3).reshape(2, 6, 6, 3, 3, 8)

    np.testing.assert_array_equal(patches[1, 2, 3], np.moveaxis(maps[1, :, 1:4, 2:5], 0, 2))
    np.testing.assert_array_equal(patches[0, 0, 5, 1:, :2], np.moveaxis(maps[0, :, 0:2, 4:6], 0, 2))
    assert not patches[0, 0, 5, 0].any()
    assert not patches[0, 0, 5, :, 2].any()


def test_the_atoms_are_of_length_one(dictionary):
    np.testing.assert_allclose(np.linalg.norm(dictionary.atoms_, axis=0), 1, atol=1e-5)


def test_images_of_one_class_come_to_lie_together(images, raw_digits):
    label, half = raw_digits["label"].to_numpy(), len(images) // 2
    features = clone(SMALL).fit(to_table(images[:half])).transform(to_table(images))

    def right(rows):
        return KNeighborsClassifier(1).fit(rows[:half], label[:half]).score(rows[half:], label[half:])

    assert right(features) > right(images.reshape(len(images), -1))
    assert right(features) > 0.9


def test_an_image_is_described_alike_alone_and_among_others(dictionary, images):
    whole = dictionary.transform(to_table(images[:40]))
    alone = np.vstack([dictionary.transform(to_table(images[[place]])) for place in range(40)])

    np.testing.assert_allclose(alone, whole, atol=1e-5)


def test_a_seed_gives_the_same_dictionary_and_another_seed_another(dictionary, images):
    rows = to_table(images[:600])
    again, other = clone(SMALL).fit(rows), clone(SMALL).set_params(random_state=1).fit(rows)

    np.testing.assert_array_equal(again.transform(rows), dictionary.transform(rows))
    assert not np.allclose(other.transform(rows), dictionary.transform(rows), atol=1e-2)


def test_fewer_images_than_components_give_fewer_features(images):
    assert clone(SMALL).fit(to_table(images[:12])).transform(to_table(images[:5])).shape == (5, 12)


def test_images_need_not_be_square(images):
    wide = np.pad(images[:100], ((0, 0), (0, 0), (2, 4)))
    tall = wide.transpose(0, 2, 1)

    described = clone(SMALL).fit(to_table(wide)).transform(to_table(wide))

    assert described.shape == (100, 30)
    said = clone(SMALL).set_params(height=16).fit(to_table(wide))
    np.testing.assert_array_equal(said.transform(to_table(wide)), described)
    upright = clone(SMALL).set_params(height=22).fit(to_table(tall))
    assert not np.allclose(upright.transform(to_table(tall)), clone(SMALL).fit_transform(to_table(tall)), atol=1e-2)


def test_pixels_that_are_no_whole_rows_of_an_image_are_refused(images):
    with pytest.raises(ValueError, match="256 pixels are no image of 15 rows; set height to its rows"):
        clone(SMALL).set_params(height=15).fit(to_table(images[:100]))


def test_an_array_is_described_bit_by_bit_as_the_table_that_it_stands_in(dictionary, images):
    fitted = clone(SMALL).fit(images[:600].reshape(-1, images[0].size))

    expected = dictionary.transform(to_table(images[:50]))

    np.testing.assert_array_equal(fitted.transform(images[:50].reshape(50, -1)), expected)


def test_a_file_of_before_describes_tables_as_it_did(dictionary, images):
    former = deepcopy(dictionary)
    for name in ("height", "n_features_in_", "feature_names_in_"):
        delattr(former, name)

    described = former.transform(to_table(images[:50]))

    np.testing.assert_array_equal(described, dictionary.transform(to_table(images[:50])))


def test_a_blank_image_is_described_and_blank_ones_alone_are_refused(dictionary, images):
    blank = to_table(np.zeros_like(images[:3]))

    assert np.isfinite(dictionary.transform(blank)).all()
    with pytest.raises(ValueError, match="nearly all of the images are blank"):
        clone(SMALL).fit(blank)


def test_a_table_of_other_features_is_refused(dictionary):
    with pytest.raises(ValueError, match="feature names should match"):
        dictionary.transform(pd.DataFrame({"gradient_000_0_0": [1.0]}))
