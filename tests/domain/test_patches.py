import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

from penstroke.domain.images import enlarge
from penstroke.domain.patches import PatchDictionary
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


def test_what_is_beside_the_pixels_is_passed_over(dictionary, images):
    rows = to_table(images[:10])

    np.testing.assert_array_equal(dictionary.transform(rows.assign(gradient_000_0_0=5.0)), dictionary.transform(rows))


def test_fewer_images_than_components_give_fewer_features(images):
    assert clone(SMALL).fit(to_table(images[:12])).transform(to_table(images[:5])).shape == (5, 12)


def test_images_need_not_be_square(images):
    wide = np.pad(images[:100], ((0, 0), (0, 0), (2, 4)))

    assert clone(SMALL).fit(to_table(wide)).transform(to_table(wide)).shape == (100, 30)


def test_a_blank_image_is_described_and_blank_ones_alone_are_refused(dictionary, images):
    blank = to_table(np.zeros_like(images[:3]))

    assert np.isfinite(dictionary.transform(blank)).all()
    with pytest.raises(ValueError, match="nearly all of the images are blank"):
        clone(SMALL).fit(blank)


def test_a_table_without_pixels_is_refused(dictionary):
    with pytest.raises(ValueError, match="no pixel columns"):
        dictionary.transform(pd.DataFrame({"gradient_000_0_0": [1.0]}))
