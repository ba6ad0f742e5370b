"""Make digits a little harder to read, as life does: moved, turned, noisy, thick, pale."""

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import ndimage

from kedro_guards.parameters import Parameters

from .images import deform
from .pixels import INK, to_images, to_table

CROSS = ndimage.generate_binary_structure(2, 1)[None]
NO_CHANGE = {"rotation_degrees": 0.0, "scaling": 0.0, "slant": 0.0, "shift": 0.0}
ROTATION, DOWN, ACROSS = 0, 4, 5  # places in the draws of ``deform``


class Perturbations(Parameters):
    """How far test rows are changed, each way by itself (``params:perturbations``)."""

    rows: int = Field(ge=1, description="test rows that are changed, drawn by the seed; all where there are fewer")
    shift: float = Field(ge=0, le=0.5, description="move in any direction, as a share of the side")
    rotation_degrees: float = Field(ge=0, le=45, description="rotation, either way")
    noise: float = Field(ge=0, le=1, description="standard deviation of what is added to each pixel, of full ink")
    thickening: float = Field(ge=0, le=0.5, description="how far the ink spreads on each side, as a share of the side")
    contrast: float = Field(ge=0, lt=1, description="share of the ink that fades")
    seed: int = Field(ge=0)


def perturb(rows: pd.DataFrame, perturbations: Perturbations) -> dict[str, pd.DataFrame]:
    """Change digits in each way by itself, all as far, in directions that the seed draws.

    Args:
        rows: rows are digits, pixels uint8 from 0 (paper) to 255 (ink); other columns are left out.
        perturbations: how far, relative to the image's side and to full ink, and the seed.

    Returns:
        By name (``shift``, ``rotation``, ``noise``, ``thickening``, ``contrast``) the same rows, changed, as uint8.
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
    """Spread the ink to each side by grey dilation; of a part of a pixel, by that part of the change."""
    while pixels > 0:
        images = images + min(pixels, 1) * (ndimage.grey_dilation(images, footprint=CROSS) - images)
        pixels -= 1
    return images
