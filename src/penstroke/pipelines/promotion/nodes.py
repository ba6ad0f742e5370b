"""Check the champion's figures against the gate's thresholds, and promote or refuse the champion."""

from math import ceil, floor, isfinite, log2
from typing import Any

from scipy.stats import norm
from sklearn.base import ClassifierMixin

from penstroke.cards import in_line, markdown_table
from penstroke.findings import FindingError
from penstroke.models import version_of

from .measures import fingerprint
from .parameters import Thresholds

AT_LEAST, AT_MOST = "at least", "at most"
SAME = 1e-6  # largest difference of probabilities that are called the same
RESULTS = {True: "passed", False: "**refused**", None: "left out"}


def judge_champion(
    champion_scores: dict[str, Any],
    stress_scores: dict[str, Any],
    champion_costs: dict[str, Any],
    comparison_scores: dict[str, Any],
    gate: Thresholds,
) -> tuple[dict[str, Any], str]:
    """Check every figure against its threshold.

    Args:
        champion_scores: scores on the test rows.
        stress_scores: scores on the perturbed test rows.
        champion_costs: size and latency.
        comparison_scores: comparison with the production model.
        gate: the thresholds.

    Returns:
        The ``verdict``, and the same as Markdown. The verdict says whether the champion ``passed``, which checks it is
        ``refused_by``, the fingerprints of ``champion`` and ``production``, the number of ``comparable_rows``, and all
        ``checks``. Each check has a name (``check``), a ``figure`` (None if unknown), what is ``asked`` ("at least"
        or "at most"), the ``threshold``, whether it ``passed`` (None if there was nothing to compare with) and a
        ``note``, for instance that no champion can pass with so few test rows. A figure that is unknown, or not a
        finite number, fails its check.

    Raises:
        ValueError: the figures belong to different champions.
    """
    (champion, *others) = {
        measures["model_sha256"] for measures in (champion_scores, stress_scores, champion_costs, comparison_scores)
    }
    if others:
        raise ValueError(
            "the stored figures are of different champions; measure this one: kedro run --pipelines=promotion"
        )
    recalls = sorted(name for name in champion_scores if name.startswith("recall_"))
    losses = {
        f"loss_{name.removeprefix('accuracy_')}": stress_scores["accuracy"] - accuracy
        for name, accuracy in sorted(stress_scores.items())
        if name.startswith("accuracy_")
    }
    reachable = _say_what_is_reachable(champion_scores, gate)
    checks = [
        _check("accuracy_low", champion_scores["accuracy_low"], AT_LEAST, gate.accuracy_low, reachable),
        *(_check_recall(name, champion_scores[name], gate) for name in recalls),
        _check("calibration_error", champion_scores["calibration_error"], AT_MOST, gate.calibration_error),
        *(_check(name, loss, AT_MOST, gate.perturbed_loss) for name, loss in losses.items()),
        _check("perturbed_log_loss", stress_scores["log_loss"], AT_MOST, gate.perturbed_log_loss),
        _check("size_mb", champion_costs["size_mb"], AT_MOST, gate.size_mb),
        _check("latency_ms", champion_costs["latency_ms"], AT_MOST, gate.latency_ms),
        _check_service(champion_costs),
        _check("test_rows_learned", champion_scores["test_rows_learned"], AT_MOST, 0),
        _check_against_production(comparison_scores, champion_scores.get("rows"), gate),
    ]
    refused_by = [check["check"] for check in checks if check["passed"] is False]
    verdict = {
        "passed": not refused_by,
        "refused_by": refused_by,
        "champion": champion,
        "production": comparison_scores["production"],
        "comparable_rows": comparison_scores["rows"],
        "checks": checks,
    }
    return verdict, _write_card(verdict)


def promote_champion(
    champion_model: ClassifierMixin, verdict: dict[str, Any], current_model: ClassifierMixin | None
) -> ClassifierMixin:
    """Return the champion as the new production model, if the verdict is about this model and it passed.

    Raises:
        FindingError: the champion is refused.
        ValueError: the verdict is about another champion, or compares it with another model than the one now in
            production.
    """
    if verdict["champion"] != fingerprint(champion_model):
        raise ValueError(
            "verdict is about another model than champion_model; check this one: kedro run --pipelines=promotion"
        )
    if not verdict["passed"]:
        failed = [check for check in verdict["checks"] if check["passed"] is False]
        raise FindingError(
            f"champion_model is refused, and production_model stays as it was: {'; '.join(map(_in_words, failed))}; "
            "read verdict_card, then train another champion, or change the thresholds of gate in conf",
            "refusal",
            verdict,
            _write_card(verdict),
        )
    if current_model is not None and fingerprint(current_model) not in (verdict["production"], verdict["champion"]):
        raise ValueError(
            "verdict compares with another model than that in production; check again: kedro run --pipelines=promotion"
        )
    return champion_model


def _check(name: str, figure: float | None, asked: str, threshold: float, note: str = "") -> dict[str, Any]:
    figure = figure if figure is not None and isfinite(figure) else None
    passed = figure is not None and (figure >= threshold if asked == AT_LEAST else figure <= threshold)
    return {"check": name, "figure": figure, "asked": asked, "threshold": threshold, "passed": passed, "note": note}


def _check_recall(name: str, recall: float | None, gate: Thresholds) -> dict[str, Any]:
    note = "cannot be passed: no test row is of this class" if recall is None else ""
    return _check(name, recall, AT_LEAST, gate.recall, note)


def _check_service(costs: dict[str, Any]) -> dict[str, Any]:
    difference = costs.get("service_difference")
    check = _check("service_difference", difference, AT_MOST, SAME, costs.get("service_note", "not measured"))
    return check | ({"passed": None} if difference is None else {})


def _say_what_is_reachable(scores: dict[str, Any], gate: Thresholds) -> str:
    """Say how many test rows a champion without errors needs to reach the threshold of the accuracy."""
    if not {"rows", "interval"} <= set(scores):  # scores of an earlier version
        return ""
    if gate.accuracy_low == 1:
        return "cannot be passed: no number of test rows shows that no answer is ever wrong; lower gate.accuracy_low"
    squared = norm.ppf((1 + scores["interval"]) / 2) ** 2  # Wilson's lower end of n right of n is n / (n + squared)
    needed = ceil(gate.accuracy_low * squared / (1 - gate.accuracy_low))
    if scores["rows"] < needed:
        return (
            f"cannot be passed: even without an error {needed} test rows are needed, there are {scores['rows']}; "
            "hold more rows back, or lower gate.accuracy_low"
        )
    return f"without an error {needed} test rows would do, there are {scores['rows']}"


def _check_against_production(comparison: dict[str, Any], test_rows: int | None, gate: Thresholds) -> dict[str, Any]:
    name, rows = "loss_against_production", comparison["rows"]
    if comparison.get("champion_fault"):
        return _check(name, None, AT_LEAST, gate.significance, comparison["champion_fault"])
    lost = comparison.get("classes_lost", [])
    lacks = f"; the champion does not know {', '.join(lost)}, which production knows" if lost else ""
    # with fewer rows no result is significant, even if the champion loses all of them
    needed = max(gate.comparable_rows, 1 + floor(-log2(gate.significance)))
    if rows < needed:
        in_all = f" and there are {test_rows} in all" if test_rows is not None and test_rows < needed else ""
        why = comparison["fault"] or (
            f"{rows} test rows are such that neither model was trained on them, {needed} are needed{in_all}"
        )
        note = f"not comparable: {why}{lacks}; the other checks decide"
        return _check(name, None, AT_LEAST, gate.significance, note) | {"passed": None}
    note = (
        f"p-value; of {rows} rows that neither model was trained on, {comparison['only_production']} only production "
        f"reads right and {comparison['only_champion']} only the champion{lacks}"
    )
    return _check(name, comparison["p_value"], AT_LEAST, gate.significance, note)


def _in_words(check: dict[str, Any]) -> str:
    note = f" ({check['note']})" if check["note"] else ""
    return f"{check['check']} is {_figure(check)}, must be {check['asked']} {check['threshold']:g}{note}"


def _figure(check: dict[str, Any]) -> str:
    return "unknown" if check["figure"] is None else f"{check['figure']:.4g}"


def _write_card(verdict: dict[str, Any]) -> str:
    rows = [
        (
            check["check"],
            _figure(check),
            f"{check['asked']} {check['threshold']:g}",
            RESULTS[check["passed"]],
            check["note"],
        )
        for check in verdict["checks"]
    ]
    refusal = f"It is refused by {in_line(', '.join(verdict['refused_by']))}, and production stays as it was."
    return f"""# Verdict: {"passed" if verdict["passed"] else "refused"}

Champion: `{version_of(verdict["champion"])}`. Model in production: \
{f"`{version_of(verdict['production'])}`" if verdict["production"] else "none yet"}.
{"It may go into production." if verdict["passed"] else refusal}

{markdown_table(("check", "figure", "asked", "result", "note"), rows)}
"""
