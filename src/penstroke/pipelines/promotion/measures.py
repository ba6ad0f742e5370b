"""Measure the champion on rows it was not trained on: as they are, perturbed, and against the production model.

Each result names its model by ``model_sha256`` (see :func:`fingerprint`), so that the figures of one model cannot be
used for another.
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
from penstroke.domain import Perturbations, perturb
from penstroke.models import trained_on
from penstroke.plain_models import read_plain_model
from penstroke.scoring import Scoring, answer_test_rows, score_answers

TRIES, ANSWERS = 5, 5  # the latency is the fastest of 5 tries with 5 predictions each
MEGABYTE = 10**6


def score_champion(champion_model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> dict[str, Any]:
    """Score the champion on the test rows, with the functions of the report.

    The scores of the report are not reused: they may be those of an earlier champion.

    Args:
        champion_model: a fitted classifier.
        rows: accepted rows, with ``label`` and ``split``.
        scoring: the level of the interval and the number of calibration bins.

    Returns:
        The scores of :func:`score_answers`; ``recall_<class>`` is None for a class without test rows. In addition
        ``test_rows_learned``, the number of test rows that the champion was trained on; None if it does not say.
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
    """Score the champion on perturbed test rows (:func:`penstroke.domain.perturb`).

    Returns:
        The number of ``rows``, their ``accuracy`` without perturbation, ``accuracy_<perturbation>`` for each
        perturbation (all 0 to 1), and ``log_loss``, the mean over all perturbed rows. The log loss is high if wrong
        predictions have a high confidence.
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
    """Measure the size of the champion's file, the time of one prediction, and how the service reads the file.

    Returns:
        ``size_mb`` (10^6 bytes) and ``latency_ms``. The latency is CPU time of one thread, which leaves out other work
        on the machine, but still varies between runs. ``service_difference`` is the largest difference between the
        probabilities of the champion and those of its file as the service reads it, without scikit-learn, on the test
        rows. It is None if the service needs scikit-learn for this champion; ``service_note`` says why.
    """
    test_rows = _test_rows(rows)
    row, content = test_rows.head(1), _file_of(champion_model)
    with threadpool_limits(1), parallel_config("sequential"):  # thread_time does not count other threads
        tries = repeat(
            lambda: champion_model.predict_proba(look_at(row, champion_model)),
            timer=thread_time,
            repeat=TRIES,
            number=ANSWERS,
        )
    return {
        "latency_ms": round(1000 * min(tries) / ANSWERS, 2),
        "size_mb": len(content) / MEGABYTE,
        **_compare_with_service(champion_model, content, look_at(test_rows, champion_model)),
        "model_sha256": fingerprint(champion_model),
    }


def _compare_with_service(model: ClassifierMixin, content: bytes, features: pd.DataFrame) -> dict[str, Any]:
    try:
        plain = read_plain_model(content)
    except ValueError as error:
        return {"service_difference": None, "service_note": f"the service loads it with scikit-learn: {error}"}
    with threadpool_limits(1):  # sums of two threads round differently
        difference = np.abs(plain.predict_proba(np.ascontiguousarray(features)) - model.predict_proba(features))
    return {"service_difference": float(difference.max(initial=0)), "service_note": ""}


def compare_models(
    champion_model: ClassifierMixin,
    current_model: ClassifierMixin | None,
    rows: pd.DataFrame,
    scoring: Scoring,
) -> dict[str, Any]:
    """Compare champion and production model on test rows that neither was trained on, each with its own features.

    Returns:
        ``production``, the fingerprint of the production model, or None; the number of ``rows`` compared; the numbers
        of rows that ``only_champion`` and ``only_production`` predicts right; ``p_value``, the probability of so many
        of the latter, or more, if both models are equally good (one-sided, exact). ``champion_fault`` says how the
        champion failed, and ``fault`` why there is no comparison for another reason; both are empty otherwise. Only
        rows of classes that both models know are compared; ``classes_lost`` are those that production alone knows.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12(2), 1947.
    """
    found: dict[str, Any] = {"rows": 0, "only_champion": 0, "only_production": 0, "p_value": None, "fault": ""}
    found["classes_lost"] = []
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
    known, known_before = set(champion_model.classes_.tolist()), set(current_model.classes_.tolist())
    found["classes_lost"] = sorted(map(str, known_before - known))
    unknown = test[~test.index.isin([*ours, *theirs]) & test["label"].isin([*(known & known_before)])]
    if unknown.empty:
        return found
    right = {}
    for name, fault, model in (
        ("the champion", "champion_fault", champion_model),
        ("production", "fault", current_model),  # it can fail if code or the form of rows changed since its training
    ):
        try:
            right[name] = _right(model, unknown, scoring)
        except Exception as error:
            return found | {fault: f"{name} cannot answer these rows: {_in_short(error)}"}
    champion, production = right.values()
    gained, lost = int(np.sum(champion & ~production)), int(np.sum(production & ~champion))
    p_value = float(binomtest(lost, gained + lost, alternative="greater").pvalue) if gained + lost else 1.0
    return found | {"rows": len(unknown), "only_champion": gained, "only_production": lost, "p_value": p_value}


def _in_short(error: Exception) -> str:
    first, name = str(error).partition("\n")[0], type(error).__name__
    return first if first and isinstance(error, ValueError) else f"{name}: {first}".removesuffix(": ")


def fingerprint(model: ClassifierMixin) -> str:
    """Return the sha256 of the model's file, which identifies the model wherever it is stored."""
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
