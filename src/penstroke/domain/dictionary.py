"""A dictionary of patches that was fitted: describe images by it, with numpy alone."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kedro_guards.plain import PlainObject

from .images import oriented_gradients, pooling_weights, straighten

PROJECTED = 16  # chunks whose values are projected at once; the projection is larger than the cache
CHOSEN = ("deskew", "directions", "grid", "patch", "threshold", "pooled", "chunk_rows")
FITTED = ("faint", "mean", "whitening", "atoms")


@dataclass(frozen=True)
class Dictionary:
    """Typical patches; see :class:`.patches.PatchDictionary` for the arguments.

    Args:
        deskew: share of the slant that is removed from each image first.
        directions: number of gradient directions.
        grid: cells along each side of the gradient map.
        patch: cells along each side of a patch.
        threshold: cosine from which a patch resembles an atom.
        pooled: cells along each side of the coarser grid.
        chunk_rows: images per chunk.
        faint: patches that are shorter are divided by this length.
        mean: of patches of length 1, (values,).
        whitening: a root of the precision of patches of length 1, (values, values).
        atoms: typical patches of length 1, (values, atoms).
    """

    deskew: float
    directions: int
    grid: int
    patch: int
    threshold: float
    pooled: int
    chunk_rows: int
    faint: float
    mean: np.ndarray
    whitening: np.ndarray
    atoms: np.ndarray

    def describe(self, images: np.ndarray) -> np.ndarray:
        """Return how much of each atom lies in each cell of the coarser grid, (n, cells * atoms) float32."""
        along_a_side = pooling_weights(self.grid, self.pooled, 0.5)
        weights = np.kron(along_a_side, along_a_side)
        described = np.empty((len(images), len(weights), self.atoms.shape[1]), np.float32)
        order = np.argsort(stored_order(self.patch, self.directions))
        mean, whitening = self.mean[order], self.whitening[order]
        # memory for one chunk is used again: to get new memory from the system takes as long as to compare patches
        patches, alike = (
            np.empty((min(self.chunk_rows, len(images)) * self.grid**2, values), np.float32)
            for values in self.atoms.shape
        )
        for start in range(0, len(images), self.chunk_rows):
            chunk = slice(start, start + self.chunk_rows)
            straight = straighten(images[chunk], self.deskew, centre=True)
            found = compare_with_atoms(
                cut_patches(straight, self.directions, self.grid, self.patch, out=patches),
                mean=mean,
                whitening=whitening,
                atoms=self.atoms,
                threshold=self.threshold,
                faint=float(self.faint),
                out=alike,
            )
            np.matmul(weights, found.reshape(-1, self.grid**2, found.shape[1]), out=described[chunk])
        return described.reshape(len(images), -1)

    def features(self, images: np.ndarray, axes: np.ndarray, origin: np.ndarray) -> np.ndarray:
        """Project what :meth:`describe` returns.

        Args:
            images: (n, height, width), 0 (paper) to 1 (ink).
            axes: (cells * atoms, components).
            origin: (components,), is subtracted.

        Returns:
            (n, components) float32.
        """
        features = np.empty((len(images), len(origin)), np.float32)
        for start in range(0, len(images), PROJECTED * self.chunk_rows):
            chunk = slice(start, start + PROJECTED * self.chunk_rows)
            np.matmul(self.describe(images[chunk]), axes, out=features[chunk])
        features -= origin
        return features


def plain_dictionary(model: PlainObject) -> Callable[[np.ndarray], np.ndarray]:
    """Return the ``transform`` of a stored :class:`.patches.PatchDictionary`, without scikit-learn."""
    chosen = {name: model[name] for name in CHOSEN}
    dictionary = Dictionary(**chosen, **{name: model[f"{name}_"] for name in FITTED})
    axes, origin, height = model["axes_"], model["origin_"], model["height"]
    return lambda rows: dictionary.features(images_of(rows, height), axes, origin)


PLAIN_TRANSFORMERS = {"PatchDictionary": plain_dictionary}


def images_of(rows: np.ndarray, height: int | None) -> np.ndarray:
    """Return rows of pixels, (n, pixels), as images; without a ``height``, they are as square as possible.

    Examples:
        >>> images_of(np.zeros((5, 12)), None).shape
        (5, 3, 4)
    """
    pixels = rows.shape[1]
    found = height or next(side for side in range(isqrt(pixels), 0, -1) if pixels % side == 0)
    return rows.reshape(len(rows), found, -1)


def stored_order(patch: int, directions: int) -> np.ndarray:
    """Return the place of each value of a patch, in the order of model files: direction, row, column."""
    return np.arange(patch**2 * directions).reshape(-1, directions).T.ravel()


def cut_patches(
    images: np.ndarray, directions: int, grid: int, patch: int, out: np.ndarray | None = None
) -> np.ndarray:
    """Cut the maps of oriented gradients into overlapping patches, one centred in each cell.

    Args:
        images: (n, height, width), straightened.
        directions: number of gradient directions.
        grid: cells along each side of the map.
        patch: cells along each side of a patch; beyond the map is paper.
        out: memory for the patches of at least as many images.

    Returns:
        (n * grid * grid, directions * patch * patch) float32, 0 or more; the values of a patch by row, column,
        direction.
    """
    before, count = patch // 2, len(images)
    framed = np.zeros((count, grid + patch - 1, grid + patch - 1, directions), np.float32)
    inside = slice(before, before + grid)
    framed[:, inside, inside] = np.moveaxis(oriented_gradients(images, directions, grid, 0.5), 1, 3)
    seen = sliding_window_view(framed, (patch, patch), axis=(1, 2))
    patches = np.empty((count * grid * grid, patch * patch * directions), np.float32) if out is None else out
    patches = patches[: count * grid * grid]
    patches.reshape(count, grid, grid, patch, patch, directions)[:] = np.moveaxis(seen, 3, 5)
    return patches


def compare_with_atoms(
    patches: np.ndarray,
    *,
    mean: np.ndarray,
    whitening: np.ndarray,
    atoms: np.ndarray,
    threshold: float,
    faint: float,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return the excess of each patch's cosine with each atom over ``threshold``, times the patch's length.

    Args:
        patches: (n, values of a patch) float32; overwritten.
        mean: of patches of length 1.
        whitening: (values, values), a root of the precision of patches of length 1.
        atoms: (values, atoms), of length 1.
        threshold: cosine from which a patch resembles an atom.
        faint: shorter patches are divided by this length instead of their own.
        out: memory for the result, of at least as many rows.

    Returns:
        (n, atoms) float32, 0 or more.
    """
    length = np.sqrt(np.einsum("ij,ij->i", patches, patches))[:, None]
    patches /= np.maximum(length, faint)
    patches -= mean
    whitened = patches @ whitening
    whitened *= length / np.maximum(np.sqrt(np.einsum("ij,ij->i", whitened, whitened))[:, None], 1e-6)
    alike = np.matmul(whitened, atoms, out=None if out is None else out[: len(patches)])
    alike -= threshold * length
    return np.maximum(alike, 0, out=alike)
