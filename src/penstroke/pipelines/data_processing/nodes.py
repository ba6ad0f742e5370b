"""Measure the form of the raw rows, reject unusable rows, split the others into train and test."""

from typing import Any

import numpy as np
import pandas as pd

from penstroke import domain
from penstroke.domain import Cleaning, Form, accept, measure_form

from .parameters import Split

UNREADABLE = "unreadable"  # the column in which a source of files says why it could not read one
GENERIC = ("conflict", "duplicate")  # reasons to reject rows of any domain


def state_form(raw_rows: pd.DataFrame, cleaning: Cleaning) -> dict[str, Any]:
    """Measure the form of the raw rows. A model's file will store it, to say which rows the model takes.

    Args:
        raw_rows: raw rows that fulfil their contract.
        cleaning: parameters of the cleaning.

    Returns:
        The fields of :class:`penstroke.domain.Form`.
    """
    return measure_form(raw_rows, cleaning).model_dump()


def screen_rows(
    raw_rows: pd.DataFrame, row_form: dict[str, Any], feedback_rows: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Divide the rows into accepted and rejected ones.

    A row is rejected, with a reason, if its source could not read it, if the domain rejects it
    (:func:`penstroke.domain.accept`), if another row has the same values and another label (both are rejected, since
    either may be wrong), or if it repeats an earlier row. In a domain with ``REPEATS``, rows of the same values may all
    be right, and none is rejected for them.

    Args:
        raw_rows: ``label``, the values in the form of ``row_form``, optionally ``split``, and optionally the
            ``reason`` why the source could not read a row.
        row_form: the form of the rows.
        feedback_rows: further rows of that form, labelled by people. They are added at the end, as training rows:
            people mostly label wrong predictions, so test rows among them would make every model look bad.

    Returns:
        The accepted rows; the rejected rows unchanged, with their ``reason``; and the numbers of rows read, accepted
        and rejected for each reason.

    Raises:
        ValueError: the rows have another form.
    """
    form = Form.model_validate(row_form)
    if feedback_rows is not None and len(feedback_rows):
        raw_rows = _add_feedback(raw_rows, feedback_rows, form)
    values, found = accept(raw_rows, form)
    reasons = pd.Series(found, raw_rows.index, dtype="str")
    if UNREADABLE in raw_rows:  # the source could not read some files
        unread = raw_rows[UNREADABLE].fillna("").astype("str")  # feedback does not have the column
        reasons = reasons.mask(unread.ne(""), f"{UNREADABLE}: " + unread)
    reasons = _reasons_to_reject(raw_rows["label"], values, reasons)
    rejected = reasons.ne("")
    others = raw_rows[[name for name in ("label", "split") if name in raw_rows]]
    accepted = pd.concat([others, values], axis=1)[~rejected]
    raw_values = raw_rows.drop(columns=[name for name in (*others, UNREADABLE, "reason") if name in raw_rows])
    rejected_rows = pd.concat([others[["label"]].assign(reason=reasons), raw_values], axis=1)[rejected]
    fates = reasons[rejected].str.split(":").str[0].value_counts()
    counts = {f"rows_rejected_{fate}": int(fates.get(fate, 0)) for fate in sorted({*fates.index, *GENERIC})}
    return accepted, rejected_rows, {"rows_read": len(raw_rows), "rows_accepted": len(accepted), **counts}


def split_rows(accepted_rows: pd.DataFrame, split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mark each row as ``train`` or ``test``. Values that a ``split`` column already has are kept.

    Within each class, the other rows form groups of ``1 / test_fraction`` rows, in their order. In each complete group
    the row whose identifier has the lowest hash (with the seed) becomes the test row. So all classes have the same
    share of test rows, and a test row stays one when rows are added at the end. Only rows of a group that was
    incomplete can become test rows then.

    Args:
        accepted_rows: ``label`` and the values, optionally ``split``.
        split: share of test rows, and seed.

    Returns:
        The rows with ``split``; and a table of only their ``label`` and ``split``.

    Raises:
        ValueError: there is only one class, a class has no training row, or there is no test row.
    """
    label = accepted_rows["label"]
    chosen = accepted_rows.get("split", pd.Series(None, label.index, dtype="str"))
    chosen = chosen.fillna(_draw_test_rows(label[chosen.isna()], split))
    _refuse_an_empty_side(label, chosen)
    rows = accepted_rows.drop(columns="split", errors="ignore")
    rows.insert(1, "split", chosen)
    return rows, rows[["label", "split"]]


def _add_feedback(raw_rows: pd.DataFrame, feedback_rows: pd.DataFrame, form: Form) -> pd.DataFrame:
    try:
        form.refuse_other_columns(feedback_rows)
    except ValueError as error:
        raise ValueError(
            f"the rows of feedback are of another form than the raw rows: {error}; "
            "read them again by `kedro run --pipelines=feedback`, then go on"
        ) from None
    return pd.concat([raw_rows, feedback_rows.assign(split="train")])


def _draw_test_rows(label: pd.Series, split: Split) -> pd.Series:
    place = label.groupby(label).cumcount()
    group = np.floor(place * split.test_fraction)
    whole = group < np.floor(label.groupby(label).transform("size") * split.test_fraction)
    draw = pd.Series(
        pd.util.hash_array(label.index.to_numpy(dtype=object), hash_key=f"{split.seed:016d}"),
        label.index,
    )
    lowest = draw.groupby([label, group]).transform("min")
    return pd.Series(np.where(whole & (draw == lowest), "test", "train"), label.index, dtype="str")


def _reasons_to_reject(label: pd.Series, values: pd.DataFrame, reasons: pd.Series) -> pd.Series:
    """Add the reasons that hold for rows of any domain; a reason of the domain has priority."""
    if getattr(domain, "REPEATS", False):
        return reasons
    content = pd.Series(pd.util.hash_pandas_object(values, index=False).to_numpy(), label.index)
    conflict = label.groupby(content).transform("nunique") > 1
    first = pd.Series(label.index, label.index).groupby(content).transform("first")
    found = pd.Series("", label.index, dtype="str")
    found = found.mask(first != label.index, "duplicate: the same values as " + first)
    found = found.mask(conflict, "conflict: the same values have another label elsewhere")
    return found.mask(reasons.ne(""), reasons)


def _refuse_an_empty_side(label: pd.Series, chosen: pd.Series) -> None:
    untaught = sorted(set(label) - set(label[chosen == "train"]))
    if untaught:
        raise ValueError(f"class {untaught[0]} has no training row; give more rows of it or change the split")
    if not (chosen == "test").any():
        raise ValueError(
            f"no row is a test row among {len(label)}; give more rows, raise split.test_fraction, "
            "or mark some in the split of the source"
        )
    if len(set(label)) == 1:
        raise ValueError(f"all rows are of class {label.iloc[0]}; a model needs rows of 2 classes or more")
