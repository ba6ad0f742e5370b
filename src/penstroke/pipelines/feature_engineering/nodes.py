"""From tables of pixels to tables of features, by the functions on images."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from penstroke.pixels import INK, to_images, to_table

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
    names = describe_images(enlarge_images(to_images(digits.head(0)), features), features).columns
    described = np.empty((len(digits), len(names)), np.float32)  # filled, since joining tables would hold all twice
    for start, chunk in _chunks(digits, features):
        described[start : start + len(chunk)] = describe_images(enlarge_images(chunk, features), features)
    return pd.DataFrame(described, digits.index, names)


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
    straight = straighten(images, features.deskew, features.centre)
    gradients = oriented_gradients(straight, features.directions, features.grid, features.pooling_width)
    degrees = [round(360 * direction / features.directions) for direction in range(features.directions)]
    cells = list(np.ndindex(features.grid, features.grid))
    names = [f"gradient_{angle:03d}_{row}_{column}" for angle in degrees for row, column in cells]
    described = pd.DataFrame(gradients.reshape(len(images), len(names)), columns=names)
    return pd.concat([described, to_table(images)], axis=1) if features.pixels else described


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
