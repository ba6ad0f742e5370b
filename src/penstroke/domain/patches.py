"""Learned features. They are a step of a contender, so they are fitted inside each fold."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data
from threadpoolctl import threadpool_limits

from .dictionary import CHOSEN, FITTED, Dictionary, cut_patches, images_of, stored_order
from .images import straighten
from .pixels import to_images

IMAGES_OF_THE_DICTIONARY, PATCHES_OF_THE_DICTIONARY = 3000, 40_000
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
        images = images_of(rows[random.permutation(len(rows))[: self.images]], self.height)
        straight = straighten(images[:IMAGES_OF_THE_DICTIONARY], self.deskew, centre=True)
        patches = cut_patches(straight, self.directions, self.grid, self.patch)
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
        order = stored_order(self.patch, self.directions)
        self.mean_, self.whitening_ = mean[order], whitening[order]
        count = min(self.atoms, len(whitened))
        clusters = KMeans(count, init="random", n_init=1, max_iter=10, random_state=random.randint(2**31)).fit(whitened)
        self.atoms_ = np.ascontiguousarray(normalize(clusters.cluster_centers_).T)
        described = self._dictionary().describe(images)
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
            images = images_of(validate_data(self, X, dtype=np.float32, order="C", reset=False), self.height)
        with threadpool_limits(1):  # the products are small: a second thread makes them slower
            return self._dictionary().features(images, self.axes_, self.origin_)

    def _dictionary(self) -> Dictionary:
        fitted = {name: getattr(self, f"{name}_") for name in FITTED}
        return Dictionary(**{name: getattr(self, name) for name in CHOSEN}, **fitted)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
