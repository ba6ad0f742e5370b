"""Compare the incoming rows with the reference rows of the model that answered them, and fail if they differ."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr
from scipy.stats import chi2_contingency, ks_2samp, norm

from penstroke.cards import markdown_table
from penstroke.contracts import SOURCES
from penstroke.domain import ROW_ID, Form, accept, describe
from penstroke.file_names import label_and_id
from penstroke.findings import FindingError
from penstroke.pools import map_in_order

from .parameters import Drift

REFERENCE, INCOMING, OTHER_MODEL, UNANSWERED = SOURCES
NOT_COMPARED = ("source", "model_version", "right")
NAMED = 3  # columns named in an error
ON_CARD = 5  # oddest rows on the card
REJECTED = "rejected_share"


def gather_rows(
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    predictions: pd.DataFrame | Iterable[pd.DataFrame],
    reference_profiles: Mapping[str, Callable[[], pd.DataFrame]],
    inbox: Mapping[str, Any],
) -> Iterator[pd.DataFrame]:
    """Describe the incoming rows, after the profile of the model that answered most of them.

    Args:
        rows: incoming rows, in one or several tables.
        predictions: their predictions, with ``model_version``, in one or several tables. Of several predictions of a
            row the last one counts.
        reference_profiles: by model version, a function that loads the profile. Its ``attrs`` hold the ``form`` of the
            model's rows, and its ``classes``.
        inbox: files named ``<right label>_<identifier>``. Only the names are used.

    Returns:
        An iterator over tables with the columns of the profile, ``model_version`` and ``source``: the profile, the
        incoming rows that its model answered, all others. Few of them are in memory at a time. Sources are
        ``reference``, ``incoming``, ``other model`` for rows that another model answered, and ``unanswered`` for rows
        without a prediction. Rows of the last two kinds can have any form, and their other columns are empty. ``right``
        is given for incoming rows that have a label. ``attrs`` are those of the profile.

    Raises:
        ValueError: there is no profile of that model, it does not say its form, or (when its table is reached) rows
            that it answered have another form.
    """
    answers = _last_answers([predictions] if isinstance(predictions, pd.DataFrame) else predictions)
    answered_by = answers["model_version"].mode()
    version = str(answered_by[0]) if len(answered_by) else max(reference_profiles)
    profile = reference_profiles[version]() if version in reference_profiles else pd.DataFrame()
    if "form" not in profile.attrs:
        lack = "is kept" if profile.empty else "says in what form it takes rows"
        raise ValueError(
            f"no reference profile of model {version} {lack}, but it made these predictions; `kedro run "
            "--pipelines=reporting` makes the profile of the champion: promote it, and run inference again"
        )
    labels = dict(parts[::-1] for name in inbox if (parts := label_and_id(name, profile.attrs["classes"])))
    tables = [rows] if isinstance(rows, pd.DataFrame) else rows
    return _gather(tables, answers, profile, version, pd.Series(labels, dtype="str"))


def _last_answers(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the last answer to each row. Copies, or the other columns would stay in memory."""
    answers = pd.concat([table[["prediction", "confidence", "model_version"]].copy() for table in tables])
    return answers if answers.index.is_unique else answers[~answers.index.duplicated(keep="last")]


def _gather(
    tables: Iterable[pd.DataFrame], answers: pd.DataFrame, profile: pd.DataFrame, version: str, labels: pd.Series
) -> Iterator[pd.DataFrame]:
    is_own = answers["model_version"] == version
    others = answers.loc[~is_own, "model_version"]
    answers = answers if is_own.all() else answers[is_own]
    known, answers = answers.index, answers[["prediction", "confidence"]].reset_index(drop=True)
    # the labels of another model may have another type
    answers["prediction"] = answers["prediction"].infer_objects().astype(profile["prediction"].dtype)
    values = {"source": [*SOURCES], "model_version": [version, *others.unique()]}
    kinds: Any = {name: pd.CategoricalDtype(found) for name, found in values.items()}
    reference = profile.assign(source=REFERENCE, model_version=version).astype(kinds)
    rest = list[pd.Index]()

    def own_tables() -> Iterator[pd.DataFrame]:
        for table in tables:
            is_own = known.get_indexer(table.index) >= 0  # isin would hash all identifiers for each table
            rest.append(table.index[~is_own])
            if is_own.any():
                yield table[is_own]

    def completed(table: pd.DataFrame) -> pd.DataFrame:
        return table.astype(kinds).reindex(columns=reference.columns.union(table.columns, sort=False))

    yield completed(reference)
    form = Form.model_validate(profile.attrs["form"])
    for described in map_in_order(partial(_describe_accepted, form=form), own_tables()):
        answered = answers.iloc[known.get_indexer(described.index)].set_axis(described.index)
        label = labels.reindex(described.index)
        right = (answered["prediction"].astype("str") == label).astype("boolean").where(label.notna())
        answered = answered.assign(right=right, source=INCOMING, model_version=version)
        yield completed(pd.concat([described.astype(np.float32), answered], axis=1))
    for index in filter(len, rest):
        answered_by = others.reindex(index)
        source = np.where(answered_by.isna(), UNANSWERED, OTHER_MODEL)
        yield completed(reference.head(0).reindex(index).assign(source=source, model_version=answered_by))


def _describe_accepted(rows: pd.DataFrame, form: Form) -> pd.DataFrame:
    return describe(accept(rows, form)[0])


def measure_drift(
    compared_rows: pd.DataFrame | Iterable[pd.DataFrame], drift: Drift, rejected_rows: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Measure for each column how much the incoming rows differ from the reference.

    There are three kinds of alarm:

    - A column: the difference is significant (its p-value times the number of columns is at most
      ``drift.significance``) and large (its stability index is above ``drift.psi``).
    - ``accuracy``: it is lower than that of the test rows by more than ``drift.accuracy_loss``, even if all rows
      without a label count as right. They do, because people mostly label wrong predictions.
    - ``rejected_share``: the lower end of its interval is above ``drift.rejected_share``, and at least
      ``drift.least_rows`` rows came in.

    Args:
        compared_rows: the reference rows and the incoming rows, in one or several tables.
        drift: the thresholds.
        rejected_rows: one row per rejected row; None if rejected rows are not recorded.

    Returns:
        Always: ``model_version``; the numbers of ``rows``, ``rows_of_other_models``, ``rows_unanswered``,
        ``rows_labelled`` and ``reference_rows``; whether there were enough rows (``judged``); the names of the
        ``alarms``.

        With labels: ``accuracy``, ``accuracy_low`` and ``accuracy_high`` (Wilson's interval), ``accuracy_at_most`` (the
        upper end if rows without a label count as right).

        With rows without a label: ``promised_accuracy``, their mean confidence, and the interval
        ``promised_accuracy_low`` to ``promised_accuracy_high`` of their accuracy if the confidences are calibrated.
        For comparison, if the predictions of the reference are known: ``promised_accuracy_of_reference`` and
        ``accuracy_of_reference``.

        With recorded rejections: ``rows_rejected``, and ``rejected_share`` with its interval if any row came in.

        If judged, for each column: ``psi_`` (see :func:`stability_index`), ``ks_`` (the Kolmogorov-Smirnov statistic, 0
        to 1) and its p-value ``p_``. For ``prediction``, whose classes have no order, ``p_`` is that of the
        chi-squared test, and there is no ``ks_``.
    """
    tables = tables_of(compared_rows)
    rows = {source: sum(int((table["source"] == source).sum()) for table in tables) for source in SOURCES}
    reference, incoming = split_columns(tables, ["model_version", "right", "confidence"])
    judged = rows[INCOMING] >= drift.least_rows
    columns = [str(name) for name in tables[0] if judged and name not in NOT_COMPARED]
    found = {name: _compare(name, then, now, drift.bins) for name, then, now in each_column(tables, columns)}
    accuracy = _accuracy(reference["right"], incoming["right"], drift) | _promise(reference, incoming, drift)
    came_in = rows[INCOMING] + rows[OTHER_MODEL] + rows[UNANSWERED]
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
        "rows": rows[INCOMING],
        "rows_of_other_models": rows[OTHER_MODEL],
        "rows_unanswered": rows[UNANSWERED],
        "reference_rows": rows[REFERENCE],
        "judged": judged,
        "alarms": alarms,
        **rejected,
        **accuracy,
        **{f"{kind}_{name}": figure for name, figures in found.items() for kind, figure in figures.items()},
    }


def find_oddest(
    compared_rows: pd.DataFrame | Iterable[pd.DataFrame], drift_scores: dict[str, Any], drift: Drift
) -> pd.DataFrame:
    """Find the incoming rows that are least like the reference.

    Args:
        compared_rows: the reference rows and the incoming rows, in one or several tables.
        drift_scores: has the ``alarms``; if there are any, only the columns that raised them count.
        drift: sets the number of rows.

    Returns:
        The rows with the highest mean of :func:`measure_oddness` over the columns, oddest first: ``prediction``,
        ``confidence``, the oddest ``column`` and its ``value``. ``attrs`` are those of ``compared_rows``.
    """
    tables = tables_of(compared_rows)
    reference = pd.concat([split_sources(table)[0] for table in tables])

    def measure(rows: pd.DataFrame) -> pd.DataFrame:
        return measure_oddness(pd.concat([reference, rows]), drift_scores["alarms"])

    shown = split_sources(tables[0])[1].head(0).assign(oddness=0.0)
    for table in tables:
        came = split_sources(table)[1]
        shown = pd.concat([shown, came.assign(oddness=measure(came).mean(axis=1).to_numpy())])
        shown = shown.sort_values("oddness", ascending=False, kind="stable")
        shown = shown[~shown.index.duplicated()].head(drift.shown)  # a row that came in twice is shown once
    oddness = measure(shown.drop(columns="oddness"))
    places = oddness.to_numpy().argmax(axis=1)
    kind = np.int64 if shown["prediction"].dtype.kind in "iu" else "str"
    values = shown[oddness.columns].to_numpy(np.float32)[np.arange(len(shown)), places]
    column = oddness.columns[places].astype("str")
    oddest = shown[["prediction", "confidence"]].astype({"prediction": kind}).assign(column=column, value=values)
    oddest.attrs = tables[0].attrs
    return oddest


def measure_oddness(compared_rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Measure for each value of the incoming rows how unusual it is in the reference.

    Args:
        compared_rows: the reference rows and the incoming rows.
        columns: columns to measure; all columns if none of these was compared.

    Returns:
        For each incoming row and column: minus log10 of the share of reference rows that lie as far out or further, on
        either side. It is 0 at the median, and at most log10 of the number of reference rows.
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
    """Compute the population stability index of two histograms, minus its expected value for equal distributions.

    Args:
        counts: (2, bins) whole numbers, neither row all 0. Half a row is added to each bin, so that no share is 0.

    Returns:
        The sum over the bins of the difference of the shares times the difference of their logarithms, minus the
        expectation of that sum for two samples of the same source. So 0 means no difference, and small negative values
        are normal.

    Examples:
        >>> same, moved = np.array([[50, 50], [50, 50]]), np.array([[50, 50], [90, 10]])
        >>> round(stability_index(same), 2), round(stability_index(moved), 2)
        (-0.02, 0.83)

    Source: the population stability index, Siddiqi, "Credit risk scorecards", Wiley 2006, which calls more than 0.25
    a major change; its expectation, Yurdakul, "Statistical properties of population stability index", dissertation,
    Western Michigan University 2018.
    """
    counts = counts[:, counts.any(axis=0)]
    then, now = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    expected = (counts.shape[1] - 1) * (1 / counts.sum(axis=1)).sum()
    return float((rel_entr(then, now) + rel_entr(now, then)).sum() - expected)


def split_sources(compared_rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reference rows and the incoming rows, without unanswered rows and rows of other models."""
    source = compared_rows["source"]
    return compared_rows[source == REFERENCE], compared_rows[source == INCOMING]


def tables_of(compared_rows: pd.DataFrame | Iterable[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the tables. They are not joined: while that happens, there would be two of each."""
    return [compared_rows] if isinstance(compared_rows, pd.DataFrame) else list(compared_rows)


def split_columns(tables: list[pd.DataFrame], names: list[str]) -> list[pd.DataFrame]:
    """Return columns of all reference rows, and of all incoming rows, without identifiers."""
    parts = zip(*(split_sources(table[["source", *names]]) for table in tables), strict=True)
    return [pd.concat([table[names] for table in part], ignore_index=True) for part in parts]


def each_column(tables: list[pd.DataFrame], names: Iterable[str]) -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """Yield each column's name, its values in the reference and those of the incoming rows, without missing ones."""
    for name in names:
        then, now = split_columns(tables, [name])
        yield name, then[name].dropna(), now[name].dropna()


def write_drift_card(
    compared_rows: pd.DataFrame | Iterable[pd.DataFrame],
    drift_scores: dict[str, Any],
    oddest_rows: pd.DataFrame,
    drift: Drift,
) -> str:
    """Write as Markdown what was compared, the result, and what to do about an alarm."""
    scores, alarms = drift_scores, drift_scores["alarms"]
    names = sorted((key[4:] for key in scores if key.startswith("psi_")), key=lambda name: -scores[f"psi_{name}"])
    cells = [
        (
            name,
            *(f"{values.median():.3f}" if f"ks_{name}" in scores else "" for values in (then, now)),
            f"{scores[f'psi_{name}']:.3f}",
            f"{scores[f'ks_{name}']:.3f}" if f"ks_{name}" in scores else "",
            f"{scores[f'p_{name}']:.2g}",
            "**alarm**" if name in alarms else "",
        )
        for name, then, now in each_column(tables_of(compared_rows), names)
    ]
    oddest = [
        (row.Index, row.prediction, f"{row.confidence:.0%}", row.column, f"{row.value:.3f}")
        for row in oddest_rows.head(ON_CARD).itertuples()
    ]
    verdict = "alarm" if alarms else "none" if scores["judged"] else "too few rows to judge"
    few = f"A comparison needs at least {drift.least_rows} rows, so there is none."
    return f"""# Drift: {verdict}

Compared: {scores["rows"]} rows that model `{scores["model_version"]}` predicted, and {scores["reference_rows"]} \
reference rows of that model.
Left out: {scores["rows_of_other_models"]} rows that other models predicted, {scores["rows_unanswered"]} without a \
prediction.
{_rejected_line(scores)}
{_accuracy_line(scores)}
{_promise_line(scores)}

{"" if scores["judged"] else few}
{markdown_table(("column", "median then", "median now", "PSI", "KS", "p", ""), cells)}

PSI is the population stability index minus its expected value for rows of the same source. KS is the
Kolmogorov-Smirnov statistic. A column raises an alarm if its PSI is above {drift.psi:g} and the difference is
significant: rows of the same source would raise any alarm in fewer than {drift.significance:g} of all runs.

## What to do about an alarm
Look at the oddest rows, and at the reasons for rejected rows. If the rows were made in the wrong way, correct that at
their source. If they are right but come from a new source, label some of them, train with them, and promote.

## The oddest rows
{markdown_table((ROW_ID, "prediction", "confidence", "oddest column", "its value"), oddest)}
"""


def raise_alarm(drift_scores: dict[str, Any], drift_card: str, *report: Any) -> dict[str, Any]:  # noqa: ARG001
    """Fail if there is an alarm; otherwise return the scores.

    Args:
        drift_scores: has the ``alarms``.
        drift_card: the same for people; a message about the alarm contains it.
        *report: other datasets that must be stored before this node fails.

    Raises:
        FindingError: there is an alarm.
    """
    if alarms := drift_scores["alarms"]:
        named = ", ".join(alarms[:NAMED]) + (f" and {len(alarms) - NAMED} more" if len(alarms) > NAMED else "")
        found = []
        if set(alarms) - {REJECTED}:
            version = drift_scores["model_version"]
            found = [f"the {drift_scores['rows']} rows differ from the reference rows of model {version}"]
        if REJECTED in alarms:
            found += [f"{drift_scores['rows_rejected']} of {_came_in(drift_scores)} rows were rejected"]
        told = f"drift alarm ({named}): {', and '.join(found)}; read the drift card before you use the predictions"
        raise FindingError(told, "alarm", drift_scores, drift_card)
    return drift_scores


def _compare(name: str, then: pd.Series, now: pd.Series, bins: int) -> dict[str, float]:
    if name == "prediction":  # classes have no order
        counts = _count_classes(then, now)
        return {"psi": stability_index(counts), "p": float(chi2_contingency(counts).pvalue)}
    gap = ks_2samp(then, now, method="asymp")
    index = stability_index(_count_in_bins(then, now, bins))
    return {"psi": index, "ks": float(gap.statistic), "p": float(gap.pvalue)}


def _count_in_bins(then: pd.Series, now: pd.Series, bins: int) -> np.ndarray:
    """Count rows between quantiles of the reference. Rows exactly at a quantile, often many, get their own bin."""
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
    return {
        "rows_labelled": len(labelled),
        **_with_interval("accuracy", float(labelled.mean()), len(labelled), drift),
        "accuracy_at_most": _wilson(float(right.fillna(True).mean()), len(right), drift.interval)[1],
        "accuracy_of_reference": float(of_reference.mean()),
    }


def _rejected(rejected: int, came_in: int, drift: Drift) -> dict[str, Any]:
    if not rejected + came_in:
        return {"rows_rejected": 0}
    rows = rejected + came_in
    return {"rows_rejected": rejected, **_with_interval(REJECTED, rejected / rows, rows, drift)}


def _promise(reference: pd.DataFrame, incoming: pd.DataFrame, drift: Drift) -> dict[str, Any]:
    """Return the expected accuracy of rows without a label, and expected and true accuracy of the reference."""
    promised, known = incoming.loc[incoming["right"].isna(), "confidence"], reference.dropna(subset="right")
    if not len(promised):
        return {}
    found = _with_interval("promised_accuracy", float(promised.mean()), len(promised), drift)
    if len(known):
        found |= {
            "promised_accuracy_of_reference": float(known["confidence"].mean()),
            "accuracy_of_reference": float(known["right"].mean()),
        }
    return found


def _with_interval(name: str, share: float, rows: int, drift: Drift) -> dict[str, float]:
    low, high = _wilson(share, rows, drift.interval)
    return {name: share, f"{name}_low": low, f"{name}_high": high}


def _wilson(share: float, rows: int, level: float) -> tuple[float, float]:
    """Return Wilson's interval for a share, which need not be a whole number of rows."""
    squared = norm.ppf((1 + level) / 2) ** 2 / rows
    middle, half = share + squared / 2, np.sqrt(squared * (share * (1 - share) + squared / 4))
    low, high = (middle - half) / (1 + squared), (middle + half) / (1 + squared)
    return max(0.0, min(share, float(low))), min(1.0, max(share, float(high)))  # rounding may leave out the share


def _came_in(scores: dict[str, Any]) -> int:
    counted = ("rows", "rows_of_other_models", "rows_unanswered", "rows_rejected")
    return sum(scores[name] for name in counted)


def _shown(scores: dict[str, Any], name: str) -> tuple[str, str]:
    share, low, high = (f"{scores[f'{name}{end}']:.2%}" for end in ("", "_low", "_high"))
    return share, f"interval {low} to {high}"


def _rejected_line(scores: dict[str, Any]) -> str:
    if "rows_rejected" not in scores:
        return "Rejected rows are not counted here; the service counts rejected requests in `/metrics`."
    if REJECTED not in scores:
        return "No rows came in."
    share, interval = _shown(scores, REJECTED)
    alarm = ": **alarm**" if REJECTED in scores["alarms"] else ""
    of_all = f"{scores['rows_rejected']} of {_came_in(scores)} rows that came in"
    return f"Rejected before prediction: {of_all}, {share}, {interval}{alarm}."


def _promise_line(scores: dict[str, Any]) -> str:
    if "promised_accuracy" not in scores:
        return ""
    promised, interval = _shown(scores, "promised_accuracy")
    line = f"By their confidences **{promised}** of the rows without a label are right, {interval}"
    if "promised_accuracy_of_reference" in scores:
        then, right = scores["promised_accuracy_of_reference"], scores["accuracy_of_reference"]
        line += f"; on the test rows the confidences promised {then:.2%}, and {right:.2%} were right"
    return (
        f"{line}. If columns raise an alarm, do not rely on this: confidence is calibrated for rows of the model's "
        "source."
    )


def _accuracy_line(scores: dict[str, Any]) -> str:
    if not scores["rows_labelled"]:
        return "No labels have arrived, so the accuracy is unknown."
    right, interval = _shown(scores, "accuracy")
    return (
        f"Of {scores['rows_labelled']} rows with a label **{right}** are right, {interval}, and of all rows at most "
        f"{scores['accuracy_at_most']:.2%}; on the test rows it was {scores['accuracy_of_reference']:.2%}. People "
        "mostly label wrong predictions, so the true accuracy is higher than that of the labelled rows."
    )
