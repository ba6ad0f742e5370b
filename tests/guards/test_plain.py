"""Model files are read as plain data, without importing a class."""

import json
import os
import subprocess
import sys
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import FunctionTransformer

from kedro_guards import model_files
from kedro_guards.plain import NotPlainError, PlainObject, load_plain

from .tiny import ROOT

VALUES = {
    "a number": 0.5,
    "nothing": None,
    "a list": [1, "two"],
    "a tuple": (1, (2.5, True)),
    "a dictionary": {"one": 1},
    "a slice": slice(2, 9, None),
    "numbers": np.arange(6, dtype=np.float32).reshape(2, 3),
    "texts": np.array(["malignant", "benign"], object),
}


def _written(model):
    file = BytesIO()
    model_files.dump(model, file)
    return file.getvalue()


def _with_schema(content, **changes):
    """Change the description of the objects in a model file."""
    with ZipFile(BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["schema.json"] = json.dumps(json.loads(members["schema.json"]) | changes).encode()
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return file.getvalue()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_an_attribute_is_read_as_it_was(value):
    model = DummyClassifier()
    model.kept_ = value

    found = load_plain(_written(model))

    assert found.name == "DummyClassifier"
    assert type(found["kept_"]) is type(value)
    np.testing.assert_equal(found["kept_"], value)


def test_objects_within_a_model_are_read_too():
    model = DummyClassifier()
    model.inner_ = [DummyClassifier(constant=7)]

    (inner,) = load_plain(_written(model))["inner_"]

    assert isinstance(inner, PlainObject)
    assert inner["constant"] == 7


def test_what_is_no_plain_data_is_refused_when_it_is_asked_for():
    found = load_plain(_written(FunctionTransformer(np.sqrt)))

    assert found["validate"] is False
    with pytest.raises(NotPlainError, match="sqrt is no plain data"):
        found["func"]
    with pytest.raises(NotPlainError, match="FunctionTransformer has no attribute steps"):
        found["steps"]


def test_keys_that_are_no_texts_are_refused_and_not_changed():
    model = DummyClassifier()
    model.counts_ = {1: 2}

    with pytest.raises(NotPlainError, match="dict is no plain data"):
        load_plain(_written(model))["counts_"]


def test_another_version_of_the_format_is_refused():
    with pytest.raises(NotPlainError, match="the file has protocol 3 of skops; only 2 is read"):
        load_plain(_with_schema(_written(DummyClassifier()), protocol=3))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + 18 * b"\0"])
def test_a_file_that_is_no_model_is_refused(content):
    with pytest.raises((model_files.ModelFileError, NotPlainError)):
        load_plain(content)


def test_reading_imports_no_class(tmp_path):
    (tmp_path / "model.skops").write_bytes(_written(DummyClassifier(constant=7)))
    code = (
        "import sys; from pathlib import Path; from kedro_guards.plain import load_plain; "
        "print(load_plain(Path('model.skops').read_bytes())['constant'], 'sklearn' in sys.modules)"
    )

    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.split()[-2:] == ["7", "False"]
