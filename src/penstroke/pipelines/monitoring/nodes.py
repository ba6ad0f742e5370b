"""Compare what came in with the rows that the answering model came from, and fail when they differ."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr
from scipy.stats import binomtest, chi2_contingency, ks_2samp, norm
from sklearn.base import ClassifierMixin

from penstroke.answers import view_of
from penstroke.contracts import SOURCES
from penstroke.domain import ROW_ID, Form, accept, describe
from penstroke.files import label_and_id
from penstroke.tables import with_gaps

from .parameters import Drift

REFERENCE, INCOMING, OTHER_MODEL, UNANSWERED = SOURCES
NOT_COMPARED = ("source", "model_version", "right")
NAMED = 3  # columns in an error
ON_CARD = 5  # of the oddest rows
REJECTED = "rejected_share"


def gather_rows(
    rows: Iterable[pd.DataFrame],
    predictions: pd.DataFrame | Iterable[pd.DataFrame],
    reference_profiles: Mapping[str, Callable[[], pd.DataFrame]],
    inbox: Mapping[str, Any],
    production_model: ClassifierMixin,
) -> pd.DataFrame:
    """Describe what came in, and put it below the profile of the model that gave most of the answers.

    Args:
        rows: tables of rows.
        predictions: their answers, with ``model_version``; in one table, or in several.
        reference_profiles: what reads the profile of a model, by the model's version.
        inbox: files called ``<right label>_<identifier>``; nothing but their names is looked at.
        production_model: whose file says in what form rows are.

    Returns:
        The columns of the profile, with ``model_version`` and ``source``: ``reference``; ``incoming``; ``other model``
        for rows that another one answered, ``unanswered`` for those without an answer, both of which may have any form
        and are not described. ``prediction`` is that of the model alone; ``right`` is known of incoming rows that have
        a label.

    Raises:
        ValueError: no profile of that model is kept, or rows that it answered have another form.
    """
    answers = predictions if isinstance(predictions, pd.DataFrame) else pd.concat(predictions)
    answers = answers.loc[~answers.index.duplicated(keep="last"), ["prediction", "confidence", "model_version"]]
    answered_by = answers["model_version"].mode()
    version = str(answered_by[0]) if len(answered_by) else max(reference_profiles)
    if version not in reference_profiles:
        raise ValueError(
            f"no reference profile of model {version} is kept, which gave these answers; `kedro run "
            "--pipelines=reporting` makes that of the champion: promote it, and have the rows answered anew"
        )
    reference = reference_profiles[version]().assign(source=REFERENCE, model_version=version)
    of_version = answers.index[answers["model_version"] == version]
    # another model's classes may be of another kind
    answers["prediction"] = with_gaps(answers.loc[of_version, "prediction"].infer_objects())
    form, classes = view_of(production_model).form, production_model.classes_
    incoming = _describe_rows(rows, of_version, form).join(answers.astype({"model_version": "str"}))
    labels = dict(parts[::-1] for name in inbox if (parts := label_and_id(name, classes)))
    label = pd.Series(labels, dtype="str").reindex(incoming.index)
    right = incoming["prediction"].astype("str") == label
    by_version = incoming["model_version"]
    source = np.select([by_version.isna(), by_version != version], [UNANSWERED, OTHER_MODEL], INCOMING)
    incoming = incoming.assign(right=right.astype("boolean").where(label.notna() & (source == INCOMING)), source=source)
    return pd.concat([reference, incoming])


def _describe_rows(tables: Iterable[pd.DataFrame], compared: pd.Index, form: Form) -> pd.DataFrame:
    """Describe those rows that are compared; of the others, which may have any form, nothing is said but that they are.

    Raises:
        ValueError: rows that are compared have another form.
    """
    parts, others = [], []
    for table in tables:
        is_compared = table.index.isin(compared)
        if is_compared.any():
            parts.append(describe(accept(table[is_compared], form)[0]))
        others.append(table.index[~is_compared])
    nobody = [pd.DataFrame(index=index) for index in others]
    return pd.concat([*parts, *nobody]).astype(np.float32)


def measure_drift(
    compared_rows: pd.DataFrame, drift: Drift, rejected_rows: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Measure, column by column, how far what came in differs from the reference.

    A column raises an alarm where chance would hardly do that (its p-value, times the number of columns, is at most
    ``drift.significance``) and the difference is large (its stability index is above ``drift.psi``). So does the
    accuracy where it would be lower than that of the test rows by more than ``drift.accuracy_loss`` even if every row
    without a label were right: people label what is wrong rather than what is right. And so does what was rejected
    before a model saw it, where of ``drift.least_rows`` or more that came in it is surely a larger share than
    ``drift.rejected_share``.

    Args:
        compared_rows: the reference, and what came in.
        drift: the thresholds.
        rejected_rows: what was rejected, a row each; None where nobody knows what was.

    Returns:
        ``model_version``; the numbers of ``rows``, ``rows_of_other_models``, ``rows_unanswered``, ``rows_labelled``
        and ``reference_rows``; whether rows enough to be ``judged`` came in, and the names of the ``alarms``. If there
        are labels, ``accuracy``, ``accuracy_low`` and ``accuracy_high`` (Wilson's interval), ``accuracy_at_most`` (the
        upper end where rows without a label count as right). If there are rows without a label,
        ``promised_accuracy``, the mean of their confidences, ``promised_accuracy_low`` and ``promised_accuracy_high``,
        between which their accuracy lies if the confidences hold; and of the reference, where its answers are known,
        ``promised_accuracy_of_reference`` and its true ``accuracy_of_reference``. If it is known what was rejected,
        ``rows_rejected``, and if anything came in, ``rejected_share`` with its interval. If the rows are judged, for
        each column ``psi_`` (see :func:`stability_index`), ``ks_`` (the largest gap between the shares of rows up to
        any value, 0 to 1) and its ``p_``; of ``prediction``, whose classes have no order, ``p_`` is that of the
        chi-squared test, and ``ks_`` is left out.
    """
    rows = compared_rows["source"].value_counts().reindex(SOURCES, fill_value=0)
    reference, incoming = split_sources(compared_rows)
    judged = bool(rows[INCOMING] >= drift.least_rows)
    columns = [str(name) for name in compared_rows if judged and name not in NOT_COMPARED]
    found = {name: _compare(name, reference[name].dropna(), incoming[name].dropna(), drift.bins) for name in columns}
    accuracy = _accuracy(reference["right"], incoming["right"], drift) | _promise(reference, incoming, drift)
    came_in = int(rows[[INCOMING, OTHER_MODEL, UNANSWERED]].sum())
    rejected = {} if rejected_rows is None else _rejected(len(rejected_rows), came_in, drift)
    alarms = [
        name
        for name, figures in sorted(found.items(), key=lambda item: -item[1]["psi"])
        if figures["psi"] > drift.psi and figures["p"] * len(columns) <= drift.significance
    ]
    if judged and accuracy["rows_labelled"]:
        is_lost = accuracy["accuracy_at_most"] < accuracy["accuracy_of_reference"] - drift.accuracy_loss
        alarms += ["accuracy"] * is_lost
    if rejected and came_in + rejected["rows_rejected"] >= drift.least_rows:
        alarms += [REJECTED] * (rejected["rejected_share_low"] > drift.rejected_share)
    return {
        "model_version": str(reference["model_version"].iloc[0]),
        "rows": int(rows[INCOMING]),
        "rows_of_other_models": int(rows[OTHER_MODEL]),
        "rows_unanswered": int(rows[UNANSWERED]),
        "reference_rows": int(rows[REFERENCE]),
        "judged": judged,
        "alarms": alarms,
        **rejected,
        **accuracy,
        **{f"{kind}_{name}": figure for name, figures in found.items() for kind, figure in figures.items()},
    }


def find_oddest(compared_rows: pd.DataFrame, drift_scores: dict[str, Any], drift: Drift) -> pd.DataFrame:
    """Find the rows that are least like the reference.

    Args:
        compared_rows: the reference, and what came in.
        drift_scores: with ``alarms``; where there are some, their columns alone count.
        drift: how many rows.

    Returns:
        The oddest first, by the mean over columns of :func:`measure_oddness`: ``prediction``, ``confidence``, the
        ``column`` that is oddest and its ``value``.
    """
    oddness = measure_oddness(compared_rows, drift_scores["alarms"])
    order = oddness.mean(axis=1).sort_values(ascending=False, kind="stable")
    order = order[~order.index.duplicated()].head(drift.shown)
    _, incoming = split_sources(compared_rows)
    shown = incoming[~incoming.index.duplicated()].loc[order.index]
    oddness = oddness[~oddness.index.duplicated()].loc[order.index]
    column = oddness.idxmax(axis=1).astype("str") if len(order) else pd.Series([], order.index, dtype="str")
    values, places = shown[oddness.columns].to_numpy(np.float32), oddness.columns.get_indexer(pd.Index(column))
    prediction = shown["prediction"].astype(np.int64 if shown["prediction"].dtype.kind in "iu" else "str")
    return pd.DataFrame(
        {
            "prediction": prediction,
            "confidence": shown["confidence"],
            "column": column,
            "value": values[np.arange(len(order)), places],
        }
    )


def measure_oddness(compared_rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Say of each row that came in how odd its values are among the reference.

    Args:
        compared_rows: the reference, and what came in.
        columns: which count; where none is of what was compared, all do.

    Returns:
        A row for each row that came in: minus the decimal logarithm of the share of rows of the reference that lie as
        far out or further, on either side; 0 in the middle, at most the logarithm of their number.
    """
    names = [name for name in compared_rows if name not in (*NOT_COMPARED, "prediction")]
    reference, incoming = split_sources(compared_rows)
    odd = {}
    for name in [name for name in names if name in columns] or names:
        known, values = np.sort(reference[name].dropna()), incoming[name].to_numpy()
        below, above = np.searchsorted(known, values, "right"), len(known) - np.searchsorted(known, values, "left")
        odd[name] = -np.log10(np.clip(2 * np.minimum(below, above) / len(known), 1 / len(known), 1))
    return pd.DataFrame(odd, incoming.index)


def stability_index(counts: np.ndarray) -> float:
    """Measure how far two histograms differ, less what chance alone would give.

    Args:
        counts: (2, bins) of whole numbers, each row with some; half a row is added to each bin, since none is
            impossible.

    Returns:
        The sum over the bins of the difference of the shares times the difference of their logarithms; less its
        expectation for two samples of one source. So 0 means no difference, and a little below is nothing unusual.

    Source: the population stability index, Siddiqi, "Credit risk scorecards", Wiley 2006, which calls more than 0.25
    a major change; its expectation, Yurdakul, "Statistical properties of population stability index", dissertation,
    Western Michigan University 2018.
    """
    counts = counts[:, counts.any(axis=0)]
    then, now = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    expected = (counts.shape[1] - 1) * (1 / counts.sum(axis=1)).sum()
    return float((rel_entr(then, now) + rel_entr(now, then)).sum() - expected)


def split_sources(compared_rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the reference and what came in, without the rows of other models."""
    source = compared_rows["source"]
    return compared_rows[source == REFERENCE], compared_rows[source == INCOMING]


def write_drift_card(
    compared_rows: pd.DataFrame, drift_scores: dict[str, Any], oddest_rows: pd.DataFrame, drift: Drift
) -> str:
    """Write what was compared with what, what came of it and what to do, as Markdown."""
    scores, alarms = drift_scores, drift_scores["alarms"]
    then, now = (part.median(numeric_only=True) for part in split_sources(compared_rows))
    names = sorted((key[4:] for key in scores if key.startswith("psi_")), key=lambda name: -scores[f"psi_{name}"])
    cells = [
        (
            name,
            *("" if f"ks_{name}" not in scores else f"{figure[name]:.3f}" for figure in (then, now)),
            f"{scores[f'psi_{name}']:.3f}",
            f"{scores[f'ks_{name}']:.3f}" if f"ks_{name}" in scores else "",
            f"{scores[f'p_{name}']:.2g}",
            "**alarm**" if name in alarms else "",
        )
        for name in names
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    oddest = "\n".join(
        f"| {row.Index} | {row.prediction} | {row.confidence:.0%} | {row.column} | {row.value:.3f} |"
        for row in oddest_rows.head(ON_CARD).itertuples()
    )
    verdict = "alarm" if alarms else "none" if scores["judged"] else "too few rows to judge"
    few = f"At least {drift.least_rows} rows are needed to compare them: nothing is said of these."
    return f"""# Drift: {verdict}

{scores["rows"]} rows that model `{scores["model_version"]}` answered, and {scores["reference_rows"]} rows that it \
came from.
Left out: {scores["rows_of_other_models"]} rows that other models answered, {scores["rows_unanswered"]} without an \
answer.
{_rejected_line(scores)}
{_accuracy_line(scores)}
{_promise_line(scores)}

{"" if scores["judged"] else few}
| column | median then | median now | PSI | KS | p | |
| --- | --- | --- | --- | --- | --- | --- |
{table}

PSI is the population stability index less what chance gives, KS the largest gap between the shares of rows up to any
value. A column raises an alarm above a PSI of {drift.psi:g}, if rows of the same source would do as badly in any
column in fewer than {drift.significance:g} of all runs.

## What to do about an alarm
Look at the oddest rows, and at the reasons why others were rejected. Rows that are made otherwise are best mended where
they come from. If they are as they should be and the source is a new one, label a part of them, train with them, and
promote.

## The oddest rows
| {ROW_ID} | answer | confidence | oddest column | its value |
| --- | --- | --- | --- | --- |
{oddest}
"""


def raise_alarm(drift_scores: dict[str, Any], *report: Any) -> dict[str, Any]:  # noqa: ARG001
    """Hand the scores on if they raise no alarm.

    Args:
        drift_scores: with ``alarms``.
        *report: what must be stored before this fails.

    Raises:
        ValueError: there is an alarm.
    """
    if alarms := drift_scores["alarms"]:
        named = ", ".join(alarms[:NAMED]) + (f" and {len(alarms) - NAMED} more" if len(alarms) > NAMED else "")
        found = []
        if set(alarms) - {REJECTED}:
            version = drift_scores["model_version"]
            found = [f"the {drift_scores['rows']} rows are not like those that model {version} came from"]
        if REJECTED in alarms:
            found += [f"{drift_scores['rows_rejected']} of {_came_in(drift_scores)} rows were rejected"]
        raise ValueError(
            f"drift alarm ({named}): {', and '.join(found)}; read the drift card before you trust the answers"
        )
    return drift_scores


def _compare(name: str, then: pd.Series, now: pd.Series, bins: int) -> dict[str, float]:
    if name == "prediction":  # classes have no order
        counts = _count_classes(then, now)
        return {"psi": stability_index(counts), "p": float(chi2_contingency(counts).pvalue)}
    gap = ks_2samp(then, now, method="asymp")
    index = stability_index(_count_in_bins(then, now, bins))
    return {"psi": index, "ks": float(gap.statistic), "p": float(gap.pvalue)}


def _count_in_bins(then: pd.Series, now: pd.Series, bins: int) -> np.ndarray:
    """Count rows between quantiles of the reference; those at a quantile, where many may be, count by themselves."""
    cuts = np.unique(np.quantile(then, np.arange(1, bins) / bins))
    places = (np.searchsorted(cuts, values, "left") + np.searchsorted(cuts, values, "right") for values in (then, now))
    return np.stack([np.bincount(place, minlength=2 * len(cuts) + 1) for place in places])


def _count_classes(then: pd.Series, now: pd.Series) -> np.ndarray:
    classes = sorted({*then, *now})
    return np.stack([values.value_counts().reindex(classes, fill_value=0).to_numpy(int) for values in (then, now)])


def _accuracy(of_reference: pd.Series, right: pd.Series, drift: Drift) -> dict[str, Any]:
    labelled = right.dropna()
    if not len(labelled):
        return {"rows_labelled": 0}
    low, high = _interval(int(labelled.sum()), len(labelled), drift)
    return {
        "rows_labelled": len(labelled),
        "accuracy": float(labelled.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_at_most": _interval(int(right.fillna(True).sum()), len(right), drift)[1],
        "accuracy_of_reference": float(of_reference.mean()),
    }


def _rejected(rejected: int, came_in: int, drift: Drift) -> dict[str, Any]:
    if not rejected + came_in:
        return {"rows_rejected": 0}
    low, high = _interval(rejected, rejected + came_in, drift)
    share = rejected / (rejected + came_in)
    return {"rows_rejected": rejected, REJECTED: share, f"{REJECTED}_low": low, f"{REJECTED}_high": high}


def _promise(reference: pd.DataFrame, incoming: pd.DataFrame, drift: Drift) -> dict[str, Any]:
    """Say how many of the rows without a label are right if the confidences hold, and how they held before."""
    promised, known = incoming.loc[incoming["right"].isna(), "confidence"], reference.dropna(subset="right")
    if not len(promised):
        return {}
    mean = float(promised.mean())
    low, high = _wilson(mean, len(promised), drift.interval)
    found = {"promised_accuracy": mean, "promised_accuracy_low": low, "promised_accuracy_high": high}
    if len(known):
        found |= {
            "promised_accuracy_of_reference": float(known["confidence"].mean()),
            "accuracy_of_reference": float(known["right"].mean()),
        }
    return found


def _wilson(share: float, rows: int, level: float) -> tuple[float, float]:
    """Give Wilson's interval of a share that is no whole number of the rows."""
    squared = norm.ppf((1 + level) / 2) ** 2 / rows
    middle, half = share + squared / 2, np.sqrt(squared * (share * (1 - share) + squared / 4))
    return max(0.0, float((middle - half) / (1 + squared))), min(1.0, float((middle + half) / (1 + squared)))


def _interval(right: int, rows: int, drift: Drift) -> tuple[float, float]:
    interval = binomtest(right, rows).proportion_ci(drift.interval, method="wilson")
    return float(interval.low), float(interval.high)


def _came_in(scores: dict[str, Any]) -> int:
    counted = ("rows", "rows_of_other_models", "rows_unanswered", "rows_rejected")
    return sum(scores[name] for name in counted)


def _rejected_line(scores: dict[str, Any]) -> str:
    if "rows_rejected" not in scores:
        return "What was refused before a model saw it is not counted here; a service counts that in `/metrics`."
    if REJECTED not in scores:
        return "Nothing came in."
    share, low, high = (f"{scores[f'{REJECTED}{end}']:.2%}" for end in ("", "_low", "_high"))
    alarm = ": **alarm**" if REJECTED in scores["alarms"] else ""
    of_all = f"{scores['rows_rejected']} of {_came_in(scores)} rows that came in"
    return f"Rejected before a model saw them: {of_all}, {share}, interval {low} to {high}{alarm}."


def _promise_line(scores: dict[str, Any]) -> str:
    if "promised_accuracy" not in scores:
        return ""
    promised, low, high = (f"{scores[f'promised_accuracy{end}']:.2%}" for end in ("", "_low", "_high"))
    line = f"Of the rows without a label **{promised}** are right if their confidences hold, interval {low} to {high}"
    if "promised_accuracy_of_reference" in scores:
        then, right = scores["promised_accuracy_of_reference"], scores["accuracy_of_reference"]
        line += f"; of the test rows they promised {then:.2%}, and {right:.2%} were right"
    return (
        f"{line}. Where columns raise an alarm they may not hold: they are calibrated for rows of the model's source."
    )


def _accuracy_line(scores: dict[str, Any]) -> str:
    if not scores["rows_labelled"]:
        return "No labels have arrived, so nobody knows how many answers are right."
    return (
        f"Of {scores['rows_labelled']} rows with a label **{scores['accuracy']:.2%}** are right, interval "
        f"{scores['accuracy_low']:.2%} to {scores['accuracy_high']:.2%}, and of all rows at most "
        f"{scores['accuracy_at_most']:.2%}; on the test rows it was {scores['accuracy_of_reference']:.2%}. Labels "
        "that correct wrong answers make the accuracy look worse than it is."
    )
