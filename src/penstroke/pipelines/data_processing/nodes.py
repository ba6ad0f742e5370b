"""Describe the form of the raw digits, screen them, bring them to one scale, divide them into train and test."""

from typing import Any

import numpy as np
import pandas as pd

from penstroke.form import form_of_rows
from penstroke.pixels import pixel_columns, scale_ink

from .parameters import Cleaning, Split


def describe_form(raw_digits: pd.DataFrame, cleaning: Cleaning) -> dict[str, Any]:
    """Say in what form the rows are, so that a model's file can say which it takes, and a drawing can become one.

    Args:
        raw_digits: rows are digits; ``label``, whole-number pixels from 0 to ``cleaning.full_ink``.
        cleaning: the value of full ink.

    Returns:
        The fields of :class:`Form`.
    """
    return form_of_rows(raw_digits, cleaning.full_ink).model_dump()


def screen_digits(
    raw_digits: pd.DataFrame, cleaning: Cleaning, feedback_digits: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Part the rows that may be used from those that may not, and bring the former to 0 (paper) to 255 (ink).

    A row is rejected, with its reason, when on that scale it is blank (all its pixels are equal), when the same image
    stands elsewhere with another label (both rows go, since nothing tells which is right), or when it repeats an
    earlier row.

    Args:
        raw_digits: rows are digits; ``label``, whole-number pixels from 0 to ``cleaning.full_ink``, maybe ``split``.
        cleaning: the value of full ink.
        feedback_digits: more such rows, which people have labelled; they come last, and are marked as ``train``:
            people label what was answered wrongly, so test rows among them would make every model look bad.

    Returns:
        The accepted rows (pixels uint8, in reading order), the rejected rows (pixels as they came, ``reason``),
        and the number of rows by fate.

    Raises:
        ValueError: the darkest pixel is above ``full_ink``, or so far below that the table has another scale; or the
            feedback has images of another size.
    """
    if feedback_digits is not None and len(feedback_digits):
        raw_digits = _add_feedback(raw_digits, feedback_digits)
    names = pixel_columns(raw_digits)
    pixels = raw_digits[names].to_numpy()
    _refuse_another_scale(pixels, cleaning.full_ink)
    scaled = scale_ink(pixels, cleaning.full_ink)
    reasons = _reasons_to_reject(raw_digits.index, raw_digits["label"], scaled)
    rejected = reasons.ne("")

    others = raw_digits[[name for name in ("label", "split") if name in raw_digits]].astype({"label": np.int8})
    bytes_ = pd.DataFrame(scaled, raw_digits.index, names)
    accepted_digits = pd.concat([others, bytes_], axis=1)[~rejected]
    rejected_digits = pd.concat([others[["label"]].assign(reason=reasons), raw_digits[names]], axis=1)[rejected]
    fates = reasons.str.split(":").str[0].value_counts()
    cleaning_scores = {
        "rows_read": len(raw_digits),
        "rows_accepted": len(accepted_digits),
        **{f"rows_rejected_{fate}": int(fates.get(fate, 0)) for fate in ("blank", "conflict", "duplicate")},
    }
    return accepted_digits, rejected_digits, cleaning_scores


def split_digits(accepted_digits: pd.DataFrame, split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mark each digit as ``train`` or ``test``; what stands in a ``split`` column already is kept as it is.

    Within each class the other rows, in their order, form groups of ``1 / test_fraction``; of each whole group the row
    whose identifier hashes lowest under the seed is a test row. So the classes have equal shares, and a test row
    stays one when rows are added below; only rows of a group that was not whole may then become one.

    Args:
        accepted_digits: rows are digits; ``label`` and pixels, maybe ``split``.
        split: the share of test rows and the seed.

    Returns:
        ``digits``, the same rows with ``split``; and ``labels``, only their ``label`` and ``split``.

    Raises:
        ValueError: a class has no training row, or there is no test row at all.
    """
    label = accepted_digits["label"]
    chosen = accepted_digits.get("split", pd.Series(None, label.index, dtype="str"))
    chosen = chosen.fillna(_draw_test_rows(label[chosen.isna()], split))
    _refuse_an_empty_side(label, chosen)
    digits = accepted_digits.drop(columns="split", errors="ignore")
    digits.insert(1, "split", chosen)
    return digits, digits[["label", "split"]]


def _add_feedback(raw_digits: pd.DataFrame, feedback_digits: pd.DataFrame) -> pd.DataFrame:
    theirs, ours = pixel_columns(feedback_digits), pixel_columns(raw_digits)
    if theirs != ours:
        raise ValueError(
            f"feedback_digits has images of {len(theirs)} pixels that end in {theirs[-1]}, raw_digits of {len(ours)} "
            f"that end in {ours[-1]}; frame it anew by `kedro run --pipelines=feedback`, then go on"
        )
    return pd.concat([raw_digits, feedback_digits.assign(split="train")])


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


def _refuse_another_scale(pixels: np.ndarray, full_ink: int) -> None:
    darkest = int(pixels.max(initial=0))
    if not full_ink / 2 < darkest <= full_ink:
        raise ValueError(
            f"the darkest pixel of raw_digits is {darkest}, but cleaning.full_ink says that full ink is {full_ink}; "
            "set cleaning.full_ink to the scale of your source"
        )


def _reasons_to_reject(digit_id: pd.Index, label: pd.Series, pixels: np.ndarray) -> pd.Series:
    """Give each row its reason, or an empty text where it is accepted."""
    image = pd.Series(list(map(bytes, np.ascontiguousarray(pixels))), digit_id)
    blank = pd.Series(np.ptp(pixels, axis=1) == 0, digit_id)
    conflict = label.groupby(image).transform("nunique") > 1
    first = pd.Series(digit_id, digit_id).groupby(image).transform("first")
    repeats = first != digit_id
    reasons = pd.Series("", digit_id, dtype="str")
    reasons = reasons.mask(repeats, "duplicate: the same image as " + first)
    reasons = reasons.mask(conflict, "conflict: the same image has another label elsewhere")
    return reasons.mask(blank, "blank: all pixels are equal")


def _refuse_an_empty_side(label: pd.Series, chosen: pd.Series) -> None:
    untaught = sorted(set(label) - set(label[chosen == "train"]))
    if untaught:
        raise ValueError(f"class {untaught[0]} has no training row; give more rows of it or change the split")
    if not (chosen == "test").any():
        raise ValueError(
            f"no row is a test row among {len(label)}; give more rows, raise split.test_fraction, "
            "or mark some in the split of the source"
        )
