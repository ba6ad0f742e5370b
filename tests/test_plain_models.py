"""Stored models predict the same without scikit-learn."""

from io import BytesIO

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kedro_guards import model_files
from kedro_guards.plain import NotPlainError
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
