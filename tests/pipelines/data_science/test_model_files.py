"""Model files of the contenders of ``conf/base``, and of the project's own classes."""

import json
import os
import subprocess
import sys
import warnings
from functools import cache
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from penstroke.domain import extract_features
from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.pipelines.data_science.parameters import Contenders

from ...conftest import ROOT, base_parameters
from ...seam import FEATURES, rows_with_split

CONTENDERS = base_parameters("data_science")["contenders"]

ROWS, LABELS = np.random.default_rng(0).uniform(size=(60, 200)), np.arange(60) % 3


@cache
def fitted(name):
    """A contender on 60 rows, the features of these and their labels."""
    rows = rows_with_split(False).head(60)
    return fitted_on(extract_features(rows, FEATURES), rows["label"], CONTENDERS, name)


def fitted_on(features, labels, contenders, name):
    # a feature may be the same in all rows; one thread, since the last bits may depend on their number
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
        model = Contenders.model_validate(contenders).root[name].build(1, list(features.columns))
        return model.fit(features.to_numpy(), labels), features.to_numpy(), labels


def sums_of_all_contenders():
    """The sha256 of each contender's file."""
    return {name: sha256(file_of(fitted(name)[0]).getvalue()).hexdigest() for name in CONTENDERS}


def file_of(model):
    file = BytesIO()
    model_files.dump(model, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_comes_back_from_its_file_with_the_same_answers(name):
    model, rows, labels = fitted(name)

    again = model_files.load(file_of(model))

    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    assert (model.predict(rows) == labels).mean() > 0.8


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_model_makes_the_same_bytes_whenever_it_is_written_and_also_once_it_was_loaded(name):
    model, _, _ = fitted(name)

    content = file_of(model).getvalue()

    assert file_of(model).getvalue() == content
    assert file_of(model_files.load(BytesIO(content))).getvalue() == content


@pytest.mark.slow
def test_another_process_with_other_hashes_fits_and_writes_the_same_bytes():
    command = f"import json; from {__name__} import *; print(json.dumps(sums_of_all_contenders()))"
    environment = os.environ | {"PYTHONHASHSEED": "4", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

    other = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, check=True)

    assert json.loads(other.stdout.splitlines()[-1]) == sums_of_all_contenders()


def _renamed(content, package, module="estimators"):
    """The same file, as a project of another name, or with another module, would have written it."""
    changed = BytesIO()
    with ZipFile(BytesIO(content)) as archive, ZipFile(changed, "w") as other:
        for name in archive.namelist():
            member = archive.read(name)
            if name == model_files.SCHEMA:
                member = member.replace(
                    b"penstroke.pipelines.data_science.estimators",
                    f"{package}.pipelines.data_science.{module}".encode(),
                )
            other.writestr(name, member)
    return changed.getvalue()


def _of_our_class():
    rows = pd.DataFrame(ROWS).add_prefix("x")
    return AugmentedClassifier(KNeighborsClassifier(3, algorithm="brute")).fit(rows, LABELS)


@pytest.mark.parametrize("package", ["theirs", "team.theirs", "os"])
def test_a_model_that_was_made_before_the_project_was_renamed_is_loaded(package):
    content = file_of(_of_our_class()).getvalue()
    renamed = _renamed(content, package)

    again = model_files.load(BytesIO(renamed))

    assert renamed != content
    assert type(again) is AugmentedClassifier
    assert file_of(again).getvalue() == content
