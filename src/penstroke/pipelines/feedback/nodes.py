"""Take in the drawings whose right label people have given."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from penstroke.form import Form
from penstroke.pipelines.inference.nodes import frame_files
from penstroke.pipelines.inference.parameters import Drawings, frame_of


def take_in_feedback(
    inbox: Mapping[str, Callable[[], bytes]], digit_form: dict[str, Any], chosen: Drawings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring each labelled drawing to a row like the raw digits, as inference does, or say why it cannot be one.

    Args:
        inbox: what gives the bytes of each file, by name: ``<right label>_<digit_id>``.
        digit_form: size, scale and classes of the raw digits.
        chosen: how pictures become images.

    Returns:
        ``labelled_drawings``, rows by ``digit_id`` (the file's name) with ``label`` (int8) and pixels from 0 to
        ``full_ink``; and ``rejected_feedback``, the other files by the same, with the ``reason``.

    Raises:
        ValueError: ``chosen`` does not fit the size of the raw digits.
    """
    form = Form.model_validate(digit_form)
    labels = {name: label_of(name, form.classes) for name in inbox}
    known = {name: read for name, read in inbox.items() if labels[name] is not None}
    digits, rejected = frame_files(known, frame_of(form, chosen))
    digits.insert(0, "label", np.array([labels[name] for name in digits.index], np.int8))
    classes = ", ".join(map(str, form.classes))
    reason = (
        f"its name begins with no label of the raw digits ({classes}); call it <right label>_<name>, or give rows of a "
        "new class to raw_digits first"
    )
    unnamed = pd.DataFrame(
        {"reason": reason},
        rejected.index[:0].append(pd.Index([name for name in inbox if labels[name] is None], dtype="str")),
    )
    return digits, pd.concat([rejected, unnamed.rename_axis("digit_id")]).sort_index()


def label_of(name: str, classes: Iterable[int]) -> int | None:
    """Return the label that a file of the inbox begins with, if it is one of the classes, or None."""
    label, underscore, digit_id = name.partition("_")
    known = {str(class_): class_ for class_ in classes}
    return known.get(label) if underscore and digit_id else None
