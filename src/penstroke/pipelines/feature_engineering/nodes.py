"""From tables of pixels to tables of features, by the functions on images."""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd

from penstroke.pixels import INK, pixel_names, to_images

from .images import deform, enlarge, oriented_gradients, straighten
from .parameters import Augmentation, Features


def extract_features(digits: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Describe each digit by its oriented gradients. Nothing is learned, so it serves training and use alike.

    Args:
        digits: rows are digits, pixels 0 (paper) to 255 (ink).
        features: the choices.

    Returns:
        The same rows; float32 columns ``gradient_<degrees>_<row>_<column>`` for each direction and cell, and where
        ``features.pixels`` asks for them ``pixel_<row>_<column>``, 0 to 1, of the enlarged image.
    """
    images = to_images(digits)
    height, width = (side * features.enlarge for side in images.shape[1:])
    return pd.DataFrame(describe_stack(images, features), digits.index, feature_names(height, width, features))


def describe_stack(images: np.ndarray, features: Features) -> np.ndarray:
    """Describe images, (n, height, width) uint8, as :func:`extract_features` does: (n, number of features) float32."""
    height, width = (side * features.enlarge for side in images.shape[1:])
    # filled, since joining chunks would hold all twice
    described = np.empty((len(images), len(feature_names(height, width, features))), np.float32)
    for start in range(0, len(images), features.chunk_rows):
        chunk = images[start : start + features.chunk_rows]
        described[start : start + len(chunk)] = _describe(enlarge_images(chunk, features), features)
    return described


@cache
def feature_names(height: int, width: int, features: Features) -> pd.Index:
    """Name the features of enlarged images of that size, in their order."""
    degrees = [round(360 * direction / features.directions) for direction in range(features.directions)]
    cells = list(np.ndindex(features.grid, features.grid))
    names = [f"gradient_{angle:03d}_{row}_{column}" for angle in degrees for row, column in cells]
    return pd.Index(names + pixel_names(height, width) if features.pixels else names)


def extract_copy_features(digits: pd.DataFrame, features: Features, augmentation: Augmentation) -> pd.DataFrame:
    """Describe deformed copies of the training digits, beside each other in the row of their original.

    So a copy cannot stand on another side of a split, or of a fold, than the digit it was made from.

    Args:
        digits: rows are digits, with ``split``; only those of ``train`` are copied.
        features: the choices, the same as for the originals.
        augmentation: how many copies, and how far they are deformed.

    Returns:
        The training rows; float32 columns ``copy_<number>_`` + the feature's name, none where there are no copies.
    """
    training = digits[digits["split"] == "train"]
    if not augmentation.copies:
        return pd.DataFrame(index=training.index)
    limits = augmentation.model_dump(exclude={"copies", "seed"})
    draws = _draw(training.index, augmentation)
    described = []
    for start, chunk in _chunks(training, features):
        copies = deform(enlarge_images(chunk, features), draws[:, start : start + len(chunk)], **limits)
        tables = [describe_images(copy, features).add_prefix(f"copy_{place}_") for place, copy in enumerate(copies)]
        described.append(pd.concat(tables, axis=1))
    return pd.concat(described, ignore_index=True).set_axis(training.index)


def enlarge_images(images: np.ndarray, features: Features) -> np.ndarray:
    """Bring uint8 images to the size and range, 0 to 1, that the other functions work on."""
    return enlarge(images / np.float32(INK), features.enlarge)


def describe_images(images: np.ndarray, features: Features) -> pd.DataFrame:
    """Straighten enlarged images, (n, height, width), and describe them: (n, number of features) float32."""
    return pd.DataFrame(_describe(images, features), columns=feature_names(*images.shape[1:], features))


def _describe(images: np.ndarray, features: Features) -> np.ndarray:
    straight = straighten(images, features.deskew, features.centre)
    gradients = oriented_gradients(straight, features.directions, features.grid, features.pooling_width)
    parts = [gradients, images] if features.pixels else [gradients]
    return np.hstack([part.reshape(len(images), math.prod(part.shape[1:])) for part in parts])


def _draw(digit_id: pd.Index, augmentation: Augmentation) -> np.ndarray:
    """Draw (copies, n, 6) numbers from -1 to 1; each digit's hang on its identifier alone, not on its neighbours."""
    keys = pd.util.hash_array(digit_id.to_numpy(dtype=object))
    generators = [np.random.default_rng([augmentation.seed, int(key)]) for key in keys]
    drawn = [generator.uniform(-1, 1, (augmentation.copies, 6)) for generator in generators]
    return np.stack(drawn, axis=1) if drawn else np.empty((augmentation.copies, 0, 6))


def _chunks(digits: pd.DataFrame, features: Features) -> Iterator[tuple[int, np.ndarray]]:
    images = to_images(digits)
    for start in range(0, max(len(images), 1), features.chunk_rows):
        yield start, images[start : start + features.chunk_rows]
