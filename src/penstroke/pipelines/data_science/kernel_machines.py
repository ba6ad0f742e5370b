"""A kernel machine whose cost grows linearly with the rows, and whose memory hardly grows."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

JITTER = 1e-5  # added to the kernel's diagonal, which is 1, to cover the rounding errors of float32


class NystroemRidgeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Kernel ridge classifier with an RBF kernel, approximated by a sample of the training rows (Nyström method).

    It predicts the same as ``Nystroem`` followed by a ``RidgeClassifier`` without intercept. It processes rows in
    chunks and keeps only the products of the kernel's columns: rows x components^2 operations, components^2 numbers.

    Args:
        n_components: size of the sample, drawn at random; all rows if there are fewer.
        gamma: gamma of the kernel ``exp(-gamma |x - y|^2)``.
        alpha: strength of the penalty, above 0.
        chunk_rows: rows per chunk; limits memory.
        random_state: seed of the sample.

    Examples:
        >>> from sklearn.datasets import load_iris
        >>> rows, label = load_iris(return_X_y=True)
        >>> model = NystroemRidgeClassifier(n_components=50, random_state=0).fit(rows, label)
        >>> float(model.score(rows, label)) > 0.95
        True

    Source: Rudi, Camoriano and Rosasco, "Less is more: Nyström computational regularization", NIPS 2015, equation 5.
    """

    def __init__(
        self,
        n_components: int = 1000,
        gamma: float = 0.05,
        alpha: float = 0.01,
        chunk_rows: int = 2000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.gamma = gamma
        self.alpha = alpha
        self.chunk_rows = chunk_rows
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Fit on ``X``, (n, features), and the classes ``y``, (n,).

        Raises:
            ValueError: there is only one class, or ``X`` is no finite matrix.
        """
        rows, classes = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C")
        check_classification_targets(classes)
        targets = LabelBinarizer(neg_label=-1).fit(classes)
        self.classes_ = targets.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs two classes at least; found one class, {self.classes_[0]}")
        drawn = check_random_state(self.random_state).permutation(len(rows))[: self.n_components]
        self.components_ = rows[drawn]
        self.lengths_ = _squared_lengths(self.components_)
        products = np.zeros((len(drawn), len(drawn)))
        towards = np.zeros((len(drawn), targets.transform(classes[:1]).shape[1]))
        for chunk in gen_batches(len(rows), self.chunk_rows):
            kernel = self._kernel(rows[chunk]).astype(np.float64, copy=False)
            products += kernel.T @ kernel
            towards += kernel.T @ targets.transform(classes[chunk])
        penalty = self.alpha * self._kernel(self.components_) + JITTER * np.eye(len(drawn))
        self.coef_ = solve(products + penalty, towards, assume_a="pos").astype(rows.dtype)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:  # noqa: N803
        """Return the margin of each class, mostly -1 to 1, (n, classes); for two classes that of the second, (n,)."""
        if self._is_checked(X):
            rows = np.asarray(X)
        else:
            check_is_fitted(self)
            rows = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        margins = np.concatenate(
            [self._kernel(rows[chunk]) @ self.coef_ for chunk in gen_batches(len(rows), self.chunk_rows)]
        )
        return margins.ravel() if len(self.classes_) == 2 else margins

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

    def _kernel(self, rows: np.ndarray) -> np.ndarray:
        """Return the kernel of rows and components, in the rows' own precision, without copying either."""
        lengths = getattr(self, "lengths_", None)  # missing in model files of earlier versions
        kernel = 2 * (rows @ self.components_.T)
        kernel -= _squared_lengths(rows)[:, None]
        kernel -= _squared_lengths(self.components_) if lengths is None else lengths
        kernel *= self.gamma
        np.minimum(kernel, 0, out=kernel)  # rounding can make squared distances negative
        return np.exp(kernel, out=kernel)


def _squared_lengths(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)
