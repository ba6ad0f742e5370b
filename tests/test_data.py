import hashlib
import re

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from penstroke.domain.pixels import to_images

from .conftest import ROOT

SHIPPED = ROOT / "data/01_raw/digits.parquet"


def test_the_shipped_digits_have_the_checksum_that_their_description_states():
    stated = re.search(r"\b[0-9a-f]{64}\b", (ROOT / "data/README.md").read_text())[0]

    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == stated


def test_the_shipped_digits_are_those_of_scikit_learn():
    digits, source = pd.read_parquet(SHIPPED), load_digits()

    np.testing.assert_array_equal(to_images(digits), source.images)
    np.testing.assert_array_equal(digits["label"], source.target)
    assert list(digits.index[[0, -1]]) == ["optdigits-tes-0000", "optdigits-tes-1796"]


def test_each_sample_drawing_is_described_and_begins_with_its_digit():
    described = (ROOT / "data/README.md").read_text()
    drawings = sorted(path.name for path in (ROOT / "data/01_raw/drawings").iterdir())

    assert {name[0] for name in drawings} == set("0123456789")
    assert [name for name in drawings if name not in described] == []
    assert sum((ROOT / "data/01_raw/drawings" / name).stat().st_size for name in drawings) < 300_000
