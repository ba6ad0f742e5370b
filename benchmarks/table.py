"""Accuracy and cost of several methods on MNIST: ``PENSTROKE_MNIST=folder python -m benchmarks.table``.

MNIST's own split, one thread, one row per method: common methods on plain pixels, with ordinary settings; then each
contender of ``conf/mnist`` on the project's features, with the first value of each grid. Nothing is searched or
calibrated. Fit times include the features of the training images, prediction times those of the test images.
"""

import time
import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd
import yaml
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from penstroke.domain import extract_features
from penstroke.domain.layout import INK, pixel_columns

from .project import ROOT, keep, load_project, mnist_folder

SEED = 7
ON_PIXELS: dict[str, ClassifierMixin] = {
    "logistic regression": LogisticRegression(max_iter=100),
    "3 nearest neighbours": KNeighborsClassifier(3, algorithm="brute", n_jobs=1),
    "random forest, 100 trees": RandomForestClassifier(100, n_jobs=1, random_state=SEED),
    "SVM, RBF, C = 10": SVC(C=10, gamma="scale"),
    "boosted trees, 20 iterations": HistGradientBoostingClassifier(max_iter=20, random_state=SEED),
    "neural network, 512 hidden, 10 epochs": MLPClassifier((512,), max_iter=10, random_state=SEED),
}


def main(folder: str) -> None:
    """Print and store a row for each method, best first."""
    raw_digits, parameters = load_project("mnist", source=folder)
    warnings.simplefilter("ignore", ConvergenceWarning)  # the settings are what they are
    rows = []
    with threadpool_limits(1):
        for method, given, classifier, train, test, described_s in _methods(raw_digits, parameters):
            start = time.process_time()
            classifier.fit(train, raw_digits.loc[train.index, "label"])
            fitted = time.process_time()
            wrong = classifier.predict(test) != raw_digits.loc[test.index, "label"]
            answered = time.process_time()
            spent = {"fit_cpu_s": fitted - start, "answer_cpu_s": answered - fitted}
            spent = {name: round(seconds + described_s.get(name, 0), 2) for name, seconds in spent.items()}
            rows.append(
                {"method": method, "input": given} | spent | {"error_percent": round(100 * float(wrong.mean()), 2)}
            )
            print(rows[-1], flush=True)
    keep("table", pd.DataFrame(rows).sort_values("error_percent"), images=raw_digits["split"].value_counts().to_dict())


def _methods(
    raw_digits: pd.DataFrame, parameters: dict[str, Any]
) -> Iterator[tuple[str, str, ClassifierMixin, pd.DataFrame, pd.DataFrame, dict[str, float]]]:
    """Yield name, kind of input, classifier, training and test rows, and the CPU seconds that these cost."""
    parts = [raw_digits[raw_digits["split"] == split] for split in ("train", "test")]
    train, test = ((part[pixel_columns(part)] / INK).astype("float32") for part in parts)
    for name, classifier in ON_PIXELS.items():
        yield name, "pixels", classifier, train, test, {}
    described_s, described = {}, []
    for name, part in zip(("fit_cpu_s", "answer_cpu_s"), parts, strict=True):
        start = time.process_time()
        described.append(extract_features(part, parameters["features"]))
        described_s[name] = time.process_time() - start
    # the contenders of the base are merged into those of the environment
    own = yaml.safe_load((ROOT / "conf/mnist/parameters_data_science.yml").read_text(encoding="utf-8"))["contenders"]
    for name in own:
        contender = parameters["contenders"].root[name]
        first = {key: values[0] for key, values in contender.grid.items()}
        yield name, "features", contender.build(SEED, list(described[0])).set_params(**first), *described, described_s


if __name__ == "__main__":
    main(mnist_folder())
