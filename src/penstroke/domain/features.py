"""The features of digits, and the features of deformed copies of training digits."""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
from pydantic import Field

from kedro_guards.parameters import Parameters

from .images import deform, enlarge, oriented_gradients, straighten
from .pixels import INK, pixel_names, to_images


class Features(Parameters):
    """How features are computed from an image (``params:features``)."""

    enlarge: int = Field(ge=1, le=8, description="factor by which images are enlarged first; 1 leaves them as they are")
    deskew: float = Field(ge=0, le=1, description="share of the slant that is removed; 0 removes none")
    centre: bool = Field(description="whether the centre of mass is moved to the middle of the image")
    directions: int = Field(ge=2, le=32, description="signed gradient directions, evenly spaced round the circle")
    grid: int = Field(ge=1, le=16, description="cells along each side of the image")
    pooling_width: float = Field(gt=0, le=4, description="standard deviation of a cell's Gaussian weight, in cells")
    pixels: bool = Field(description="whether the pixels are features too, for steps that learn features from them")
    chunk_rows: int = Field(ge=1, description="images per chunk; limits memory")


class Augmentation(Parameters):
    """How deformed copies of training images are made (``params:augmentation``)."""

    copies: int = Field(ge=0, le=100, description="deformed copies per training image; 0 for none")
    rotation_degrees: float = Field(ge=0, le=45, description="largest rotation, either way")
    scaling: float = Field(ge=0, lt=1, description="largest relative change of height and of width")
    slant: float = Field(ge=0, le=1, description="largest shear, columns per row")
    shift: float = Field(ge=0, le=0.5, description="largest move up, down, left or right, as a share of the side")
    seed: int = Field(ge=0)


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
    names = feature_names(height, width, features)
    # filled in place: joining chunks would need twice the memory; column order, like a table
    described = np.empty((len(images), len(names)), np.float32, order="F")
    for start in range(0, len(images), features.chunk_rows):
        chunk = images[start : start + features.chunk_rows]
        described[start : start + len(chunk)] = _describe(enlarge_images(chunk, features), features)
    return pd.DataFrame(described, rows.index, names, copy=False)


@cache
def feature_names(height: int, width: int, features: Features) -> pd.Index:
    """Return the names of the features of enlarged images of this size, in order."""
    degrees = [round(360 * direction / features.directions) for direction in range(features.directions)]
    cells = list(np.ndindex(features.grid, features.grid))
    names = [f"gradient_{angle:03d}_{row}_{column}" for angle in degrees for row, column in cells]
    return pd.Index(names + pixel_names(height, width) if features.pixels else names)


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


def enlarge_images(images: np.ndarray, features: Features) -> np.ndarray:
    """Enlarge uint8 images and scale them to 0 to 1, as the other functions expect them."""
    return enlarge(images / np.float32(INK), features.enlarge)


def describe_images(images: np.ndarray, features: Features) -> pd.DataFrame:
    """Straighten enlarged images, (n, height, width), and compute their features, (n, features) float32."""
    return pd.DataFrame(_describe(images, features), columns=feature_names(*images.shape[1:], features))


def _describe(images: np.ndarray, features: Features) -> np.ndarray:
    straight = straighten(images, features.deskew, features.centre)
    gradients = oriented_gradients(straight, features.directions, features.grid, features.pooling_width)
    parts = [gradients, images] if features.pixels else [gradients]
    return np.hstack([part.reshape(len(images), math.prod(part.shape[1:])) for part in parts])


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
