"""A kernel machine whose cost grows linearly with the rows, and whose memory hardly grows."""

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from penstroke.kernels import kernel_margins, rbf_kernel, squared_lengths

SCOUT, SCOUTED = 1000, 12  # components of a scout, and rows per component that it is fitted on
MOST_ROUNDING = 1e-4  # of the kernel's exponent, by rounding of squared lengths
JITTER = 1e-5  # added to the kernel's diagonal, which is 1, to cover the rounding errors of float32


class NystroemRidgeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Kernel ridge classifier with an RBF kernel, approximated by a sample of the training rows (Nyström method).

    It predicts the same as ``Nystroem`` followed by a ``RidgeClassifier`` without intercept. It processes rows in
    chunks and keeps only the products of the kernel's columns: rows x components^2 operations, components^2 numbers.

    Args:
        n_components: size of the sample, drawn at random; all rows if there are fewer.
        gamma: gamma of the kernel ``exp(-gamma |x - y|^2)``.
        alpha: strength of the penalty, above 0.
        near_margin: share of the sample, 0 to 1, that is not drawn at random. These are the rows nearest to the margin
            of a scout, a small machine that is fitted first. So fewer components are as accurate.
        near_copies: number of rows, the nearest to the margin of the scout, of which a copy is learned too, if ``fit``
            gets ``copies_of``.
        chunk_rows: rows per chunk; limits memory.
        random_state: seed of the sample.

    Examples:
        >>> from sklearn.datasets import load_iris
        >>> rows, label = load_iris(return_X_y=True)
        >>> model = NystroemRidgeClassifier(n_components=50, random_state=0).fit(rows, label)
        >>> float(model.score(rows, label)) > 0.95
        True

    Source: Rudi, Camoriano and Rosasco, "Less is more: Nyström computational regularization", NIPS 2015, equation 5.
    Copies of rows at the margin: DeCoste and Schölkopf, "Training invariant support vector machines", Machine
    Learning 46, 2002.
    """

    def __init__(
        self,
        n_components: int = 1000,
        *,
        gamma: float = 0.05,
        alpha: float = 0.01,
        near_margin: float = 0.0,
        near_copies: int = 0,
        chunk_rows: int = 2000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.gamma = gamma
        self.alpha = alpha
        self.near_margin = near_margin
        self.near_copies = near_copies
        self.chunk_rows = chunk_rows
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike,
        copies_of: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Self:
        """Fit on ``X``, (n, features), and the classes ``y``, (n,).

        Args:
            X: (n, features).
            y: (n,).
            copies_of: returns copies of the rows at the given places, (places, features), for ``near_copies``.

        Raises:
            ValueError: there is only one class, ``X`` is no finite matrix, or its values are too large for the kernel.
        """
        rows, towards = self._checked(X, y)
        order = check_random_state(self.random_state).permutation(len(rows))
        drawn, copied = order[: self.n_components], order[:0]
        near = round(self.near_margin * len(drawn)) if len(drawn) < len(rows) else 0
        if near or (self.near_copies and copies_of):
            nearest = self._nearest_to_margin(rows, towards, order)
            random = drawn[: len(drawn) - near]
            drawn = np.concatenate([random, nearest[~np.isin(nearest, random)][:near]])
            copied = nearest[: self.near_copies if copies_of else 0]
        self._take(rows[drawn])
        parts = [(rows, towards)]
        if copies_of and len(copied):
            parts += [(np.ascontiguousarray(copies_of(copied), rows.dtype), towards[copied])]
        self.coef_ = self._solve(*self._sums(*parts))
        return self

    def _nearest_to_margin(self, rows: np.ndarray, towards: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Return the places of all rows, those nearest to the margin of a scout first: a small machine of few rows."""
        size = min(self.n_components, SCOUT)
        few = order[: SCOUTED * size]
        self._take(rows[order[:size]])
        self.coef_ = self._solve(*self._sums((rows[few], towards[few])))
        return np.argsort(margins_of(self.decision_function(rows), towards), kind="stable")

    # rows near the margin are known only from all labels
    @available_if(lambda self: not self.near_margin)  # type: ignore[untyped-decorator]
    def fit_out_of_fold(self, X: ArrayLike, y: ArrayLike, fold: np.ndarray) -> np.ndarray:  # noqa: N803
        """Fit on all rows, and return for each row the margins of a machine fitted on the rows of the other folds.

        Products are summed by fold, and the machine without a fold is solved from the sums without it. It keeps those
        components that are rows of the other folds. So all machines together cost little more than one.

        Args:
            X: (n, features).
            y: the classes, (n,).
            fold: number of the fold of each row, (n,), from 0.

        Returns:
            As :meth:`decision_function`.
        """
        rows, towards = self._checked(X, y)
        drawn = check_random_state(self.random_state).permutation(len(rows))[: self.n_components]
        self._take(rows[drawn])
        parts = [self._sums((rows[fold == number], towards[fold == number])) for number in range(fold.max() + 1)]
        products, sums = (sum((part[place] for part in parts[1:]), parts[0][place]) for place in (0, 1))
        margins = np.empty(towards.shape, rows.dtype)
        for number, (own_products, own_sums) in enumerate(parts):
            own, kept = fold == number, np.flatnonzero(fold[drawn] != number)
            coef = self._solve(products - own_products, sums - own_sums, kept)
            margins[own] = self._kernel(rows[own])[:, kept] @ coef
        self.coef_ = self._solve(products, sums)
        return margins.ravel() if len(self.classes_) == 2 else margins

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803
        """Return the rows and their targets, 1 in the column of the own class and -1 elsewhere."""
        rows, classes = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C")
        check_classification_targets(classes)
        targets = LabelBinarizer(neg_label=-1).fit(classes)
        self.classes_ = targets.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs two classes at least; found one class, {self.classes_[0]}")
        return rows, targets.transform(classes).astype(np.float64)

    def _take(self, sample: np.ndarray) -> None:
        self.components_, self.lengths_ = sample, squared_lengths(sample)
        if self.gamma * self.lengths_.max() * np.finfo(sample.dtype).eps > MOST_ROUNDING:
            raise self._refusal()

    def _refusal(self) -> ValueError:
        values = self.components_
        return ValueError(
            f"features from {values.min():.3g} to {values.max():.3g} are too large for a kernel of gamma "
            f"{self.gamma:g}: their distances are lost in rounding; scale them before, by StandardScaler for example"
        )

    def _sums(self, *parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the upper triangle of the products of the kernel's columns, and their products with the targets.

        Args:
            *parts: rows and their targets.
        """
        size, chunk_rows = len(self.components_), min(self.chunk_rows, max(len(rows) for rows, _ in parts))
        # memory for one chunk is used again; the products need float64, whatever the rows are
        kernels, wide = np.empty((chunk_rows, size), self.components_.dtype), np.empty((chunk_rows, size))
        products, sums = np.zeros((size, size), order="F"), np.zeros((size, parts[0][1].shape[1]))
        for rows, towards in parts:
            for chunk in gen_batches(len(rows), chunk_rows):
                kernel, part = self._kernel(rows[chunk], out=kernels), wide[: chunk.stop - chunk.start]
                part[:] = kernel
                products = dsyrk(1, part.T, beta=1, c=products, overwrite_c=True)
                sums += part.T @ towards[chunk]
        return products, sums

    def _solve(self, products: np.ndarray, sums: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        """Return the coefficients, (components, targets), of the components at the places ``kept``, None for all.

        The products are overwritten, since a second matrix of this size may not fit the memory.
        """
        products += self.alpha * self._kernel(self.components_)
        products[np.diag_indices(len(products))] += JITTER
        if kept is not None:
            products, sums = products[np.ix_(kept, kept)], sums[kept]
        try:
            factor = cho_factor(products, overwrite_a=True)
        except LinAlgError as error:
            raise self._refusal() from error
        return cho_solve(factor, sums).astype(self.components_.dtype)

    def decision_function(self, X: ArrayLike) -> np.ndarray:  # noqa: N803
        """Return the margin of each class, mostly -1 to 1, (n, classes); for two classes that of the second, (n,)."""
        if self._is_checked(X):
            rows = np.asarray(X)
        else:
            check_is_fitted(self)
            rows = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        return kernel_margins(
            rows,
            components=self.components_,
            coef=self.coef_,
            gamma=self.gamma,
            chunk_rows=self.chunk_rows,
            lengths=getattr(self, "lengths_", None),  # missing in model files of earlier versions
        )

    def predict(self, X: ArrayLike) -> np.ndarray:  # noqa: N803
        """Predict the class of each row, (n,)."""
        margins = self.decision_function(X)
        return self.classes_[(margins > 0).astype(int) if margins.ndim == 1 else margins.argmax(axis=1)]

    def _is_checked(self, rows: ArrayLike) -> bool:
        """Whether rows can skip scikit-learn's checks, which take longer than the prediction of one row."""
        if not (hasattr(self, "coef_") and isinstance(rows, np.ndarray) and rows.flags.c_contiguous and rows.size):
            return False
        alike = rows.dtype == self.components_.dtype and rows.shape[1:] == self.components_.shape[1:]
        return alike and bool(np.isfinite(rows).all())

    def _kernel(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        lengths = getattr(self, "lengths_", None)  # missing in model files of earlier versions
        if lengths is None:
            lengths = squared_lengths(self.components_)
        return rbf_kernel(rows, self.components_, lengths, self.gamma, out)


def margins_of(scores: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Return by how much the score of each row's own class exceeds the highest other score; below 0 is an error.

    Args:
        scores: (n, classes), or (n,) for two classes.
        towards: 1 in the column of the row's own class and -1 elsewhere, (n, classes), or (n, 1) for two classes.

    Examples:
        >>> margins_of(np.array([[0.5, -0.5, 0.25], [0.0, 0.0, 1.0]]), np.array([[1, -1, -1], [1, -1, -1]])).tolist()
        [0.25, -1.0]
        >>> margins_of(np.array([0.5, 0.5]), np.array([[1], [-1]])).tolist()
        [1.0, -1.0]
    """
    if scores.ndim == 1:
        return 2 * scores * towards[:, 0]
    own = towards > 0
    return scores[own] - np.where(own, -np.inf, scores).max(axis=1)
