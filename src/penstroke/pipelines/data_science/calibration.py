"""Turn the scores of a classifier into probabilities that promise no more than was seen."""

from collections.abc import Callable
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metaestimators import available_if

SCORES = ("decision_function", "predict_proba")  # what scikit-learn calibrates by: the first that there is
LARGEST = 1000.0  # score for which scikit-learn, which looks between e^-10 and e^10, finds any temperature


def _given_by(method: str) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    return available_if(lambda self: self.method == method)


class GivenScores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stand for a classifier by scores that it gave before: the rows that this one is asked about are the scores.

    Args:
        method: which of ``SCORES`` gave them.
    """

    def __init__(self, method: str) -> None:
        self.method = method

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:  # noqa: ARG002, N803
        """Learn which classes there are."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Give the class of the highest score of each row, (n,)."""
        return self.classes_[_in_columns(X).argmax(axis=1)]

    @_given_by("decision_function")
    def decision_function(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Give the scores back, as margins."""
        return X

    @_given_by("predict_proba")
    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Give the scores back, as probabilities."""
        return X


def scores_by(classifier: ClassifierMixin) -> str:
    """Name the method that gives the scores by which a classifier is calibrated.

    Raises:
        AttributeError: it has none.
    """
    for method in SCORES:
        if hasattr(classifier, method):
            return method
    raise AttributeError(f"{classifier} has neither {' nor '.join(SCORES)}")


def calibrate(
    classifier: ClassifierMixin, scores: np.ndarray, label: np.ndarray, method: str, folds: int | None = None
) -> CalibratedClassifierCV:
    """Calibrate a fitted classifier by scores of rows that it, or its like, was not fitted on.

    Where few answers were wrong, or none, the likeliest calibration promises that none ever will be. So one error
    more counts, spread evenly over all answers and over all classes that they did not give:

    - ``isotonic``: it is added to what was seen.
    - ``temperature``: the temperature is the likeliest one, but no surer than it would be if all of these answers
      had been right but that one.
    - ``sigmoid``: scikit-learn adds as much by itself, after Platt.

    Args:
        classifier: fitted.
        scores: what its method of :func:`scores_by` gave, (n, classes); (n,) for the margins of two classes.
        label: the right classes, (n,), of any type.
        method: ``temperature``, ``sigmoid`` or ``isotonic``.
        folds: each class must have so many rows; None to ask for no number.

    Returns:
        A fitted classifier that answers by ``classifier``. ``calibrated_on_`` says how many ``rows`` it was calibrated
        on, and how many of them were answered wrongly (``errors``).

    Raises:
        ValueError: a class has fewer rows than there are folds, or none here or in what ``classifier`` learned.

    Source: one error more, the rule of succession, Laplace, "Essai philosophique sur les probabilités", 1814; Platt,
    "Probabilistic outputs for support vector machines", 1999, section 2.2.
    """
    classes, place = np.unique(label, return_inverse=True)
    alone = np.setxor1d(classes, classifier.classes_)
    if len(alone):
        raise ValueError(
            f"class {alone[0]} stands on one side only of the rows that teach and the rows that calibrate; "
            "give more rows of it, or raise final_fit.held_back"
        )
    # the temperature is fitted by places of classes: scikit-learn takes whole-number labels as such, whatever they are
    given = GivenScores(scores_by(classifier)).fit(scores, place)
    model = CalibratedClassifierCV(given, method=method, cv=folds, ensemble=False).fit(scores, place)
    (calibrated,) = model.calibrated_classifiers_

    columns, answer = _in_columns(scores), given.predict(scores)
    if method == "temperature":
        (likeliest,) = calibrated.calibrators
        size = max(1.0, float(np.abs(columns).max()) / LARGEST)
        if size > 1:
            likeliest = clone(likeliest).fit(columns / size, place)
        bound = clone(likeliest).fit(*_with_an_error_more(columns / size, answer))
        chosen = min(likeliest, bound, key=lambda found: found.beta_)
        chosen.beta_ /= size
        calibrated.calibrators = [chosen]
    elif method == "isotonic":
        rows, places, weights = _with_an_error_more(columns, place)
        for number, calibrator in zip(
            [1] if len(classes) == 2 else range(len(classes)), calibrated.calibrators, strict=True
        ):
            calibrator.fit(rows[:, number], places == number, weights)

    model.classes_ = calibrated.classes = classes
    calibrated.estimator = classifier
    model.set_params(estimator=classifier if isinstance(classifier, FrozenEstimator) else clone(classifier))
    for known in ("n_features_in_", "feature_names_in_"):
        if hasattr(classifier, known):
            setattr(model, known, getattr(classifier, known))
    model.calibrated_on_ = {"rows": len(label), "errors": int(np.sum(answer != place))}
    return model


def _in_columns(scores: np.ndarray) -> np.ndarray:
    """Give each class its column, also where two classes have one margin."""
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


def _with_an_error_more(scores: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each row once with each class: its own counts fully, the others together as one in all rows."""
    rows, classes = scores.shape
    places = np.tile(np.arange(classes), rows)
    is_own = places == place.repeat(classes)
    return scores.repeat(classes, axis=0), places, np.where(is_own, 1.0, 1 / (rows * (classes - 1)))
