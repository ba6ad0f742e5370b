"""Take in the drawings whose right label people have given."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from penstroke.contracts import CLASSES
from penstroke.pipelines.data_processing.parameters import Cleaning
from penstroke.pipelines.inference.nodes import frame_drawings
from penstroke.pipelines.inference.parameters import Drawings


def take_in_feedback(
    inbox: Mapping[str, Callable[[], bytes]], frame: Drawings, cleaning: Cleaning
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring each labelled drawing to a row like the raw digits, as inference does, or say why it cannot be one.

    Args:
        inbox: what gives the bytes of each file, by name: ``<right label>_<digit_id>``.
        frame: how pictures become images.
        cleaning: the value of full ink among the raw digits.

    Returns:
        ``labelled_drawings``, rows by ``digit_id`` (the file's name) with ``label`` (int8) and pixels from 0 to
        ``full_ink``; and ``rejected_feedback``, the other files by the same, with the ``reason``.
    """
    labels = {name: label_of(name) for name in inbox}
    known = {name: read for name, read in inbox.items() if labels[name] is not None}
    digits, rejected = frame_drawings(known, frame, cleaning)
    digits.insert(0, "label", np.array([labels[name] for name in digits.index], np.int8))
    classes = f"{CLASSES[0]} to {CLASSES[-1]}"
    unnamed = pd.DataFrame(
        {"reason": f"its name begins with no label of {classes}; call it <right label>_<name>"},
        rejected.index[:0].append(pd.Index([name for name in inbox if labels[name] is None], dtype="str")),
    )
    return digits, pd.concat([rejected, unnamed.rename_axis("digit_id")]).sort_index()


def label_of(name: str) -> int | None:
    """Return the label that a file of the inbox begins with, or None."""
    label, underscore, digit_id = name.partition("_")
    known = {str(class_): class_ for class_ in CLASSES}
    return known.get(label) if underscore and digit_id else None
