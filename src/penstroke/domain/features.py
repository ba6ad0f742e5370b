"""What a model sees of a digit: features by the functions on images, and those of deformed copies."""

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
    """What a model sees of an image (``params:features``)."""

    enlarge: int = Field(ge=1, le=8, description="times that small images are enlarged first; 1 leaves them")
    deskew: float = Field(ge=0, le=1, description="share of the slant that is taken out; 0 leaves it")
    centre: bool = Field(description="whether the centre of mass moves to the middle of the image")
    directions: int = Field(ge=2, le=32, description="signed directions of the gradient, evenly round the circle")
    grid: int = Field(ge=1, le=16, description="cells along each side of the image")
    pooling_width: float = Field(gt=0, le=4, description="standard deviation of a cell's Gaussian weight, in cells")
    pixels: bool = Field(description="whether the pixels stand beside the gradients, for steps that learn features")
    chunk_rows: int = Field(ge=1, description="images worked on at once; bounds the memory")


class Augmentation(Parameters):
    """How training images are deformed into further ones (``params:augmentation``)."""

    copies: int = Field(ge=0, le=100, description="deformed copies of each training image; 0 makes none")
    rotation_degrees: float = Field(ge=0, le=45, description="largest rotation, either way")
    scaling: float = Field(ge=0, lt=1, description="largest change of height and of width, as a share")
    slant: float = Field(ge=0, le=1, description="largest shear, columns per row")
    shift: float = Field(ge=0, le=0.5, description="largest move up, down, left or right, as a share of the side")
    seed: int = Field(ge=0)


def extract_features(rows: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Describe each digit by its oriented gradients. Nothing is learned, so it serves training and use alike.

    Args:
        rows: rows are digits, pixels uint8 from 0 (paper) to 255 (ink); other columns are left out.
        features: the choices.

    Returns:
        The same rows; float32 columns ``gradient_<degrees>_<row>_<column>`` for each direction and cell, and where
        ``features.pixels`` asks for them ``pixel_<row>_<column>``, 0 to 1, of the enlarged image.
    """
    images = to_images(rows)
    height, width = (side * features.enlarge for side in images.shape[1:])
    names = feature_names(height, width, features)
    # filled, since joining chunks would hold all twice; by columns, as a table holds them
    described = np.empty((len(images), len(names)), np.float32, order="F")
    for start in range(0, len(images), features.chunk_rows):
        chunk = images[start : start + features.chunk_rows]
        described[start : start + len(chunk)] = _describe(enlarge_images(chunk, features), features)
    return pd.DataFrame(described, rows.index, names, copy=False)


@cache
def feature_names(height: int, width: int, features: Features) -> pd.Index:
    """Name the features of enlarged images of that size, in their order."""
    degrees = [round(360 * direction / features.directions) for direction in range(features.directions)]
    cells = list(np.ndindex(features.grid, features.grid))
    names = [f"gradient_{angle:03d}_{row}_{column}" for angle in degrees for row, column in cells]
    return pd.Index(names + pixel_names(height, width) if features.pixels else names)


def extract_copy_features(rows: pd.DataFrame, features: Features, augmentation: Augmentation) -> pd.DataFrame:
    """Describe deformed copies of the training digits, beside each other in the row of their original.

    So a copy cannot stand on another side of a split, or of a fold, than the digit it was made from.

    Args:
        rows: rows are digits, with ``split``; only those of ``train`` are copied.
        features: the choices, the same as for the originals.
        augmentation: how many copies, and how far they are deformed.

    Returns:
        The training rows; float32 columns ``copy_<number>_`` + the feature's name, none where there are no copies.
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


def _chunks(rows: pd.DataFrame, features: Features) -> Iterator[tuple[int, np.ndarray]]:
    images = to_images(rows)
    for start in range(0, max(len(images), 1), features.chunk_rows):
        yield start, images[start : start + features.chunk_rows]
