from copy import deepcopy

import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.pipelines.inference.reading import read_rows

from ....seam import FORM, fit, rows_with_split
from ...hostile import PNG
from ...rows import reading_of_base


@pytest.fixture(scope="module")
def model():
    return fit(KNeighborsClassifier(5), rows_with_split(False))


def test_files_become_rows_of_the_form_that_the_model_takes(model):
    rows, rejected = read_rows({"a.png": lambda: PNG, "b.png": lambda: b""}, model, reading_of_base())

    assert list(rows) == FORM.columns
    assert list(rows.index) == ["a.png"]
    assert list(rejected.index) == ["b.png"]


def test_a_model_that_does_not_say_in_what_form_it_takes_rows_reads_no_file(model):
    other = deepcopy(model)
    del other.form_

    with pytest.raises(ValueError, match="does not say in what form it takes rows: .* `kedro run`"):
        read_rows({"a.png": lambda: PNG}, other, reading_of_base())
