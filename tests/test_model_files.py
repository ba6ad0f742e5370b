import pickle
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from penstroke import model_files
from penstroke.pipelines.data_science.parameters import Contenders
from penstroke.pipelines.feature_engineering.images import oriented_gradients
from penstroke.pixels import to_images, to_table

from .conftest import ROOT, base_parameters

MNIST_CONTENDERS = yaml.safe_load((ROOT / "conf/mnist/parameters_data_science.yml").read_text())["contenders"]

ROWS, LABELS = np.random.default_rng(0).uniform(size=(60, 200)), np.arange(60) % 3


class Stranger(BaseEstimator):
    def fit(self, rows, labels):
        self.seen_ = len(rows)
        return self


def _file_of(model):
    file = BytesIO()
    model_files.dump(model, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("forest", [HistGradientBoostingClassifier(max_iter=3), RandomForestClassifier(5)])
def test_trees_come_back_from_their_file_with_the_same_answers(forest):
    again = model_files.load(_file_of(forest.fit(ROWS, LABELS)))

    np.testing.assert_array_equal(again.predict_proba(ROWS), forest.predict_proba(ROWS))


@pytest.mark.parametrize("name", MNIST_CONTENDERS)
def test_every_contender_for_mnist_comes_back_from_its_file_with_the_same_answers(name, raw_digits):
    contenders = Contenders.model_validate(MNIST_CONTENDERS)
    pixels = to_images(raw_digits) / np.float32(16)
    gradients = oriented_gradients(pixels, 4, 4, 0.5).reshape(len(pixels), -1)
    rows = to_table(pixels).join(pd.DataFrame(gradients).add_prefix("gradient_"))
    model = contenders.root[name].build(seed=1).fit(rows, raw_digits["label"])

    again = model_files.load(_file_of(model))

    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    assert (model.predict(rows) == raw_digits["label"]).mean() > 0.8


@pytest.mark.parametrize("name", base_parameters("data_science")["contenders"])
def test_every_contender_comes_back_from_its_file_with_the_same_answers(name):
    contenders = Contenders.model_validate(base_parameters("data_science")["contenders"])
    model = contenders.root[name].build(seed=1)
    model = model.set_params(**({"selectkbest__k": 10} if name == "selected_logistic" else {})).fit(ROWS, LABELS)

    again = model_files.load(_file_of(model))

    np.testing.assert_array_equal(again.predict(ROWS), model.predict(ROWS))


def test_a_model_that_could_not_be_read_again_is_not_written():
    file = BytesIO()

    with pytest.raises(ValueError, match="Stranger, which penstroke.model_files does not trust"):
        model_files.dump(Stranger().fit(ROWS, LABELS), file)
    assert file.getvalue() == b""


def test_a_function_from_a_model_file_is_refused_before_it_can_be_called():
    content = skops.io.dumps(FunctionTransformer(func=np.loadtxt))

    with pytest.raises(ValueError, match="loadtxt"):
        model_files.load(BytesIO(content))


def test_a_pickle_under_the_name_of_a_model_runs_no_code(tmp_path):
    class Mischief:
        def __reduce__(self):
            return (tmp_path.joinpath("touched").touch, ())

    with pytest.raises(ValueError, match="no model file"):
        model_files.load(BytesIO(pickle.dumps(Mischief())))
    assert not (tmp_path / "touched").exists()


def test_half_a_model_file_is_refused():
    content = _file_of(SVC().fit(ROWS, LABELS)).getvalue()

    with pytest.raises(ValueError, match="no model file"):
        model_files.load(BytesIO(content[: len(content) // 2]))
