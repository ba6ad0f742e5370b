"""Tables of the features of digits, and of the features of deformed copies of training digits."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd

from .deformation import deform
from .features import Augmentation, Features, compute_features, enlarge_images, feature_names
from .pixels import to_images


def extract_features(rows: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Compute the oriented gradients of each digit. Nothing is fitted, so training and inference use the same function.

    Args:
        rows: one digit per row, pixels uint8 from 0 (paper) to 255 (ink); other columns are ignored.
        features: the parameters.

    Returns:
        The same rows with float32 columns: ``gradient_<degrees>_<row>_<column>`` for each direction and cell, and, if
        ``features.pixels`` is true, ``pixel_<row>_<column>`` of the enlarged image, 0 to 1.

    Examples:
        >>> from penstroke.domain.pixels import to_table
        >>> image = np.zeros((1, 4, 4), np.uint8)
        >>> image[0, :, 2:] = 255  # ink grows to the right, which is direction 0
        >>> features = Features(
        ...     enlarge=1, deskew=0, centre=False, directions=2, grid=1, pooling_width=1, pixels=False, chunk_rows=100
        ... )
        >>> extract_features(to_table(image), features).columns.tolist()
        ['gradient_000_0_0', 'gradient_180_0_0']
    """
    images = to_images(rows)
    height, width = (side * features.enlarge for side in images.shape[1:])
    names = feature_index(height, width, features)
    # filled in place: joining chunks would need twice the memory; column order, like a table
    described = np.empty((len(images), len(names)), np.float32, order="F")
    for start in range(0, len(images), features.chunk_rows):
        chunk = images[start : start + features.chunk_rows]
        described[start : start + len(chunk)] = compute_features(enlarge_images(chunk, features), features)
    return pd.DataFrame(described, rows.index, names, copy=False)


@cache
def feature_index(height: int, width: int, features: Features) -> pd.Index:
    """Return :func:`.features.feature_names` as an index, always the same object."""
    return pd.Index(feature_names(height, width, features))


def extract_copy_features(rows: pd.DataFrame, features: Features, augmentation: Augmentation) -> pd.DataFrame:
    """Compute the features of deformed copies of the training digits. The copies stand in the row of their original.

    So a copy and its original are always on the same side of a split or a fold.

    Args:
        rows: one digit per row, with ``split``; only rows of ``train`` are copied.
        features: the parameters of the features, the same as for the originals.
        augmentation: number of copies, and limits of their deformation.

    Returns:
        The training rows with float32 columns ``copy_<number>_<feature>``; no columns if there are no copies.
    """
    training = rows[rows["split"] == "train"]
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


def describe_images(images: np.ndarray, features: Features) -> pd.DataFrame:
    """Straighten enlarged images, (n, height, width), and compute their features, (n, features) float32."""
    return pd.DataFrame(compute_features(images, features), columns=feature_index(*images.shape[1:], features))


def _draw(digit_id: pd.Index, augmentation: Augmentation) -> np.ndarray:
    """Draw (copies, n, 6) numbers from -1 to 1. The numbers of a digit depend only on its identifier and the seed."""
    keys = pd.util.hash_array(digit_id.to_numpy(dtype=object))
    generators = [np.random.default_rng([augmentation.seed, int(key)]) for key in keys]
    drawn = [generator.uniform(-1, 1, (augmentation.copies, 6)) for generator in generators]
    return np.stack(drawn, axis=1) if drawn else np.empty((augmentation.copies, 0, 6))


def _chunks(rows: pd.DataFrame, features: Features) -> Iterator[tuple[int, np.ndarray]]:
    images = to_images(rows)
    for start in range(0, max(len(images), 1), features.chunk_rows):
        yield start, images[start : start + features.chunk_rows]
