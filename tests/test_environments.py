"""Other data by configuration alone."""

import gzip
import json
import os

import numpy as np
import pandas as pd
import pytest

from penstroke.domain.idx import IdxDataset
from penstroke.domain.pixels import to_images

from .conftest import ROOT, Kedro
from .domain.test_idx import FILES, idx_bytes


def _write_idx(folder, images, labels, train):
    folder.mkdir()
    for part, chosen in (("train", slice(0, train)), ("test", slice(train, None))):
        (folder / FILES[f"{part}_images"]).write_bytes(gzip.compress(idx_bytes(images[chosen])))
        (folder / FILES[f"{part}_labels"]).write_bytes(gzip.compress(idx_bytes(labels[chosen])))


@pytest.fixture
def sixteens(tmp_path):
    """The shipped digits as an IDX set of 16 x 16 pixels, the last 300 of them its test part."""
    digits = pd.read_parquet(ROOT / "data/01_raw/digits.parquet")
    images = np.kron(to_images(digits).astype(int) * 255 // 16, np.ones((2, 2), int))
    _write_idx(tmp_path / "sixteens", images, digits["label"].to_numpy(), train=1497)
    return tmp_path / "sixteens"


@pytest.mark.slow
def test_the_mnist_environment_runs_an_idx_set_of_another_size_from_another_folder(kedro: Kedro, project, sixteens):
    result = kedro("run", "--env=mnist", f"--params=source={sixteens}")

    assert result.returncode == 0, result.stderr
    data = project / "data/mnist"
    scores = json.loads((data / "08_reporting/test_scores.json").read_text())
    assert scores["rows"] == 300
    assert scores["accuracy"] > 0.95
    digits = pd.read_parquet(data / "03_primary/digits.parquet")
    assert to_images(digits).shape == (1797, 16, 16)
    assert not (project / "data/03_primary").exists()


def test_a_source_that_is_not_there_is_said_in_three_lines(kedro: Kedro, tmp_path):
    result = kedro("run", "--env=mnist", f"--params=source={tmp_path / 'nowhere'}")

    assert result.returncode == 1
    assert "train-images-idx3-ubyte.gz cannot be read" in result.stderr
    assert len(result.stderr.splitlines()) <= 3


def test_a_name_that_only_the_catalog_of_another_environment_asks_for_is_refused(kedro: Kedro, sixteens):
    result = kedro("run", "--env=test", f"--params=source={sixteens}")

    assert result.returncode == 1
    assert "source is not a known group of parameters" in result.stderr


def test_the_real_mnist_is_read_whole():
    folder = os.environ.get("PENSTROKE_MNIST")
    if not folder:
        pytest.skip("PENSTROKE_MNIST names no folder with the four files of MNIST")

    table = IdxDataset(path=folder, files=FILES, filepath="nothing is kept").load()

    assert table["split"].value_counts().to_dict() == {"train": 60000, "test": 10000}
    assert list(table["label"].head(5)) == [5, 0, 4, 1, 9]
    images = to_images(table)
    assert images.shape == (70000, 28, 28)
    assert images.mean() == pytest.approx(33.3, abs=0.1)
