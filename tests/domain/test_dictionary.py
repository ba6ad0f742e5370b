"""A dictionary of patches describes images the same without scikit-learn."""

from io import BytesIO

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from penstroke.domain.patches import PatchDictionary
from penstroke.domain.pixels import to_images
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier
from penstroke.plain_models import read_plain_model


def test_a_model_with_a_dictionary_predicts_the_same_bits_without_scikit_learn(raw_digits):
    pixels = to_images(raw_digits).reshape(-1, 64).astype(np.float32) / 16
    patches = PatchDictionary(grid=8, atoms=20, components=30, images=300, random_state=0)
    both = ColumnTransformer(
        [("pixels", "passthrough", slice(0, 64)), ("patches", patches, slice(0, 64))],
        transformer_weights={"pixels": 0.3},
    )
    model = TemperatureScaledClassifier(make_pipeline(both, NystroemRidgeClassifier(100, random_state=0)), folds=3)
    model.fit(pixels, raw_digits["label"])
    model.form_, model.features_, model.feature_names_in_ = {}, {}, np.array(["a"], object)
    file = BytesIO()
    model_files.dump(model, file)

    plain = read_plain_model(file.getvalue())

    with threadpool_limits(1):  # sums of two threads round differently
        for some in (pixels, pixels[:1]):
            np.testing.assert_array_equal(plain.predict_proba(some), model.predict_proba(some))
