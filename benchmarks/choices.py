"""Compare the defaults with other values: ``PENSTROKE_MNIST=folder python -m benchmarks.choices``.

Each row changes one default of ``conf/base`` and predicts all training rows by cross-validation: with five random
folds, and with 13 folds of neighbouring rows (one per writer, if the file keeps each writer's digits together). The
model is the kernel ridge, with the first values of its grid; the last rows are the support vector machines that it
replaced. The log loss of the calibrated probabilities shows differences that are too small for the accuracy, in which
one error is 0.07 points. "Strangers" are the first of MNIST's training images, reduced to 8 x 8; its test images are
used only by ``benchmarks.transfer``.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from penstroke.domain import extract_features
from penstroke.domain.pixels import to_images, to_table
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.estimators import AugmentedClassifier

from .project import keep, load_project, mnist_folder, run_in_memory
from .transfer import to_blocks

CONTENDER = "kernel_ridge"
STRANGERS = 10_000


def main(folder: str) -> None:
    """Print and store a row for each choice."""
    strangers = load_project("mnist", source=folder)[0].query("split == 'train'").head(STRANGERS)
    as_digits = to_table(to_blocks(to_images(strangers)))
    raw_digits, parameters = load_project()
    rows = []
    for name, changes, classifier in _choices(parameters):
        chosen = parameters | changes
        training_rows = run_in_memory(raw_digits, chosen, "training_rows")["training_rows"]
        model = AugmentedClassifier(classifier).fit(training_rows.drop(columns="label"), training_rows["label"])
        right = model.predict(extract_features(as_digits, chosen["features"])) == strangers["label"]
        rows.append({"choice": name} | _score(training_rows, classifier) | {"strangers": round(right.mean(), 4)})
        print(rows[-1], flush=True)
    keep("choices", pd.DataFrame(rows))


def _choices(parameters: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    chosen = _champion(parameters)
    features, augmentation = parameters["features"], parameters["augmentation"]
    yield "base", {}, chosen
    for change in (
        {"gamma": 0.02},
        {"gamma": 0.1},
        {"alpha": 0.01},
        {"alpha": 0.1},
        {"n_components": 1000},
        {"n_components": 2500},
    ):
        yield _words(change), {}, clone(chosen).set_params(**change)
    for change in (
        {"deskew": 0.0},
        {"deskew": 0.5},
        {"centre": True},
        {"grid": 4},
        {"grid": 6},
        {"pooling_width": 0.65},
    ):
        yield _words(change), {"features": features.model_copy(update=change)}, chosen
    for change in (
        {"copies": 0},
        {"copies": 1},
        {"copies": 6},
        {"rotation_degrees": 18},
        {"scaling": 0.18},
        {"shift": 0.09},
    ):
        yield _words(change), {"augmentation": augmentation.model_copy(update=change)}, chosen
    for factor in (2 / 3, 4 / 3):
        limits = {
            name: factor * getattr(augmentation, name) for name in ("rotation_degrees", "scaling", "slant", "shift")
        }
        yield (
            f"deformed {factor:.2f} as far",
            {"augmentation": augmentation.model_copy(update=limits)},
            chosen,
        )
    for machine in (SVC(C=5, gamma=0.1), SVC(C=25, gamma=0.03)):
        yield f"ten machines, C {machine.C}, gamma {machine.gamma}", {}, OneVsRestClassifier(machine)


def _champion(parameters: dict[str, Any]) -> ClassifierMixin:
    """Build the one step of the contender of the base with the first values of its grid."""
    contender = parameters["contenders"].root[CONTENDER]
    first = {key: values[0] for key, values in contender.grid.items()}
    (step,) = contender.build(parameters["search"].seed).set_params(**first)
    return step


def _words(change: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in change.items())


def _score(training_rows: pd.DataFrame, classifier: Any) -> dict[str, float]:
    label, rows = training_rows["label"].to_numpy(), training_rows.drop(columns="label")
    model = AugmentedClassifier(classifier)
    calibrated = TemperatureScaledClassifier(model, folds=3)
    random = StratifiedKFold(5, shuffle=True, random_state=0)
    probabilities = cross_val_predict(calibrated, rows, label, cv=random, method="predict_proba", n_jobs=2)
    neighbours = cross_val_predict(model, rows, label, cv=KFold(13), n_jobs=2)
    return {
        "log_loss_random": round(float(log_loss(label, probabilities)), 5),
        "errors_random": int((probabilities.argmax(axis=1) != label).sum()),
        "errors_neighbours": int((neighbours != label).sum()),
    }


if __name__ == "__main__":
    main(mnist_folder())
