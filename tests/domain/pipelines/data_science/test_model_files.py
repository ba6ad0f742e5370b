"""Model files of the contenders of ``conf/mnist``."""

import json
import os
import subprocess
import sys
from functools import cache
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import yaml

from kedro_guards import model_files
from penstroke.domain.images import oriented_gradients
from penstroke.domain.pixels import to_images, to_table

from ....conftest import ROOT
from ....pipelines.data_science.test_model_files import file_of, fitted_on
from ....seam import RAW_ROWS

CONTENDERS = yaml.safe_load((ROOT / "conf/mnist/parameters_data_science.yml").read_text())["contenders"]


@cache
def fitted(name):
    """A contender on 60 digits, its rows and their labels."""
    digits = RAW_ROWS.head(60)
    pixels = to_images(digits) / np.float32(16)
    gradients = oriented_gradients(pixels, 4, 4, 0.5).reshape(len(pixels), -1)
    features = to_table(pixels).join(pd.DataFrame(gradients).add_prefix("gradient_"))
    return fitted_on(features, digits["label"], CONTENDERS, name)


def sums_of_all_contenders():
    """The sha256 of each contender's file."""
    return {name: sha256(file_of(fitted(name)[0]).getvalue()).hexdigest() for name in CONTENDERS}


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_comes_back_from_its_file_with_the_same_answers_and_bytes(name):
    model, rows, labels = fitted(name)

    again = model_files.load(file_of(model))

    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    assert (model.predict(rows) == labels).mean() > 0.8
    assert file_of(again).getvalue() == file_of(model).getvalue()


@pytest.mark.slow
def test_another_process_with_other_hashes_fits_and_writes_the_same_bytes():
    command = f"import json; from {__name__} import *; print(json.dumps(sums_of_all_contenders()))"
    environment = os.environ | {"PYTHONHASHSEED": "4", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

    other = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, check=True)

    assert json.loads(other.stdout.splitlines()[-1]) == sums_of_all_contenders()
