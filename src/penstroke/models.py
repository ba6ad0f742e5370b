"""What a stored model says about itself, and its probabilities. Neither pandas nor scikit-learn is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import Field

from kedro_guards.parameters import Parameters
from penstroke.domain import Features, Form

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from sklearn.base import ClassifierMixin

NEARLY = 1e-3


class Costs(Parameters):
    """What answers cost, in any unit (``answers.costs``)."""

    wrong: float = Field(gt=0, description="cost of a wrong answer that nobody looks at")
    look: float = Field(ge=0, description="cost of a person's look at an answer")


class Answers(Parameters):
    """How the model predicts (``params:answers``)."""

    sure_from: float = Field(ge=0, le=1, description="lowest confidence of a sure answer; answers below it are unsure")
    costs: Costs | None = Field(default=None, description="if given, they choose that confidence instead of sure_from")
    chunk_rows: int = Field(ge=1, description="rows per call of the model; limits memory")

    @property
    def least_confidence(self) -> float:
        """The lowest confidence of a sure answer.

        With costs, an answer is unsure where ``(1 - confidence) * wrong > look``: a look is cheaper than the risk.

        Examples:
            >>> Answers(sure_from=0.9, chunk_rows=1).least_confidence
            0.9
            >>> Answers(sure_from=0.9, chunk_rows=1, costs=Costs(wrong=20, look=1)).least_confidence
            0.95
        """
        return self.sure_from if self.costs is None else max(0.0, 1 - self.costs.look / self.costs.wrong)


class View(NamedTuple):
    """How a model sees rows: the form of its input rows, and the parameters of its features."""

    form: Form
    features: Features


def view_of(model: ClassifierMixin) -> View:
    """Return the input form and the feature parameters that are stored in a model; current parameters do not matter.

    Raises:
        ValueError: the model stores none.
    """
    form, features = getattr(model, "form_", None), getattr(model, "features_", None)
    if form is None or features is None:
        missing = "in what form it takes rows" if form is None else "which features it sees"
        raise ValueError(
            f"the model does not say {missing}: an earlier version of the project made it; "
            "train it by `kedro run`, and promote that one by `kedro run --pipelines=promotion`"
        )
    return View(Form.model_validate(form), Features.model_validate(features))


def refuse_other_features(model: ClassifierMixin, names: Iterable[str]) -> None:
    """Refuse features whose names or order differ from those that a model was fitted on.

    A model that was fitted without feature names accepts all.

    Raises:
        ValueError: the features differ. The message names the first difference and what to do.

    Examples:
        >>> import pandas as pd
        >>> from sklearn.dummy import DummyClassifier
        >>> model = DummyClassifier().fit(pd.DataFrame({"height": [1.0], "width": [2.0]}), ["a"])
        >>> refuse_other_features(model, ["height", "width"])
        >>> refuse_other_features(model, ["height", "depth"])
        Traceback (most recent call last):
        ...
        ValueError: the model was fitted on 2 features, but ...
    """
    found, known = list(names), list(getattr(model, "feature_names_in_", []))
    if known and found != known:
        place = next((place for place, both in enumerate(zip(found, known, strict=False)) if len(set(both)) > 1), -1)
        raise ValueError(
            f"the model was fitted on {len(known)} features, but the code makes {len(found)} now; the first "
            f"feature names that differ are {known[place]} and {found[place]}: train another one by `kedro run`, "
            "and promote it by `kedro run --pipelines=promotion`"
        )


def probabilities_of(model: ClassifierMixin, features: pd.DataFrame | np.ndarray, chunk_rows: int) -> np.ndarray:
    """Return the probability of each class, (n, classes) float64.

    Args:
        model: a fitted classifier with ``predict_proba``.
        features: float32 features; an array, (n, features), if the names were checked before.
        chunk_rows: rows per call of the model; limits memory.

    Raises:
        ValueError: the probabilities are not finite, are negative, or do not sum to 1.
    """
    chunks = [features[start : start + chunk_rows] for start in range(0, len(features), chunk_rows)]
    of_none = np.empty((0, len(model.classes_)))
    probabilities = np.concatenate([of_none, *map(model.predict_proba, chunks)])
    sums = probabilities.sum(axis=1, keepdims=True)
    wrong = ~(np.abs(sums[:, 0] - 1) < NEARLY) | (probabilities < 0).any(axis=1)  # so that NaN is wrong
    if wrong.any():
        raise ValueError(
            f"the model gives no probabilities for {wrong.sum()} of {len(features)} rows: they are not finite, "
            "below 0, or do not sum to 1; train another one"
        )
    return probabilities / sums  # with float32 features the sums are not exactly 1


def version_of(sha256: str) -> str:
    """Return a model's version: the first twelve characters of the sha256 of its file.

    Examples:
        >>> version_of(32 * "ab")
        'abababababab'
    """
    return sha256[:12]


def trained_on(model: ClassifierMixin) -> np.ndarray | None:
    """Return the identifiers of the rows that a model was trained on; None if the model does not store them."""
    return getattr(model, "row_ids_", getattr(model, "digit_ids_", None))  # files of earlier versions: digit_ids_
