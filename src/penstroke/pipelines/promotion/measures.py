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
from penstroke.answers import look_at, trained_on
from penstroke.domain import Perturbations, perturb
from penstroke.scoring import Scoring, answer_test_rows, score_answers

TRIES, ANSWERS = 5, 5  # of the latency: tries, of which the least counts, of so many answers each
MEGABYTE = 10**6


def score_champion(champion_model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> dict[str, Any]:
    """Score the champion on the test rows, as the report does, but this very model.

    Args:
        champion_model: a fitted classifier.
        rows: accepted rows, with ``label`` and ``split``.
        scoring: the level of the interval, the bins of the calibration.

    Returns:
        What :func:`score_answers` returns; ``recall_<class>`` is None for a class without test rows; and
        ``test_rows_learned``, the number of test rows that the champion was trained on, None where it does not say.
    """
    test = _test_rows(rows)
    scores: dict[str, Any] = {f"recall_{class_}": None for class_ in sorted(set(rows["label"]))}
    scores |= score_answers(answer_test_rows(champion_model, test, scoring), fingerprint(champion_model), scoring)
    learned = trained_on(champion_model)
    scores["test_rows_learned"] = None if learned is None else int(test.index.isin(learned).sum())
    return scores


def stress_champion(
    champion_model: ClassifierMixin,
    rows: pd.DataFrame,
    scoring: Scoring,
    perturbations: Perturbations,
) -> dict[str, Any]:
    """Score the champion on test rows that were made harder (:func:`penstroke.domain.perturb`).

    Returns:
        ``rows``, their ``accuracy`` as they are, ``accuracy_<perturbation>`` for each (all 0 to 1), and
        ``log_loss``, the mean over all perturbed rows: high where answers are wrong and sure of themselves.
    """
    test = _test_rows(rows)
    test = test.sample(min(perturbations.rows, len(test)), random_state=perturbations.seed)
    known, sha256_ = test[["label", "split"]], fingerprint(champion_model)
    tables = {"accuracy": test} | {
        f"accuracy_{name}": pd.concat([known, changed], axis=1)
        for name, changed in perturb(test, perturbations).items()
    }
    scores = {
        name: score_answers(answer_test_rows(champion_model, table, scoring), sha256_, scoring)
        for name, table in tables.items()
    }
    losses = [found["log_loss"] for name, found in scores.items() if name != "accuracy"]
    accuracies = {name: found["accuracy"] for name, found in scores.items()}
    counts = {"rows": len(test), "log_loss": float(np.mean(losses))}
    return accuracies | counts | {"model_sha256": sha256_}


def measure_costs(champion_model: ClassifierMixin, rows: pd.DataFrame) -> dict[str, Any]:
    """Measure the champion's file, and how long one thread works from one row to its answer.

    Returns:
        ``size_mb`` (10^6 bytes) and ``latency_ms``, CPU time, which does not count what others on the machine do and
        yet differs from run to run.
    """
    row = _test_rows(rows).head(1)
    with threadpool_limits(1), parallel_config("sequential"):  # else the work of other threads would not count
        tries = repeat(
            lambda: champion_model.predict_proba(look_at(row, champion_model)),
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
    current_model: ClassifierMixin | None,
    rows: pd.DataFrame,
    scoring: Scoring,
) -> dict[str, Any]:
    """Compare champion and production on the test rows that neither was trained on, each as it sees rows itself.

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
    if current_model is None:
        return found | {"fault": "there is no production model"}
    found["production"] = fingerprint(current_model)
    if isinstance(current_model, model_files.UnreadableModel):
        return found | {"fault": f"production cannot be read any more: {current_model.reason}"}
    ours, theirs = trained_on(champion_model), trained_on(current_model)
    if ours is None or theirs is None:
        fault = "champion_fault" if ours is None else "fault"
        return found | {fault: "a model does not say which rows it was trained on"}
    test = _test_rows(rows)
    unknown = test[~test.index.isin([*ours, *theirs])]
    if unknown.empty:
        return found
    right = {}
    for name, fault, model in (
        ("the champion", "champion_fault", champion_model),
        ("production", "fault", current_model),  # code has changed since it was trained, or what the rows are
    ):
        try:
            right[name] = _right(model, unknown, scoring)
        except Exception as error:
            return found | {fault: f"{name} cannot answer these rows: {_in_short(error)}"}
    champion, former = right.values()
    gained, lost = int(np.sum(champion & ~former)), int(np.sum(former & ~champion))
    p_value = float(binomtest(lost, gained + lost, alternative="greater").pvalue) if gained + lost else 1.0
    return found | {"rows": len(unknown), "only_champion": gained, "only_production": lost, "p_value": p_value}


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


def _test_rows(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["split"] == "test"]


def _right(model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> np.ndarray:
    answers = answer_test_rows(model, rows, scoring)
    return (answers["label"] == answers["prediction"]).to_numpy()
