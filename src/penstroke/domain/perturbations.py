"""Perturb digits as it happens in practice: shifted, rotated, noisy, thicker, paler."""

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import ndimage

from kedro_guards.parameters import Parameters

from .deformation import deform
from .layout import INK
from .pixels import to_images, to_table

CROSS = ndimage.generate_binary_structure(2, 1)[None]
NO_CHANGE = {"rotation_degrees": 0.0, "scaling": 0.0, "slant": 0.0, "shift": 0.0}
ROTATION, DOWN, ACROSS = 0, 4, 5  # places in the draws of ``deform``


class Perturbations(Parameters):
    """How strongly test rows are perturbed; each perturbation is applied alone (``params:perturbations``)."""

    rows: int = Field(ge=1, description="number of test rows, drawn by the seed; all rows if there are fewer")
    shift: float = Field(ge=0, le=0.5, description="move in a random direction, as a share of the side")
    rotation_degrees: float = Field(ge=0, le=45, description="rotation, to either side")
    noise: float = Field(ge=0, le=1, description="standard deviation of the noise per pixel, as a share of full ink")
    thickening: float = Field(ge=0, le=0.5, description="growth of the ink on each side, as a share of the side")
    contrast: float = Field(ge=0, lt=1, description="share of the ink that is taken away")
    seed: int = Field(ge=0)


def perturb(rows: pd.DataFrame, perturbations: Perturbations) -> dict[str, pd.DataFrame]:
    """Apply each perturbation alone to all digits, always at full strength; the seed draws the directions.

    Args:
        rows: one digit per row, pixels uint8 from 0 (paper) to 255 (ink); other columns are ignored.
        perturbations: strengths, relative to the image's side and to full ink, and the seed.

    Returns:
        One table of perturbed rows, uint8, for each of ``shift``, ``rotation``, ``noise``, ``thickening`` and
        ``contrast``.

    Examples:
        >>> rows = to_table(np.array([[[0, 200], [0, 100]]], np.uint8))
        >>> values = {"shift": 0, "rotation_degrees": 0, "noise": 0, "thickening": 0}
        >>> paler = perturb(rows, Perturbations(rows=1, contrast=0.5, seed=0, **values))["contrast"]
        >>> to_images(paler)[0].tolist()
        [[0, 100], [0, 50]]
    """
    images = to_images(rows)
    random = np.random.default_rng(perturbations.seed)
    inked = images / np.float32(INK)
    angle = random.uniform(0, 2 * np.pi, len(images))
    moves, turns = np.zeros((2, 1, len(images), 6))
    moves[0, :, DOWN], moves[0, :, ACROSS] = np.sin(angle), np.cos(angle)
    turns[0, :, ROTATION] = random.choice([-1, 1], len(images))
    changed = {
        "shift": deform(inked, moves, **NO_CHANGE | {"shift": perturbations.shift})[0],
        "rotation": deform(inked, turns, **NO_CHANGE | {"rotation_degrees": perturbations.rotation_degrees})[0],
        "noise": inked + random.normal(0, perturbations.noise, images.shape),
        "thickening": _thicken(inked, perturbations.thickening * images.shape[1]),
        "contrast": inked * (1 - perturbations.contrast),
    }
    bytes_ = {name: np.rint(INK * np.clip(values, 0, 1)).astype(np.uint8) for name, values in changed.items()}
    return {name: to_table(values).set_axis(rows.index) for name, values in bytes_.items()}


def _thicken(images: np.ndarray, pixels: float) -> np.ndarray:
    """Grow the ink on each side by grey dilation; a fraction of a pixel applies that fraction of the change."""
    while pixels > 0:
        images = images + min(pixels, 1) * (ndimage.grey_dilation(images, footprint=CROSS) - images)
        pixels -= 1
    return images
