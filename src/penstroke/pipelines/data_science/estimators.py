"""Build estimators from configuration; fit classifiers on augmented rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from inspect import signature
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.compose import make_column_selector
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

ALLOWED_PACKAGES = ("sklearn", __name__.partition(".")[0])
_COPY = re.compile(r"copy_(\d+)_(.+)")


def resolve_class(path: str) -> type[BaseEstimator]:
    """Import an estimator class by its dotted path. Only allowed packages are imported: configuration is not code.

    One class that is no estimator is allowed too: ``sklearn.compose.make_column_selector``, an argument of others.

    Raises:
        ValueError: the path lies outside the allowed packages, does not exist, or is no estimator class.
    """
    module, _, name = path.rpartition(".")
    if module.partition(".")[0] not in ALLOWED_PACKAGES:
        raise ValueError(f"class {path!r} is not allowed; name a class of {' or '.join(ALLOWED_PACKAGES)}")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise ValueError(f"class {path!r} does not exist; check its spelling") from None
    if not (isinstance(found, type) and issubclass(found, BaseEstimator | make_column_selector)):
        raise ValueError(f"class {path!r} is no estimator; name a class that has fit")
    return found


def build_estimator(block: Any, features: Sequence[str] | None = None) -> Any:
    """Build the estimator of a block ``{class: …, arguments: {…}}``, with blocks inside it; other values stay as is.

    Args:
        block: the block.
        features: names of the features, in order. Estimators work on arrays, so each ``make_column_selector`` is
            replaced by the positions of the features that it selects by name.

    Raises:
        ValueError: :func:`resolve_class` refuses a class, a class does not have an argument, the block has another
            form, or a selector selects no feature.
    """
    if isinstance(block, Mapping) and "class" in block:
        path, arguments = block["class"], block.get("arguments", {})
        unknown = sorted(set(block) - {"class", "arguments"})
        if unknown or not isinstance(path, str) or not isinstance(arguments, Mapping):
            found = f"the unknown key {unknown[0]}" if unknown else repr(dict(block))
            raise ValueError(f"a block has the keys class (a path) and arguments (values by name); found {found}")
        kind = resolve_class(path)
        try:
            built = kind(**{name: build_estimator(value, features) for name, value in arguments.items()})
        except TypeError as error:
            raise ValueError(f"arguments: {error}") from None
        return built if features is None or kind is not make_column_selector else _places(built, features)
    if isinstance(block, list):
        return [build_estimator(value, features) for value in block]
    return block


def block_of(built: Any) -> Any:
    """Write an estimator as the block that builds it again: the inverse of :func:`build_estimator`.

    Args:
        built: an estimator, or the value of an argument. Arguments that have their defaults are left out.

    Examples:
        >>> from sklearn.linear_model import LogisticRegression
        >>> block_of(LogisticRegression(C=0.5))
        {'class': 'sklearn.linear_model.LogisticRegression', 'arguments': {'C': 0.5}}
    """
    if isinstance(built, list | tuple):
        return [block_of(value) for value in built]
    if not isinstance(built, BaseEstimator | make_column_selector):
        return built
    kind = type(built)
    found = {
        name: block_of(getattr(built, name))
        for name, parameter in signature(kind).parameters.items()
        if getattr(built, name) is not parameter.default and getattr(built, name) != parameter.default
    }
    path = f"{kind.__module__.partition('._')[0]}.{kind.__qualname__}"  # without the private modules of a library
    return {"class": path, "arguments": found} if found else {"class": path}


def _places(select: make_column_selector, features: Sequence[str]) -> slice | list[int]:
    """Return the positions of the selected features; neighbours as a slice, which copies nothing and stores small."""
    names = pd.Index(features)
    found = [int(place) for place in names.get_indexer(select(pd.DataFrame(columns=names, dtype=np.float32)))]
    if not found:
        raise ValueError(
            f"no feature name matches {select.pattern!r}, the first of {len(names)} names is {names[0]}; "
            "change the pattern, or the features"
        )
    neighbours = slice(found[0], found[-1] + 1)
    return neighbours if found == list(range(neighbours.start, neighbours.stop)) else found


def build_pipeline(steps: list[dict[str, Any]], seed: int, features: Sequence[str] | None = None) -> Pipeline:
    """Build the unfitted pipeline of these blocks. Each ``random_state`` that is None becomes ``seed``."""
    pipeline = make_pipeline(*(build_estimator(step, features) for step in steps))
    is_open = {
        key: seed for key, value in pipeline.get_params().items() if key.endswith("random_state") and value is None
    }
    return pipeline.set_params(**is_open)


def _classifier_has(method: str) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    return available_if(lambda self: hasattr(getattr(self, "classifier_", self.classifier), method))


class AugmentedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a classifier on rows and on their deformed copies, whose features are further columns of the same rows.

    A row and its copies are one row of the table. So folds and calibration cannot separate them, and only the row
    itself is predicted and scored, never a copy.

    The classifier inside works on arrays. Arrays are predicted without a check of names. A table is refused unless its
    columns are those of the training table, in the same order.

    Args:
        classifier: the classifier to fit.
        copies: number of copies to fit on, in the order of their numbers; None for all.

    Source: training on deformed images, Simard, Steinkraus and Platt, "Best practices for convolutional neural
    networks applied to visual document analysis", ICDAR 2003, section 2.
    """

    def __init__(self, classifier: BaseEstimator, copies: int | None = None) -> None:
        self.classifier = classifier
        self.copies = copies

    def fit(
        self,
        X: pd.DataFrame | np.ndarray,  # noqa: N803
        y: pd.Series | np.ndarray,
        copies_of: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Self:
        """Fit on ``X``, (n, features x (1 + copies)). A table has its copies in columns ``copy_<number>_<feature>``.

        Args:
            X: (n, features x (1 + copies)).
            y: the classes, (n,).
            copies_of: returns the features of new copies of the rows at the given places, (places, features). A
                classifier with ``near_copies`` learns copies of the rows nearest to its margin.

        Raises:
            ValueError: there are fewer copies than ``copies``.
        """
        rows, label, copies = self._with_copies(X, y)
        self.classifier_ = clone(self.classifier)
        before, last = _parted(self.classifier_)
        if copies_of and hasattr(last, "near_copies"):
            originals = len(rows) // (1 + copies)
            described = before.fit_transform(rows, label) if before else rows

            def described_copies_of(places: np.ndarray) -> np.ndarray:
                copied = copies_of(places % originals)
                return before.transform(copied) if before else copied

            last.fit(described, label, copies_of=described_copies_of)
        else:
            self.classifier_.fit(rows, label)
        self.classes_ = self.classifier_.classes_
        return self

    @_classifier_has("fit_out_of_fold")
    def fit_out_of_fold(
        self,
        X: pd.DataFrame | np.ndarray,  # noqa: N803
        y: pd.Series | np.ndarray,
        fold: np.ndarray,
    ) -> np.ndarray:
        """Fit on all rows, and return the scores of each row from the other folds; a copy is of its original's fold."""
        rows, label, copies = self._with_copies(X, y)
        self.classifier_ = clone(self.classifier)
        scores = self.classifier_.fit_out_of_fold(rows, label, np.tile(fold, 1 + copies))
        self.classes_ = self.classifier_.classes_
        return scores[: len(fold)]

    def _with_copies(
        self,
        X: pd.DataFrame | np.ndarray,  # noqa: N803
        y: pd.Series | np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Return rows and, below them, their copies; the labels of both; and the number of copies of each row."""
        own, copied = part_copies(X)
        if self.copies is not None and self.copies > len(copied):
            raise ValueError(
                f"{self.copies} copies are asked for, the rows have {len(copied)}; raise augmentation.copies"
            )
        rows, label = validate_data(self, own, y, dtype=None, order="C", ensure_all_finite="allow-nan")
        used = copied[: self.copies]
        if used:
            rows, label = np.concatenate([rows, *used]), np.tile(label, 1 + len(used))
        return rows, label, len(used)

    def predict(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Predict the class of each row, (n,); columns of copies are ignored."""
        rows = self._rows(X)
        return self.classifier_.predict(rows)

    @_classifier_has("predict_proba")
    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Predict the probability of each class, (n, classes)."""
        rows = self._rows(X)
        return self.classifier_.predict_proba(rows)

    @_classifier_has("decision_function")
    def decision_function(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the score of each class, (n, classes); (n,) for two classes."""
        rows = self._rows(X)
        return self.classifier_.decision_function(rows)

    def _rows(self, X: pd.DataFrame | np.ndarray) -> pd.DataFrame | np.ndarray:  # noqa: N803
        """Return the rows in the form that the classifier takes.

        Raises:
            ValueError: the features differ from those of the training rows, or are in another order in a table.
        """
        # for one row scikit-learn's checks take longer than the prediction, so they run only where they are needed
        if isinstance(X, pd.DataFrame) and np.array_equal(X.columns, getattr(self, "feature_names_in_", [])):
            rows = np.ascontiguousarray(X.to_numpy())
        elif isinstance(X, np.ndarray) and X.shape[1:] == (getattr(self, "n_features_in_", None),):
            rows = np.ascontiguousarray(X)  # same memory layout as for a table, so that sums round in the same way
        else:
            check_is_fitted(self)
            rows = validate_data(
                self, part_copies(X)[0], dtype=None, order="C", reset=False, ensure_all_finite="allow-nan"
            )
        if hasattr(self.classifier_, "feature_names_in_"):  # a model file of an earlier version, fitted on a table
            return pd.DataFrame(rows, columns=self.feature_names_in_)
        return rows

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.classifier).input_tags.allow_nan
        return tags


def _parted(classifier: ClassifierMixin) -> tuple[Pipeline | None, ClassifierMixin]:
    """Part a pipeline into its transformers, None if there are none, and its last step; both are parts of it."""
    if not isinstance(classifier, Pipeline):
        return None, classifier
    return classifier[:-1] if len(classifier) > 1 else None, classifier[-1]


def part_copies(rows: pd.DataFrame | np.ndarray) -> tuple[pd.DataFrame | np.ndarray, list[pd.DataFrame]]:
    """Separate the features of rows from those of their copies: one table per copy, with the original feature names.

    An array has no column names, and so no copies.
    """
    if not isinstance(rows, pd.DataFrame):
        return rows, []
    places: dict[int, dict[str, str]] = {}
    for column in rows.columns:
        if match := _COPY.fullmatch(str(column)):
            places.setdefault(int(match[1]), {})[column] = match[2]
    own = rows[[column for column in rows.columns if not _COPY.fullmatch(str(column))]]
    return own, [rows[list(names)].rename(columns=names)[own.columns] for _, names in sorted(places.items())]


def without_copies(rows: pd.DataFrame, kept: int) -> pd.DataFrame:
    """Leave out the features of all copies but the first ``kept``.

    Examples:
        >>> rows = pd.DataFrame([[1.0, 1.1, 1.2]], columns=["x", "copy_0_x", "copy_1_x"])
        >>> list(without_copies(rows, kept=1))
        ['x', 'copy_0_x']
    """
    numbers = [_COPY.fullmatch(str(column)) for column in rows.columns]
    return rows.loc[:, [number is None or int(number[1]) < kept for number in numbers]]
