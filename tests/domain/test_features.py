import numpy as np
import pandas as pd
import pytest

from penstroke.domain import Augmentation, accept, extract_copy_features, extract_features
from penstroke.domain.pixels import to_images
from penstroke.pipelines.data_science.estimators import part_copies

from ..conftest import base_parameters
from .rows import FORM


@pytest.fixture(scope="module")
def digits(raw_digits):
    split = np.where(np.arange(len(raw_digits)) % 5, "train", "test")
    return accept(raw_digits, FORM)[0].assign(split=split)


@pytest.fixture
def augmentation():
    return Augmentation.model_validate(base_parameters("domain")["augmentation"])


def test_each_digit_has_a_row_and_each_direction_and_cell_a_column(digits, features_of_base):
    table = extract_features(digits, features_of_base)

    assert list(table.index) == list(digits.index)
    assert list(table.columns[[0, 1, -1]]) == ["gradient_000_0_0", "gradient_000_0_1", "gradient_315_4_4"]
    assert table.shape[1] == features_of_base.directions * features_of_base.grid**2
    assert set(table.dtypes) == {np.dtype("float32")}


def test_the_pixels_stand_beside_the_gradients_where_asked_for(digits, features_of_base):
    with_pixels = features_of_base.model_copy(update={"pixels": True, "enlarge": 1})

    table = extract_features(digits, with_pixels)

    assert table.shape[1] == 200 + 64
    np.testing.assert_allclose(to_images(table), to_images(digits) / 255, atol=1e-6)
    assert set(table.dtypes) == {np.dtype("float32")}


def test_a_digit_is_described_alike_alone_and_among_others(digits, features_of_base):
    whole = extract_features(digits, features_of_base)
    alone = extract_features(digits.iloc[[5]], features_of_base)
    in_chunks = extract_features(digits, features_of_base.model_copy(update={"chunk_rows": 7}))

    np.testing.assert_allclose(alone, whole.iloc[[5]], atol=1e-4)
    np.testing.assert_allclose(in_chunks, whole, atol=1e-4)


def test_a_table_without_rows_has_the_same_columns(digits, features_of_base):
    empty = extract_features(digits.head(0), features_of_base)

    assert empty.shape == (0, 200)


def test_only_training_digits_are_copied(digits, features_of_base, augmentation):
    copies = extract_copy_features(digits, features_of_base, augmentation)

    assert list(copies.index) == list(digits.index[digits["split"] == "train"])
    assert copies.shape[1] == 3 * 200


def test_copies_that_are_not_deformed_have_the_features_of_their_original(digits, features_of_base, augmentation):
    still = augmentation.model_copy(update={"rotation_degrees": 0, "scaling": 0, "slant": 0, "shift": 0, "copies": 2})
    originals = extract_features(digits, features_of_base)

    made = extract_copy_features(digits, features_of_base, still)
    _, copies = part_copies(pd.concat([originals.loc[made.index], made], axis=1))

    assert len(copies) == 2
    for copy in copies:
        np.testing.assert_allclose(copy, originals.loc[copy.index], atol=1e-3)
        assert list(copy.columns) == list(originals.columns)


def test_no_copies_make_a_table_without_columns(digits, features_of_base, augmentation):
    none = extract_copy_features(digits, features_of_base, augmentation.model_copy(update={"copies": 0}))

    assert none.shape == ((digits["split"] == "train").sum(), 0)


def test_a_seed_gives_the_same_copies_and_another_seed_others(digits, features_of_base, augmentation):
    first, again = (extract_copy_features(digits, features_of_base, augmentation) for _ in range(2))
    other = extract_copy_features(digits, features_of_base, augmentation.model_copy(update={"seed": 8}))

    pd.testing.assert_frame_equal(first, again)
    assert (first - other).abs().mean(axis=None) > 0.01


def test_the_copies_of_a_digit_do_not_hang_on_other_digits_nor_on_the_chunks(digits, features_of_base, augmentation):
    whole = extract_copy_features(digits, features_of_base, augmentation)
    fewer = extract_copy_features(digits.iloc[50:], features_of_base, augmentation)
    chunked = extract_copy_features(digits, features_of_base.model_copy(update={"chunk_rows": 7}), augmentation)

    np.testing.assert_allclose(fewer, whole.loc[fewer.index], atol=1e-4)
    np.testing.assert_allclose(chunked, whole, atol=1e-4)


def test_the_copies_of_a_digit_differ_from_each_other(digits, features_of_base, augmentation):
    made = extract_copy_features(digits, features_of_base, augmentation).to_numpy().reshape(-1, 3, 200)

    assert np.abs(made[:, 0] - made[:, 1]).mean(axis=1).min() > 0.005
