import pickle
from io import BytesIO

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from penstroke import model_files
from penstroke.pipelines.data_science.parameters import Contenders

from .conftest import base_parameters

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
