"""Shipped digits of other images."""

import numpy as np
import pandas as pd
import pytest

from penstroke.domain.layout import scale_ink
from penstroke.domain.pixels import to_images, to_table

from ....pipelines.monitoring import conftest as shared
from ....seam import ALL_ROWS, FORM

FULL_INK = FORM.full_ink

drift, profile, gather = shared.drift, shared.profile, shared.gather


@pytest.fixture(scope="session")
def halves():
    shuffled = ALL_ROWS.sample(frac=1, random_state=3)
    return shuffled[:1000], shuffled[1000:]


@pytest.fixture(scope="session")
def unchecked(halves):
    """The profiles of a model of an earlier version, which answers inverted rows too."""
    of_inverted = shared.profile_of(halves[0], FORM.model_copy(update={"paper": None}))
    return {shared.VERSION: lambda: of_inverted}


@pytest.fixture(scope="module")
def fresh(halves):
    return halves[1].head(200)


def with_images(table, images):
    """The same rows, of other images, (n, height, width) uint8 from 0 to 255."""
    sixteenths = np.rint(images / 255 * FULL_INK).astype(np.uint8)
    return pd.concat([table[["label"]], to_table(sixteenths).set_axis(table.index)], axis=1)


def images_of(table):
    return scale_ink(to_images(table), FULL_INK)
