"""The features of digits, computed from arrays."""

import math
from functools import cache

import numpy as np
from pydantic import Field

from kedro_guards.parameters import Parameters

from .form import Form
from .images import enlarge, oriented_gradients, straighten
from .layout import INK, pixel_names


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


def features_of(accepted: np.ndarray, form: Form, features: Features) -> np.ndarray:
    """Compute the features of accepted pixels, without tables; see :func:`.extraction.extract_features`.

    Args:
        accepted: (n, columns) uint8 in the order of ``form.columns``, from 0 (paper) to 255 (ink).
        form: the form of the rows.
        features: the parameters.

    Returns:
        (n, features) float32, in the order of :func:`feature_names`.
    """
    images = accepted.reshape(-1, *form.size)
    starts = range(0, max(len(images), 1), features.chunk_rows)
    chunks = [images[start : start + features.chunk_rows] for start in starts]
    return np.concatenate([compute_features(enlarge_images(chunk, features), features) for chunk in chunks])


def names_of_features(form: Form, features: Features) -> list[str]:
    """Return the names of the features of rows of this form, in order."""
    height, width = (side * features.enlarge for side in form.size)
    return feature_names(height, width, features)


@cache
def feature_names(height: int, width: int, features: Features) -> list[str]:
    """Return the names of the features of enlarged images of this size, in order."""
    degrees = [round(360 * direction / features.directions) for direction in range(features.directions)]
    cells = list(np.ndindex(features.grid, features.grid))
    names = [f"gradient_{angle:03d}_{row}_{column}" for angle in degrees for row, column in cells]
    return names + pixel_names(height, width) if features.pixels else names


def enlarge_images(images: np.ndarray, features: Features) -> np.ndarray:
    """Enlarge uint8 images and scale them to 0 to 1, as the other functions expect them."""
    return enlarge(images / np.float32(INK), features.enlarge)


def compute_features(images: np.ndarray, features: Features) -> np.ndarray:
    """Straighten enlarged images, (n, height, width), and compute their features, (n, features) float32."""
    straight = straighten(images, features.deskew, features.centre)
    gradients = oriented_gradients(straight, features.directions, features.grid, features.pooling_width)
    parts = [gradients, images] if features.pixels else [gradients]
    return np.hstack([part.reshape(len(images), math.prod(part.shape[1:])) for part in parts])
