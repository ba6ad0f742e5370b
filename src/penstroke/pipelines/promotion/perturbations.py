"""Make digits a little harder to read, as life does: moved, turned, noisy, thick, pale."""

import numpy as np
from scipy import ndimage

from penstroke.pipelines.feature_engineering.images import deform
from penstroke.pixels import INK

from .parameters import Perturbations

CROSS = ndimage.generate_binary_structure(2, 1)[None]
NO_CHANGE = {"rotation_degrees": 0.0, "scaling": 0.0, "slant": 0.0, "shift": 0.0}
ROTATION, DOWN, ACROSS = 0, 4, 5  # places in the draws of ``deform``


def perturb(images: np.ndarray, perturbations: Perturbations) -> dict[str, np.ndarray]:
    """Change images in each way by itself, all images as far, in directions that the seed draws.

    Args:
        images: (n, height, width) uint8, paper 0, ink up to 255.
        perturbations: how far, relative to the image's side and to full ink, and the seed.

    Returns:
        By name (``shift``, ``rotation``, ``noise``, ``thickening``, ``contrast``) the changed images, as uint8.
    """
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
    return {name: np.rint(INK * np.clip(values, 0, 1)).astype(np.uint8) for name, values in changed.items()}


def _thicken(images: np.ndarray, pixels: float) -> np.ndarray:
    """Spread the ink to each side by grey dilation; of a part of a pixel, by that part of the change."""
    while pixels > 0:
        images = images + min(pixels, 1) * (ndimage.grey_dilation(images, footprint=CROSS) - images)
        pixels -= 1
    return images
