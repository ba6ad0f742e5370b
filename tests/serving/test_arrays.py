import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier
from penstroke.pipelines.feature_engineering.nodes import extract_features
from penstroke.pipelines.feature_engineering.patches import PatchDictionary
from penstroke.pixels import pixel_columns, scale_ink
from penstroke.serving.arrays import ModelFormError, for_arrays


def _parts():
    patches = PatchDictionary(grid=6, atoms=10, components=8, random_state=0)
    gradients, pixels = (make_column_selector(pattern=f"^{name}_") for name in ("gradient", "pixel"))
    return ColumnTransformer(
        [("gradients", "passthrough", gradients), ("patches", patches, pixels)],
        transformer_weights={"gradients": 0.23, "patches": 0.71},
    )


FORMS = {
    "one against the rest": make_pipeline(PCA(20), OneVsRestClassifier(SVC())),
    "lonely": make_pipeline(KNeighborsClassifier(5, algorithm="brute")),
    "vote": VotingClassifier([("a", GaussianNB()), ("b", KNeighborsClassifier())], voting="soft"),
    "parts": make_pipeline(_parts(), NystroemRidgeClassifier(50, random_state=0)),
}


@pytest.fixture(scope="module")
def rows(raw_digits, features_of_base):
    names = pixel_columns(raw_digits)
    scaled = pd.DataFrame(scale_ink(raw_digits[names].to_numpy(), 16), raw_digits.index, names)
    return extract_features(scaled, features_of_base.model_copy(update={"pixels": True}))


@pytest.fixture(scope="module")
def labels(raw_digits):
    return raw_digits["label"].to_numpy()


def _calibrations(classifier, rows, labels):
    yield CalibratedClassifierCV(classifier, method="temperature", cv=3, ensemble=False)
    yield CalibratedClassifierCV(classifier, method="sigmoid", cv=3)
    yield CalibratedClassifierCV(FrozenEstimator(classifier.fit(rows, labels)), method="temperature", ensemble=False)


@pytest.mark.parametrize("form", FORMS)
def test_the_twin_answers_arrays_bit_by_bit_as_the_model_answers_tables(rows, labels, form):
    for model in _calibrations(AugmentedClassifier(FORMS[form]), rows, labels):
        model.fit(rows, labels)
        twin = for_arrays(model, rows.head(10))

        for count in (1, 7, len(rows)):
            expected = model.predict_proba(rows.head(count))
            np.testing.assert_array_equal(twin.predict_proba(np.asfortranarray(rows.head(count))), expected)
        np.testing.assert_array_equal(twin.classes_, model.classes_)


def test_the_model_itself_stays_as_it_is(rows, labels):
    model = AugmentedClassifier(make_pipeline(PCA(5), KNeighborsClassifier(3))).fit(rows, labels)

    for_arrays(model, rows.head(2))

    np.testing.assert_array_equal(model.classifier_[0].feature_names_in_, rows.columns)


class ByName(ClassifierMixin, BaseEstimator):
    """Needs a column by its name."""

    def fit(self, X, y):  # noqa: N803
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):  # noqa: N803
        ink = X["pixel_0_0"].to_numpy()
        return np.stack([ink, 1 - ink], axis=1)


def test_a_model_that_needs_names_has_no_twin(rows, labels):
    with pytest.raises(ModelFormError, match="needs the names of columns"):
        for_arrays(ByName().fit(rows, labels), rows.head(2))
