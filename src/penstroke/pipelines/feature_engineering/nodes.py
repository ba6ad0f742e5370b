"""From tables of pixels to tables of features, by the functions on images."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from penstroke.pixels import INK, to_images

from .images import deform, enlarge, oriented_gradients, straighten
from .parameters import Augmentation, Features


def extract_features(digits: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Describe each digit by its oriented gradients. Nothing is learned, so it serves training and use alike.

    Args:
        digits: rows are digits, pixels 0 (paper) to 255 (ink).
        features: the choices.

    Returns:
        The same rows; a float32 column ``gradient_<degrees>_<row>_<column>`` for each direction and cell.
    """
    chunks = _chunks(to_images(digits), features)
    described = [describe_images(enlarge_images(chunk, features), features) for _, chunk in chunks]
    return pd.DataFrame(np.concatenate(described), digits.index, feature_names(features))


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
    limits = augmentation.model_dump(exclude={"copies", "seed"})
    draws = _draw(training.index, augmentation)
    described = []
    for start, chunk in _chunks(to_images(training), features):
        copies = deform(enlarge_images(chunk, features), draws[:, start : start + len(chunk)], **limits)
        described.append(np.hstack([describe_images(copy, features) for copy in copies] or [np.empty((len(chunk), 0))]))
    names = [f"copy_{copy}_{name}" for copy in range(augmentation.copies) for name in feature_names(features)]
    return pd.DataFrame(np.concatenate(described).astype(np.float32), training.index, names)


def enlarge_images(images: np.ndarray, features: Features) -> np.ndarray:
    """Bring uint8 images to the size and range, 0 to 1, that the other functions work on."""
    return enlarge(images / np.float32(INK), features.enlarge)


def describe_images(images: np.ndarray, features: Features) -> np.ndarray:
    """Straighten enlarged images, (n, height, width), and describe them: (n, number of features) float32."""
    straight = straighten(images, features.deskew, features.centre)
    described = oriented_gradients(straight, features.directions, features.grid, features.pooling_width)
    return described.reshape(len(images), features.directions * features.grid**2)


def feature_names(features: Features) -> list[str]:
    """Name the features in the order of :func:`describe_images`: gradient_<degrees>_<row>_<column>."""
    degrees = [round(360 * direction / features.directions) for direction in range(features.directions)]
    cells = range(features.grid)
    return [f"gradient_{angle:03d}_{row}_{column}" for angle in degrees for row in cells for column in cells]


def _draw(digit_id: pd.Index, augmentation: Augmentation) -> np.ndarray:
    """Draw (copies, n, 6) numbers from -1 to 1; each digit's hang on its identifier alone, not on its neighbours."""
    keys = pd.util.hash_array(digit_id.to_numpy(dtype=object))
    generators = [np.random.default_rng([augmentation.seed, int(key)]) for key in keys]
    drawn = [generator.uniform(-1, 1, (augmentation.copies, 6)) for generator in generators]
    return np.stack(drawn, axis=1) if drawn else np.empty((augmentation.copies, 0, 6))


def _chunks(images: np.ndarray, features: Features) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, max(len(images), 1), features.chunk_rows):
        yield start, images[start : start + features.chunk_rows]
