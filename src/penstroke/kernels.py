"""The arithmetic of kernel machines and of temperature scaling, on arrays."""

import numpy as np


def rbf_kernel(
    rows: np.ndarray, components: np.ndarray, lengths: np.ndarray, gamma: float, out: np.ndarray | None = None
) -> np.ndarray:
    """Return ``exp(-gamma |x - y|^2)`` of rows and components, (rows, components), in the rows' own precision.

    Args:
        rows: (n, features), float32 or float64.
        components: (m, features), of the same type.
        lengths: the squared length of each component, (m,).
        gamma: above 0.
        out: memory for the result of at least n rows.

    Examples:
        >>> rows = np.array([[0.0, 0.0], [0.0, 1.0]])
        >>> rbf_kernel(rows, rows, squared_lengths(rows), gamma=0.5).round(2).tolist()
        [[1.0, 0.61], [0.61, 1.0]]
    """
    kernel = np.matmul((2 * gamma) * rows, components.T, out=None if out is None else out[: len(rows)])
    kernel -= gamma * squared_lengths(rows)[:, None]
    kernel -= gamma * lengths
    np.minimum(kernel, 0, out=kernel)  # rounding can make squared distances negative
    return np.exp(kernel, out=kernel)


def squared_lengths(rows: np.ndarray) -> np.ndarray:
    """Return the squared length of each row, (n,)."""
    return np.einsum("ij,ij->i", rows, rows)


def kernel_margins(
    rows: np.ndarray,
    *,
    components: np.ndarray,
    coef: np.ndarray,
    gamma: float,
    chunk_rows: int,
    lengths: np.ndarray | None = None,
) -> np.ndarray:
    """Return the margins of a kernel machine, (n, outputs), or (n,) for one output; see :func:`rbf_kernel`.

    Args:
        rows: (n, features).
        components: (m, features).
        coef: (m, outputs).
        gamma: of the kernel.
        chunk_rows: rows per chunk; limits memory.
        lengths: the squared lengths of the components, if they are known.
    """
    lengths = squared_lengths(components) if lengths is None else lengths
    starts = range(0, max(len(rows), 1), chunk_rows)
    chunks = (rows[start : start + chunk_rows] for start in starts)
    margins = [rbf_kernel(chunk, components, lengths, gamma) @ coef for chunk in chunks]
    joined = margins[0] if len(margins) == 1 else np.concatenate(margins)
    return joined.ravel() if joined.shape[1] == 1 else joined


def temper(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Turn scores into probabilities, (n, classes) float64.

    Args:
        scores: (n, classes); of two classes perhaps one margin, (n,), that of the second.
        temperature: divisor of the scores, above 0.

    Examples:
        >>> temper(np.array([[0.0, 1.0]]), 1.0).round(2)
        array([[0.27, 0.73]])
    """
    logits = as_logits(scores) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def as_logits(scores: np.ndarray) -> np.ndarray:
    """Return scores as float64 with a column per class, also if two classes share one margin."""
    return np.asarray(np.column_stack([-scores, scores]) if scores.ndim == 1 else scores, np.float64)
