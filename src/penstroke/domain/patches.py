"""Learned features. They are a step of a contender, so they are fitted inside each fold."""

from math import isqrt
from typing import Self

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from sklearn.utils import Tags, check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data
from threadpoolctl import threadpool_limits

from .images import oriented_gradients, pooling_weights, straighten
from .pixels import to_images

IMAGES_OF_THE_DICTIONARY, PATCHES_OF_THE_DICTIONARY = 3000, 40_000
PROJECTED = 16  # chunks whose values are projected at once; the projection is larger than the cache
FAINT = 0.05  # share of a long patch's length; shorter patches are nearly paper, and their direction means nothing


class PatchDictionary(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Describe images by the typical patches of oriented gradients that they contain, and by their places.

    The map of oriented gradients, ``grid`` x ``grid`` cells, is cut into overlapping patches. Each patch is scaled to
    length 1, whitened, and compared with ``atoms`` typical patches, the cluster centres of k-means. The excess of its
    cosine over ``threshold``, times its length, is pooled on a coarser grid. Principal components of these values are
    the features.

    Args:
        deskew: share of the slant that is removed from each image first, 0 to 1; images are also centred.
        directions: number of gradient directions.
        grid: cells along each side of the gradient map.
        patch: cells along each side of a patch.
        atoms: number of typical patches.
        threshold: cosine from which a patch resembles an atom.
        pooled: cells along each side of the coarser grid.
        components: number of features; fewer if there are fewer images.
        images: number of training images, drawn at random, that dictionary and components are fitted on.
        chunk_rows: images per chunk. Small chunks fit into the processor's cache and are faster.
        height: rows of an image. None means the most nearly square image with that number of pixels that has no more
            rows than columns.
        random_state: seed of the draws.

    Source: Coates and Ng, "Learning feature representations with k-means", Neural Networks: Tricks of the Trade,
    2012; of gradients rather than pixels, Mairal, Koniusz, Harchaoui and Schmid, "Convolutional kernel networks",
    NIPS 2014.
    """

    def __init__(
        self,
        *,
        deskew: float = 1.0,
        directions: int = 8,
        grid: int = 14,
        patch: int = 3,
        atoms: int = 200,
        threshold: float = 0.3,
        pooled: int = 5,
        components: int = 400,
        images: int = 8000,
        chunk_rows: int = 32,
        height: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.deskew = deskew
        self.directions = directions
        self.grid = grid
        self.patch = patch
        self.atoms = atoms
        self.threshold = threshold
        self.pooled = pooled
        self.components = components
        self.images = images
        self.chunk_rows = chunk_rows
        self.height = height
        self.random_state = random_state

    def fit(self, X: pd.DataFrame | np.ndarray, y: object = None) -> Self:  # noqa: ARG002, N803
        """Fit dictionary and components to ``X``, (n, pixels) in reading order, 0 (paper) to 1 (ink).

        Raises:
            ValueError: the number of pixels does not fit ``height``, or nearly all images are blank.
        """
        random = check_random_state(self.random_state)
        rows = validate_data(self, X, dtype=np.float32, order="C", ensure_min_samples=2, ensure_min_features=2)
        check_non_negative(rows, "PatchDictionary.fit")
        if self.height is not None and rows.shape[1] % self.height:
            raise ValueError(f"{rows.shape[1]} pixels are no image of {self.height} rows; set height to its rows")
        images = self._images(rows[random.permutation(len(rows))[: self.images]])
        patches = self._patches(images[:IMAGES_OF_THE_DICTIONARY])
        lengths = np.linalg.norm(patches, axis=1)
        self.faint_ = np.float32(FAINT * np.percentile(lengths, 95))
        if not self.faint_:
            raise ValueError("no typical patches can be found: nearly all of the images are blank")
        clear = np.flatnonzero(lengths > 4 * self.faint_)
        patches = normalize(patches[random.permutation(clear)[:PATCHES_OF_THE_DICTIONARY]])
        covariance = ShrunkCovariance().fit(patches)
        mean = covariance.location_.astype(np.float32)
        # any matrix root of the precision works: only angles between whitened patches matter
        whitening = np.linalg.cholesky(covariance.precision_).astype(np.float32)
        whitened = normalize((patches - mean) @ whitening)
        self.mean_, self.whitening_ = mean[self._order()], whitening[self._order()]
        count = min(self.atoms, len(whitened))
        clusters = KMeans(count, init="random", n_init=1, max_iter=10, random_state=random.randint(2**31)).fit(whitened)
        self.atoms_ = np.ascontiguousarray(normalize(clusters.cluster_centers_).T)
        described = self._describe(images)
        pca = PCA(min(self.components, *described.shape), svd_solver="randomized", random_state=random.randint(2**31))
        scale = np.sqrt((pca.fit_transform(described) ** 2).sum(axis=1).mean())
        self.axes_ = np.ascontiguousarray(pca.components_.T / scale)
        self.origin_ = pca.mean_ @ self.axes_
        return self

    def transform(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the features, (n, components) float32; their mean squared length over the training images is 1."""
        check_is_fitted(self)
        if isinstance(X, pd.DataFrame) and not hasattr(self, "n_features_in_"):
            images = to_images(X)  # a model file of an earlier version, whose dictionary was fitted on a table
        else:
            images = self._images(validate_data(self, X, dtype=np.float32, order="C", reset=False))
        features = np.empty((len(images), len(self.origin_)), np.float32)
        with threadpool_limits(1):  # the products are small: a second thread makes them slower
            for chunk in gen_batches(len(images), PROJECTED * self.chunk_rows):
                np.matmul(self._describe(images[chunk]), self.axes_, out=features[chunk])
        features -= self.origin_
        return features

    def _images(self, rows: np.ndarray) -> np.ndarray:
        pixels = rows.shape[1]
        height = self.height or next(side for side in range(isqrt(pixels), 0, -1) if pixels % side == 0)
        return rows.reshape(len(rows), height, -1)

    def _order(self) -> np.ndarray:
        """Return the place of each value of a patch, in the order of model files: direction, row, column."""
        return np.arange(self.patch**2 * self.directions).reshape(-1, self.directions).T.ravel()

    def _patches(self, images: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        straight = straighten(images, self.deskew, centre=True)
        return cut_patches(straight, self.directions, self.grid, self.patch, out)

    def _describe(self, images: np.ndarray) -> np.ndarray:
        """Return how much of each atom lies in each cell of the coarser grid, (n, cells * atoms)."""
        along_a_side = pooling_weights(self.grid, self.pooled, 0.5)
        weights = np.kron(along_a_side, along_a_side)
        described = np.empty((len(images), len(weights), self.atoms_.shape[1]), np.float32)
        order = np.argsort(self._order())
        mean, whitening = self.mean_[order], self.whitening_[order]
        # memory for one chunk is used again: to get new memory from the system takes as long as to compare patches
        patches, alike = (
            np.empty((min(self.chunk_rows, len(images)) * self.grid**2, values), np.float32)
            for values in self.atoms_.shape
        )
        for chunk in gen_batches(len(images), self.chunk_rows):
            cut = self._patches(images[chunk], out=patches)
            found = compare_with_atoms(
                cut,
                mean=mean,
                whitening=whitening,
                atoms=self.atoms_,
                threshold=self.threshold,
                faint=float(self.faint_),
                out=alike,
            )
            np.matmul(weights, found.reshape(-1, self.grid**2, found.shape[1]), out=described[chunk])
        return described.reshape(len(images), -1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


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
