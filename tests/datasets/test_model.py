import numpy as np
import pytest
from kedro.io import DatasetError
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from penstroke.datasets.model import ModelDataset

ROWS, LABELS = np.random.default_rng(0).uniform(size=(30, 4)), np.arange(30) % 3


def test_a_model_comes_back_with_the_same_answers(tmp_path):
    dataset, model = ModelDataset(filepath=str(tmp_path / "a/model.skops")), SVC().fit(ROWS, LABELS)

    dataset.save(model)

    np.testing.assert_array_equal(dataset.load().predict(ROWS), model.predict(ROWS))


def test_a_model_that_is_refused_costs_the_former_file_nothing(tmp_path):
    path = tmp_path / "model.skops"
    dataset = ModelDataset(filepath=str(path))
    dataset.save(SVC().fit(ROWS, LABELS))
    before = path.read_bytes()

    with pytest.raises(DatasetError, match="loadtxt"):
        dataset.save(FunctionTransformer(func=np.loadtxt))

    assert path.read_bytes() == before
