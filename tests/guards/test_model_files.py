import json
import os
import subprocess
import sys
from functools import cache
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from kedro_guards import model_files

from .tiny import ROOT

ROWS, LABELS = np.random.default_rng(0).uniform(size=(60, 200)), np.arange(60) % 3
KINDS = {
    "boosted trees": HistGradientBoostingClassifier(max_iter=3, random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "neighbours": KNeighborsClassifier(3),
    "calibrated support vectors": CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), cv=3, ensemble=False),
}


class Keeper(BaseEstimator):
    """A class of a project, trusted by its settings."""

    def fit(self, rows, labels):
        self.seen_ = len(rows)
        return self


class Stranger(Keeper):
    """A class that nobody trusts."""


@pytest.fixture(autouse=True)
def trusted(monkeypatch):
    """Let the settings of the project trust one class of its own."""
    monkeypatch.setattr(model_files, "settings", settings := {"TRUSTED_TYPES": (f"{__name__}.Keeper",)})
    return settings


@cache
def fitted(kind):
    with threadpool_limits(1):  # the last bits may depend on the number of threads
        return KINDS[kind].fit(ROWS, LABELS)


def sums():
    """The sha256 of the file of each kind of model."""
    return {kind: sha256(_file_of(fitted(kind)).getvalue()).hexdigest() for kind in KINDS}


def _file_of(model):
    file = BytesIO()
    model_files.dump(model, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back_from_its_file_with_the_same_answers(kind):
    again = model_files.load(_file_of(fitted(kind)))

    np.testing.assert_array_equal(again.predict_proba(ROWS), fitted(kind).predict_proba(ROWS))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_makes_the_same_bytes_whenever_it_is_written_and_also_once_it_was_loaded(kind):
    content = _file_of(fitted(kind)).getvalue()

    assert _file_of(fitted(kind)).getvalue() == content
    assert _file_of(model_files.load(BytesIO(content))).getvalue() == content


def test_another_process_with_other_hashes_fits_and_writes_the_same_bytes():
    command = "import json; from tests.guards.test_model_files import *; print(json.dumps(sums()))"
    environment = os.environ | {"PYTHONHASHSEED": "4", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

    other = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, check=True)

    assert json.loads(other.stdout.splitlines()[-1]) == sums()


def test_plain_skops_reads_what_is_written():
    kind = "calibrated support vectors"

    again = skops.io.loads(_file_of(fitted(kind)).getvalue(), trusted=model_files.trusted_types())

    np.testing.assert_array_equal(again.predict(ROWS), fitted(kind).predict(ROWS))


def test_a_model_is_not_called_damaged_where_a_package_is_missing(monkeypatch):
    file = _file_of(fitted("neighbours"))
    monkeypatch.setitem(sys.modules, "skops.io", None)
    model_files._skops.cache_clear()

    with pytest.raises(model_files.ModelFileError, match=r"read with skops.io, which is not installed; use an env"):
        model_files.load(file)


def test_a_model_that_could_not_be_read_again_is_not_written():
    file = BytesIO()

    with pytest.raises(ValueError, match="Stranger, which is not trusted"):
        model_files.dump(Stranger().fit(ROWS, LABELS), file)
    assert file.getvalue() == b""


def _renamed(content, module):
    """The same file, as a project would have written it whose class lay in another module."""
    changed = BytesIO()
    with ZipFile(BytesIO(content)) as archive, ZipFile(changed, "w") as other:
        for name in archive.namelist():
            member = archive.read(name)
            other.writestr(name, member.replace(__name__.encode(), module.encode()))
    return changed.getvalue()


def _of_our_class():
    return _file_of(Keeper().fit(ROWS, LABELS)).getvalue()


@pytest.mark.parametrize("package", ["theirs", "team.theirs", "os"])
def test_a_model_that_was_made_before_the_project_was_renamed_is_loaded(package):
    content = _of_our_class()
    renamed = _renamed(content, f"{package}.{__name__.partition('.')[2]}")

    again = model_files.load(BytesIO(renamed))

    assert renamed != content
    assert type(again) is Keeper
    assert _file_of(again).getvalue() == content


def test_a_model_that_was_made_before_its_class_moved_is_loaded(trusted):
    before = _renamed(_of_our_class(), f"{__name__.partition('.')[0]}.former.home")
    with pytest.raises(model_files.ModelFileError, match="former.home.Keeper, which is not trusted"):
        model_files.load(BytesIO(before))

    trusted["FORMER_NAMES"] = {f"{__name__.partition('.')[0]}.former.home": __name__}

    assert type(model_files.load(BytesIO(before))) is Keeper


def test_a_class_that_the_project_no_longer_has_is_refused_with_a_way_on():
    content = _renamed(_of_our_class(), "bygone")

    way_on = "where it no longer exists, run the pipeline again that makes the model"
    with pytest.raises(model_files.ModelFileError, match=f"bygone.Keeper, which .*{way_on}"):
        model_files.load(BytesIO(content))
