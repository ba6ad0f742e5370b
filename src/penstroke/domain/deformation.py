"""Deformed copies of images."""

import numpy as np
from scipy import ndimage


def deform(
    images: np.ndarray,
    draws: np.ndarray,
    *,
    rotation_degrees: float,
    scaling: float,
    slant: float,
    shift: float,
) -> np.ndarray:
    """Make rotated, scaled, slanted and shifted copies.

    Args:
        images: (n, height, width), any real dtype.
        draws: (copies, n, 6) from -1 to 1: the share of each limit that a copy gets, for rotation, height, width,
            slant, vertical move (positive is up), horizontal move (positive is left).
        rotation_degrees: largest rotation.
        scaling: largest relative change of height and of width.
        slant: largest shear, in columns per row.
        shift: largest move along each axis, as a share of the side.

    Returns:
        (copies, n, height, width) float32, linearly interpolated. Ink that leaves the image is lost.

    Examples:
        >>> dot = np.array([[[0, 0, 0], [0, 8, 0], [0, 0, 0]]])
        >>> up = np.array([[[0, 0, 0, 0, 1, 0]]])  # one copy of one image, moved up by the full limit
        >>> moved = deform(dot, up, rotation_degrees=0, scaling=0, slant=0, shift=1 / 3)
        >>> moved[0, 0].round().tolist()
        [[0.0, 8.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    copies, count = draws.shape[:2]
    height, width = images.shape[1:]
    turn, tall, wide, lean, down, across = draws.reshape(-1, 6, 1, 1).swapaxes(0, 1)
    rows, columns = np.indices((height, width)) - (np.array([[[height]], [[width]]]) - 1) / 2
    cosine, sine = (function(np.deg2rad(rotation_degrees) * turn) for function in (np.cos, np.sin))
    from_rows = (cosine * rows + sine * columns) * (1 + scaling * tall) + shift * down * height
    from_columns = (cosine * columns - sine * rows) * (1 + scaling * wide) + slant * lean * rows
    from_columns = from_columns + shift * across * width
    which = np.broadcast_to(np.tile(np.arange(count), copies)[:, None, None], from_rows.shape)
    places = [which, from_rows + (height - 1) / 2, from_columns + (width - 1) / 2]
    moved = ndimage.map_coordinates(images.astype(np.float32), places, order=1)
    return moved.reshape(copies, count, height, width)
