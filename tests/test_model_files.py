import json
import os
import pickle
import subprocess
import sys
import warnings
from functools import cache
from hashlib import sha256
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
from threadpoolctl import threadpool_limits

from penstroke import model_files
from penstroke.pipelines.data_science.parameters import Contenders
from penstroke.pipelines.feature_engineering.images import oriented_gradients
from penstroke.pixels import to_images, to_table

from .conftest import ROOT, base_parameters

MNIST_CONTENDERS = yaml.safe_load((ROOT / "conf/mnist/parameters_data_science.yml").read_text())["contenders"]
CONTENDERS = base_parameters("data_science")["contenders"] | MNIST_CONTENDERS

ROWS, LABELS = np.random.default_rng(0).uniform(size=(60, 200)), np.arange(60) % 3


@cache
def fitted(name):
    """A contender on 60 digits, its rows and their labels."""
    digits = pd.read_parquet(ROOT / "data/01_raw/digits.parquet").head(60)
    pixels = to_images(digits) / np.float32(16)
    gradients = oriented_gradients(pixels, 4, 4, 0.5).reshape(len(pixels), -1)
    rows = to_table(pixels).join(pd.DataFrame(gradients).add_prefix("gradient_"))
    # the same corner of all digits is blank; one thread, since the last bits may depend on their number
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
        model = Contenders.model_validate(CONTENDERS).root[name].build(seed=1).fit(rows, digits["label"])
    return model, rows, digits["label"]


def sums_of_all_contenders():
    """The sha256 of each contender's file."""
    return {name: sha256(_file_of(fitted(name)[0]).getvalue()).hexdigest() for name in CONTENDERS}


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


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_comes_back_from_its_file_with_the_same_answers(name):
    model, rows, labels = fitted(name)

    again = model_files.load(_file_of(model))

    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    assert (model.predict(rows) == labels).mean() > 0.8


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_model_makes_the_same_bytes_whenever_it_is_written_and_also_once_it_was_loaded(name):
    model, _, _ = fitted(name)

    content = _file_of(model).getvalue()

    assert _file_of(model).getvalue() == content
    assert _file_of(model_files.load(BytesIO(content))).getvalue() == content


def test_another_process_with_other_hashes_fits_and_writes_the_same_bytes():
    command = "import json; from tests.test_model_files import *; print(json.dumps(sums_of_all_contenders()))"
    environment = os.environ | {"PYTHONHASHSEED": "4", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

    other = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, check=True)

    assert json.loads(other.stdout) == sums_of_all_contenders()


def test_plain_skops_reads_what_is_written():
    model, rows, _ = fitted("svm")

    again = skops.io.loads(_file_of(model).getvalue(), trusted=list(model_files.TRUSTED_TYPES))

    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


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
