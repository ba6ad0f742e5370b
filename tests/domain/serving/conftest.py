"""Images as they are sent to the service."""

import numpy as np

from ...serving import conftest as shared

service, served_project, client, inference = shared.service, shared.served_project, shared.client, shared.inference


def numbers(count: int, side: int = 8, ink: int = 16, seed: int = 0) -> list:
    """Give random images on light paper as numbers."""
    images = np.zeros((count, side, side), int)
    images[:, 1:-1, 1:-1] = np.random.default_rng(seed).integers(0, ink, (count, side - 2, side - 2), endpoint=True)
    return images.tolist()
