"""Estimators from configuration, and the one estimator that scikit-learn lacks."""

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
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
    """Import an estimator class by its dotted path, from allowed packages only, so that configuration stays data.

    ``sklearn.compose.make_column_selector``, which estimators take as an argument, is the one other class.

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
    """Build the estimator that ``{class: …, arguments: {…}}`` describes, at any depth; other values stay.

    Args:
        block: the description.
        features: names of the features, in their order. Estimators work on arrays: where a block describes a
            ``make_column_selector``, the places of the features that it selects by their names stand in its place.

    Raises:
        ValueError: a class is refused by :func:`resolve_class`, an argument is not one of its own, the block has
            another form, or a selector selects no feature.
    """
    if isinstance(block, Mapping) and "class" in block:
        path, arguments = block["class"], block.get("arguments", {})
        unknown = sorted(set(block) - {"class", "arguments"})
        if unknown or not isinstance(path, str) or not isinstance(arguments, Mapping):
            found = f"the unknown key {unknown[0]}" if unknown else repr(dict(block))
            raise ValueError(f"a block has a class, by its path, and arguments, by their names; found {found}")
        kind = resolve_class(path)
        try:
            built = kind(**{name: build_estimator(value, features) for name, value in arguments.items()})
        except TypeError as error:
            raise ValueError(f"arguments: {error}") from None
        return built if features is None or kind is not make_column_selector else _places(built, features)
    if isinstance(block, list):
        return [build_estimator(value, features) for value in block]
    return block


def _places(select: make_column_selector, features: Sequence[str]) -> list[int]:
    names = pd.Index(features)
    found = [int(place) for place in names.get_indexer(select(pd.DataFrame(columns=names, dtype=np.float32)))]
    if not found:
        raise ValueError(
            f"no feature is called like {select.pattern!r}, the first of {len(names)} is {names[0]}; "
            "change the pattern, or the features"
        )
    return found


def build_pipeline(steps: list[dict[str, Any]], seed: int, features: Sequence[str] | None = None) -> Pipeline:
    """Build the unfitted pipeline of these blocks; each ``random_state`` that they leave open is ``seed``."""
    pipeline = make_pipeline(*(build_estimator(step, features) for step in steps))
    is_open = {
        key: seed for key, value in pipeline.get_params().items() if key.endswith("random_state") and value is None
    }
    return pipeline.set_params(**is_open)


def _classifier_has(method: str) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    return available_if(lambda self: hasattr(getattr(self, "classifier_", self.classifier), method))


class AugmentedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a classifier on rows and on deformed copies of them, which stand beside them as further columns.

    A row and its copies are one row here, so whatever splits rows (folds, calibration) keeps them together,
    and only the row itself, never a copy, is predicted and scored.

    The classifier inside works on plain arrays. So an array is answered without any look at names; a table is
    refused unless its columns are those that were learned from, in their order.

    Args:
        classifier: what to fit.
        copies: how many copies to learn from, in the order of their numbers; None for all that there are.

    Source: training on deformed images, Simard, Steinkraus and Platt, "Best practices for convolutional neural
    networks applied to visual document analysis", ICDAR 2003, section 2.
    """

    def __init__(self, classifier: BaseEstimator, copies: int | None = None) -> None:
        self.classifier = classifier
        self.copies = copies

    def fit(self, X: pd.DataFrame | np.ndarray, y: pd.Series | np.ndarray) -> Self:  # noqa: N803
        """Fit on ``X``, (n, features x (1 + copies)), where a table has copies in columns ``copy_<number>_<feature>``.

        Raises:
            ValueError: there are fewer copies than asked for.
        """
        own, copied = part_copies(X)
        if self.copies is not None and self.copies > len(copied):
            raise ValueError(
                f"{self.copies} copies are asked for, the rows have {len(copied)}; raise augmentation.copies"
            )
        rows, label = validate_data(self, own, y, dtype=None, order="C")
        if used := copied[: self.copies]:
            rows, label = np.concatenate([rows, *used]), np.tile(label, 1 + len(used))
        self.classifier_ = clone(self.classifier).fit(rows, label)
        self.classes_ = self.classifier_.classes_
        return self

    def predict(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Predict the class of each row, (n,); columns of copies are passed over."""
        rows = self._rows(X)
        return self.classifier_.predict(rows)

    @_classifier_has("predict_proba")
    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Give the probability of each class, (n, classes)."""
        rows = self._rows(X)
        return self.classifier_.predict_proba(rows)

    @_classifier_has("decision_function")
    def decision_function(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:  # noqa: N803
        """Give the score of each class, (n, classes); (n,) for two classes."""
        rows = self._rows(X)
        return self.classifier_.decision_function(rows)

    def _rows(self, X: pd.DataFrame | np.ndarray) -> pd.DataFrame | np.ndarray:  # noqa: N803
        """Give the rows as the classifier takes them.

        Raises:
            ValueError: they have other features, or a table has them in another order.
        """
        # for one row the checks of scikit-learn take longer than the answer, so they are left to rows that need them
        if isinstance(X, pd.DataFrame) and np.array_equal(X.columns, getattr(self, "feature_names_in_", [])):
            rows = np.ascontiguousarray(X.to_numpy())
        elif isinstance(X, np.ndarray) and X.shape[1:] == (getattr(self, "n_features_in_", None),):
            rows = np.ascontiguousarray(X)  # as those of a table, or sums round otherwise
        else:
            check_is_fitted(self)
            rows = validate_data(self, part_copies(X)[0], dtype=None, order="C", reset=False)
        if hasattr(self.classifier_, "feature_names_in_"):  # a file of before the classifier took arrays
            return pd.DataFrame(rows, columns=self.feature_names_in_)
        return rows

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.classifier).input_tags.allow_nan
        return tags


def part_copies(rows: pd.DataFrame | np.ndarray) -> tuple[pd.DataFrame | np.ndarray, list[pd.DataFrame]]:
    """Part the features of rows from those of their copies, one table a copy, all with the features' own names.

    An array has no names, and so no copies.
    """
    if not isinstance(rows, pd.DataFrame):
        return rows, []
    places: dict[int, dict[str, str]] = {}
    for column in rows.columns:
        if match := _COPY.fullmatch(str(column)):
            places.setdefault(int(match[1]), {})[column] = match[2]
    own = rows[[column for column in rows.columns if not _COPY.fullmatch(str(column))]]
    return own, [rows[list(names)].rename(columns=names)[own.columns] for _, names in sorted(places.items())]
