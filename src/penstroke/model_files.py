"""Model files that cannot run code: skops with the list of types that this project trusts.

The module has the ``load`` and ``dump`` of ``pickle``, but no pickle is written or read.
"""

from io import BytesIO
from typing import IO, Any
from zipfile import is_zipfile

import skops.io

_PACKAGE = __name__.partition(".")[0]
TRUSTED_TYPES = (
    f"{_PACKAGE}.pipelines.data_science.estimators.AugmentedClassifier",
    f"{_PACKAGE}.pipelines.data_science.kernel_machines.NystroemRidgeClassifier",
    f"{_PACKAGE}.pipelines.feature_engineering.patches.PatchDictionary",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


def dump(model: Any, file: IO[bytes]) -> None:
    """Write a fitted estimator.

    Raises:
        ValueError: it holds a type that :func:`load` would refuse.
    """
    content = skops.io.dumps(model, compression=8)
    refuse_untrusted(content)
    file.write(content)


def load(file: IO[bytes]) -> Any:
    """Read a fitted estimator.

    Raises:
        ValueError: it holds a type that is not trusted; nothing of it has run.
    """
    content = file.read()
    refuse_untrusted(content)
    return skops.io.loads(content, trusted=list(TRUSTED_TYPES))


def refuse_untrusted(content: bytes) -> None:
    """Refuse the bytes of a model file that hold a type beyond scikit-learn's own and ``TRUSTED_TYPES``.

    Raises:
        ValueError: with the names of those types, or because the bytes are no skops file.
    """
    if not is_zipfile(BytesIO(content)):
        raise ValueError("this is no model file: skops files are zip archives; run the pipeline that makes it again")
    foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    if foreign:
        raise ValueError(
            f"the model holds {', '.join(foreign)}, which {__name__} does not trust; "
            "use another class, or add the type to TRUSTED_TYPES there once you have read what it does"
        )
