"""Stored models predict the same without scikit-learn."""

import json
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from kedro_guards import model_files
from kedro_guards.plain import PROTOCOL, NotPlainError
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier
from penstroke.plain_models import read_plain_model

KERNEL = NystroemRidgeClassifier(n_components=40, random_state=0)
WEIGHTED = ColumnTransformer(
    [("front", "passthrough", slice(0, 3)), ("back", "passthrough", [5, 4])], transformer_weights={"front": 0.5}
)
CLASSIFIERS = {
    "alone": KERNEL,
    "in a pipeline": make_pipeline(KERNEL),
    "of weighted columns": make_pipeline(WEIGHTED, KERNEL),
    "of augmented rows": AugmentedClassifier(KERNEL),
    "of augmented rows, in a pipeline": AugmentedClassifier(make_pipeline(WEIGHTED, KERNEL)),
}


@pytest.fixture
def rows():
    return np.random.default_rng(0).standard_normal((90, 6)).astype(np.float32)


def _stored(classifier, rows, classes):
    label = np.asarray(classes)[np.digitize(rows[:, 0], np.linspace(-1, 1, len(classes) - 1))]
    model = TemperatureScaledClassifier(classifier, folds=2).fit(rows, label)
    model.form_, model.features_, model.feature_names_in_ = (
        {"columns": ["a"]},
        {"chunk_rows": 9},
        np.array(["a"], object),
    )
    file = BytesIO()
    model_files.dump(model, file)
    return model, file.getvalue()


@pytest.mark.parametrize("classes", [(0, 1, 2), ("benign", "malignant")], ids=["numbers", "texts"])
@pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_a_model_predicts_the_same_bits_without_scikit_learn(classifier, classes, rows):
    model, content = _stored(classifier, rows, classes)

    plain = read_plain_model(content)

    assert plain.classes_.tolist() == list(classes)
    assert (plain.form_, plain.features_, plain.feature_names_in_) == ({"columns": ["a"]}, {"chunk_rows": 9}, ["a"])
    for some in (rows, rows[:1]):
        np.testing.assert_array_equal(plain.predict_proba(some), model.predict_proba(some))


def test_a_model_that_was_calibrated_on_rows_held_back_predicts_the_same_bits(rows):
    label = (rows[:, 0] > 0).astype(int)
    model = TemperatureScaledClassifier(FrozenEstimator(KERNEL.fit(rows[:60], label[:60])), folds=None)
    model.fit(rows[60:], label[60:])
    model.form_, model.features_, model.feature_names_in_ = {}, {}, np.array(["a"], object)
    file = BytesIO()
    model_files.dump(model, file)

    np.testing.assert_array_equal(read_plain_model(file.getvalue()).predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize(
    ("classifier", "unknown"),
    [
        (LogisticRegression(), "LogisticRegression"),
        (make_pipeline(StandardScaler(), KERNEL), "StandardScaler"),
        (AugmentedClassifier(make_pipeline(StandardScaler(), KERNEL)), "StandardScaler"),
    ],
    ids=["classifier", "step", "step of augmented rows"],
)
def test_a_part_that_is_not_known_is_named(classifier, unknown, rows):
    _, content = _stored(classifier, rows, (0, 1, 2))

    with pytest.raises(NotPlainError, match=f"{unknown} is not known"):
        read_plain_model(content)


def test_a_file_whose_parts_have_another_form_is_no_plain_model(rows):
    nested = make_pipeline(make_pipeline(WEIGHTED, KERNEL))
    _, content = _stored(nested, rows, (0, 1, 2))
    schema = json.loads(_members(content)["schema.json"])

    for broken in ([], {"protocol": PROTOCOL}, schema | {"content": []}, schema | {"__loader__": None}):
        with pytest.raises(NotPlainError):
            read_plain_model(_packed(_members(content) | {"schema.json": json.dumps(broken).encode()}))


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda array: array[:90]], ids=["empty", "cut short"])
def test_a_model_with_damaged_arrays_is_no_plain_model(spoil, rows):
    members = _members(_stored(KERNEL, rows, (0, 1, 2))[1])
    damaged = {name: member if name == "schema.json" else spoil(member) for name, member in members.items()}

    with pytest.raises(NotPlainError):
        read_plain_model(_packed(damaged))


def test_a_model_file_with_a_flipped_bit_is_no_plain_model(rows):
    _, content = _stored(KERNEL, rows, (0, 1, 2))
    middle = len(content) // 2

    with pytest.raises(NotPlainError, match="Bad CRC-32|decompressing"):
        read_plain_model(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])


def test_a_step_that_is_a_word_is_not_known(rows):
    _, content = _stored(Pipeline([("nothing", "passthrough"), ("kernel", KERNEL)]), rows, (0, 1, 2))

    with pytest.raises(NotPlainError):
        read_plain_model(content)


def _members(content):
    with ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members):
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return file.getvalue()
