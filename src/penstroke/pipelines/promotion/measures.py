"""Measure the champion on rows that it has not learned: as they are, made harder, and against production.

Every measure says which model it is about, by ``model_sha256`` (see :func:`fingerprint`), so that the figures of one
model cannot stand for another.
"""

from hashlib import sha256
from io import BytesIO
from time import thread_time
from timeit import repeat
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from scipy.stats import binomtest
from sklearn.base import ClassifierMixin
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from penstroke.answers import look_at
from penstroke.pipelines.reporting.nodes import predict_test_rows, score_test_rows
from penstroke.pipelines.reporting.parameters import Scoring
from penstroke.pixels import to_images, to_table

from .parameters import Perturbations
from .perturbations import perturb

TRIES, ANSWERS = 5, 5  # of the latency: tries, of which the least counts, of so many answers each
MEGABYTE = 10**6


def score_champion(champion_model: ClassifierMixin, digits: pd.DataFrame, scoring: Scoring) -> dict[str, Any]:
    """Score the champion on the test rows, as the report does, but this very model and from the pixels.

    Args:
        champion_model: a fitted classifier.
        digits: rows are digits, pixels 0 to 255, ``label`` and ``split``.
        scoring: the level of the interval, the bins of the calibration.

    Returns:
        What :func:`score_test_rows` returns; ``recall_<class>`` is None for a class without test rows; and
        ``test_rows_learned``, the number of test rows that the champion was trained on, None where it does not say.
    """
    test = _test_rows(digits)
    scores: dict[str, Any] = {f"recall_{class_}": None for class_ in sorted(set(digits["label"]))}
    scores |= score_test_rows(_answer(champion_model, test, scoring), {"sha256": fingerprint(champion_model)}, scoring)
    learned = _learned(champion_model)
    scores["test_rows_learned"] = None if learned is None else int(test.index.isin(learned).sum())
    return scores


def stress_champion(
    champion_model: ClassifierMixin,
    digits: pd.DataFrame,
    scoring: Scoring,
    perturbations: Perturbations,
) -> dict[str, Any]:
    """Score the champion on test rows that were moved, turned, made noisy, thick or pale.

    Returns:
        ``rows``, their ``accuracy`` as they are, ``accuracy_<perturbation>`` for each (all 0 to 1), and
        ``log_loss``, the mean over all perturbed rows: high where answers are wrong and sure of themselves.
    """
    test = _test_rows(digits)
    test = test.sample(min(perturbations.rows, len(test)), random_state=perturbations.seed)
    perturbed = {"accuracy": to_images(test)} | {
        f"accuracy_{name}": images for name, images in perturb(to_images(test), perturbations).items()
    }
    scores, receipt = {}, {"sha256": fingerprint(champion_model)}
    for name, images in perturbed.items():
        rows = pd.concat([test[["label", "split"]], to_table(images).set_axis(test.index)], axis=1)
        scores[name] = score_test_rows(_answer(champion_model, rows, scoring), receipt, scoring)
    losses = [found["log_loss"] for name, found in scores.items() if name != "accuracy"]
    accuracies = {name: found["accuracy"] for name, found in scores.items()}
    counts = {"rows": len(test), "log_loss": float(np.mean(losses))}
    return accuracies | counts | {"model_sha256": receipt["sha256"]}


def measure_costs(champion_model: ClassifierMixin, digits: pd.DataFrame) -> dict[str, Any]:
    """Measure the champion's file, and how long one thread works from one image to its answer.

    Returns:
        ``size_mb`` (10^6 bytes) and ``latency_ms``, CPU time, which does not count what others on the machine do and
        yet differs from run to run.
    """
    image = _test_rows(digits).head(1)
    with threadpool_limits(1), parallel_config("sequential"):  # else the work of other threads would not count
        tries = repeat(
            lambda: champion_model.predict_proba(look_at(image, champion_model)),
            timer=thread_time,
            repeat=TRIES,
            number=ANSWERS,
        )
    return {
        "latency_ms": round(1000 * min(tries) / ANSWERS, 2),
        "size_mb": len(_file_of(champion_model)) / MEGABYTE,
        "model_sha256": fingerprint(champion_model),
    }


def compare_models(
    champion_model: ClassifierMixin,
    former_model: ClassifierMixin | None,
    digits: pd.DataFrame,
    scoring: Scoring,
) -> dict[str, Any]:
    """Compare champion and production on the test rows that neither was trained on, each as it sees digits itself.

    Returns:
        ``production`` (which model; None where there is none), ``rows`` that were compared, how many of them
        ``only_champion`` and ``only_production`` reads right, ``p_value``, how likely so many of the latter are if
        both were equally good (one-sided, exact); ``fault``, why nothing could be compared, through no fault of the
        champion, and ``champion_fault``, how the champion failed: empty texts where that is not so.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12(2), 1947.
    """
    found: dict[str, Any] = {"rows": 0, "only_champion": 0, "only_production": 0, "p_value": None, "fault": ""}
    found |= {"champion_fault": "", "model_sha256": fingerprint(champion_model), "production": None}
    if former_model is None:
        return found | {"fault": "there is no production model"}
    found["production"] = fingerprint(former_model)
    if isinstance(former_model, model_files.UnreadableModel):
        return found | {"fault": f"production cannot be read any more: {former_model.reason}"}
    ours, theirs = _learned(champion_model), _learned(former_model)
    if ours is None or theirs is None:
        fault = "champion_fault" if ours is None else "fault"
        return found | {fault: "a model does not say which rows it was trained on"}
    test = _test_rows(digits)
    rows = test[~test.index.isin([*ours, *theirs])]
    if rows.empty:
        return found
    right = {}
    for name, fault, model in (
        ("the champion", "champion_fault", champion_model),
        ("production", "fault", former_model),  # code has changed since it was trained, or what the images are
    ):
        try:
            right[name] = _right(model, rows, scoring)
        except Exception as error:
            return found | {fault: f"{name} cannot read these digits: {_in_short(error)}"}
    champion, former = right.values()
    gained, lost = int(np.sum(champion & ~former)), int(np.sum(former & ~champion))
    p_value = float(binomtest(lost, gained + lost, alternative="greater").pvalue) if gained + lost else 1.0
    return found | {"rows": len(rows), "only_champion": gained, "only_production": lost, "p_value": p_value}


def _in_short(error: Exception) -> str:
    first, name = str(error).partition("\n")[0], type(error).__name__
    return first if first and isinstance(error, ValueError) else f"{name}: {first}".removesuffix(": ")


def fingerprint(model: ClassifierMixin) -> str:
    """Return the sha256 of the model's file: which model that is, wherever it is stored."""
    if isinstance(model, model_files.UnreadableModel):
        return model.sha256
    return sha256(_file_of(model)).hexdigest()


def _file_of(model: ClassifierMixin) -> bytes:
    file = BytesIO()
    model_files.dump(model, file)
    return file.getvalue()


def _test_rows(digits: pd.DataFrame) -> pd.DataFrame:
    return digits[digits["split"] == "test"]


def _learned(model: ClassifierMixin) -> np.ndarray | None:
    """Return the ``digit_id`` of the rows that the model was trained on; None where it does not say."""
    return getattr(model, "digit_ids_", None)


def _answer(model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> pd.DataFrame:
    """Answer test rows from their pixels, as :func:`predict_test_rows` does from their features."""
    return predict_test_rows(model, look_at(rows, model), rows, scoring)


def _right(model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> np.ndarray:
    answers = _answer(model, rows, scoring)
    return (answers["label"] == answers["prediction"]).to_numpy()
