"""State the form of the raw rows, accept those that may be used, divide them into train and test."""

from typing import Any

import numpy as np
import pandas as pd

from penstroke.domain import Cleaning, Form, accept, measure_form

from .parameters import Split

GENERIC = ("conflict", "duplicate")  # reasons against a row beside those of the domain


def state_form(raw_rows: pd.DataFrame, cleaning: Cleaning) -> dict[str, Any]:
    """State in what form the raw rows are, so that a model's file can say which rows it takes.

    Args:
        raw_rows: as their contract has them.
        cleaning: how they become accepted ones.

    Returns:
        The fields of :class:`penstroke.domain.Form`.
    """
    return measure_form(raw_rows, cleaning).model_dump()


def screen_rows(
    raw_rows: pd.DataFrame, row_form: dict[str, Any], feedback_rows: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Part the rows that may be used from those that may not.

    A row is rejected, with its reason, when its source could not read it, when the domain has a reason
    (:func:`penstroke.domain.accept`), when a row of the same values stands elsewhere with another label (both go, since
    nothing tells which is right), or when it repeats an earlier row.

    Args:
        raw_rows: ``label``, the values in the form of ``row_form``, maybe ``split``, and maybe the ``reason`` why the
            source could not read a row.
        row_form: in what form the rows are.
        feedback_rows: more such rows, which people have labelled; they come last, and are marked as ``train``:
            people label what was answered wrongly, so test rows among them would make every model look bad.

    Returns:
        The accepted rows; the rejected rows as they came, with their ``reason``; and the number of rows by fate.

    Raises:
        ValueError: rows have another form.
    """
    form = Form.model_validate(row_form)
    if feedback_rows is not None and len(feedback_rows):
        raw_rows = _add_feedback(raw_rows, feedback_rows, form)
    values, reasons = accept(raw_rows, form)
    if "reason" in raw_rows:  # the source could not read it
        reasons = reasons.mask(raw_rows["reason"].ne(""), "unreadable: " + raw_rows["reason"])
    reasons = _reasons_to_reject(raw_rows["label"], values, reasons)
    rejected = reasons.ne("")
    others = raw_rows[[name for name in ("label", "split") if name in raw_rows]]
    accepted = pd.concat([others, values], axis=1)[~rejected]
    raw_values = raw_rows.drop(columns=[*others, *(["reason"] if "reason" in raw_rows else [])])
    rejected_rows = pd.concat([others[["label"]].assign(reason=reasons), raw_values], axis=1)[rejected]
    fates = reasons[rejected].str.split(":").str[0].value_counts()
    counts = {f"rows_rejected_{fate}": int(fates.get(fate, 0)) for fate in sorted({*fates.index, *GENERIC})}
    return accepted, rejected_rows, {"rows_read": len(raw_rows), "rows_accepted": len(accepted), **counts}


def split_rows(accepted_rows: pd.DataFrame, split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mark each row as ``train`` or ``test``; what stands in a ``split`` column already is kept as it is.

    Within each class the other rows, in their order, form groups of ``1 / test_fraction``; of each whole group the row
    whose identifier hashes lowest under the seed is a test row. So the classes have equal shares, and a test row
    stays one when rows are added below; only rows of a group that was not whole may then become one.

    Args:
        accepted_rows: ``label`` and the values, maybe ``split``.
        split: the share of test rows and the seed.

    Returns:
        The same rows with ``split``; and only their ``label`` and ``split``.

    Raises:
        ValueError: there is one class alone, a class has no training row, or there is no test row at all.
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
            "read them anew by `kedro run --pipelines=feedback`, then go on"
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
    """Add the reasons that hold for any rows to those of the domain, which come first."""
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
