"""Frame drawings like the training images, and ask the model about rows of digits, however many."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke.answers import ask, form_of, look_at, probabilities_of, version_of
from penstroke.form import Form
from penstroke.pipelines.feature_engineering.nodes import describe_stack
from penstroke.pipelines.feature_engineering.parameters import Features
from penstroke.pixels import scale_ink, to_table

from .framing import frame_picture
from .parameters import Answers, Drawings, Frame, frame_of
from .reading import read_picture


def frame_drawings(
    drawings: Mapping[str, Callable[[], bytes]], production_model: ClassifierMixin, chosen: Drawings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring each drawing to an image of the form that the model takes, or say why it cannot be.

    Args:
        drawings: what gives the bytes of each file, by name; raises a ValueError where it cannot be read.
        production_model: the model that will be asked; its file says in what form it takes rows.
        chosen: how pictures become images.

    Returns:
        As :func:`frame_files`.

    Raises:
        ValueError: the model does not say in what form it takes rows, or ``chosen`` does not fit that.
    """
    return frame_files(drawings, frame_of(form_of(production_model), chosen))


def frame_files(files: Mapping[str, Callable[[], bytes]], frame: Frame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Frame each file; one is in memory at a time.

    Args:
        files: what gives the bytes of each, by name; raises a ValueError where it cannot be read.
        frame: how pictures become images.

    Returns:
        ``drawing_digits``, rows by ``digit_id`` (the file's name) with pixels from 0 to ``frame.full_ink``; and
        ``rejected_drawings``, the other files by the same, with the ``reason``.
    """
    images: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    for name, read in files.items():
        try:
            images[name] = frame_drawing(read(), frame)
        except ValueError as error:
            reasons[name] = str(error)
    stack = np.array(list(images.values()), _least_type(frame)).reshape(-1, frame.rows, frame.columns)
    digits = to_table(stack).set_axis(_digit_id(images))
    return digits, pd.DataFrame({"reason": pd.Series(reasons.values(), dtype="str")}).set_axis(_digit_id(reasons))


def frame_drawing(content: bytes, frame: Frame) -> np.ndarray:
    """Bring one image file to its frame: (rows, columns) whole numbers from 0 to ``frame.full_ink``.

    Raises:
        ValueError: the file cannot be read, there is no ink in it, or the ink is not one digit.
    """
    look = partial(read_picture, content, frame.most_pixels, frame.side)
    framed = frame_picture(look(), frame, look)
    return np.rint(frame.full_ink * framed).astype(_least_type(frame))


def classify_digits(
    digits: pd.DataFrame | Iterable[pd.DataFrame],
    production_model: ClassifierMixin,
    production_receipt: dict[str, Any],
    answers: Answers,
) -> Iterator[pd.DataFrame]:
    """Answer table after table, each when it is asked for, so that memory holds one of them whatever their number.

    Args:
        digits: tables as :func:`answer_digits` takes them, or one such table.
        production_model: a fitted classifier with calibrated ``predict_proba``.
        production_receipt: what is cited of its receipt.
        answers: from which confidence an answer is sure.

    Returns:
        An iterator over tables as :func:`answer_digits` returns them, each row with the ``model_version`` that
        answered (see :func:`version_of`) and the ``model_receipt``, the sha256 of its content that the receipt states.
    """
    sha256 = production_receipt["sha256"]
    made_by = {"model_version": version_of(sha256), "model_receipt": sha256}
    answer = partial(answer_digits, model=production_model, answers=answers)
    tables = [digits] if isinstance(digits, pd.DataFrame) else digits
    return (answer(table).assign(**made_by) for table in tables)


def answer_digits(digits: pd.DataFrame, model: ClassifierMixin, answers: Answers) -> pd.DataFrame:
    """Answer the rows of one table.

    Args:
        digits: rows are digits, pixels whole numbers in the form that the model takes.
        model: a fitted classifier with calibrated ``predict_proba``.
        answers: from which confidence an answer is sure.

    Returns:
        The same rows: ``prediction``, ``confidence`` (0 to 1), ``unsure``, ``probability_<class>`` of each class. A
        blank row, whose pixels are all equal, is unsure whatever the confidence.

    Raises:
        ValueError: the rows have another size or scale than the model takes, or it was fitted on other features.
    """
    scaled = form_of(model).scale(digits)
    answered = ask(model, look_at(scaled, model), answers.chunk_rows)
    is_blank = np.ptp(scaled.to_numpy(), axis=1) == 0
    answered.insert(2, "unsure", (answered["confidence"] < answers.sure_from) | is_blank)
    return answered


def answer_images(
    images: np.ndarray, model: ClassifierMixin, form: Form, features: Features, answers: Answers
) -> np.ndarray:
    """Answer images as :func:`answer_digits` does, with no table round them: the cost of one image is mostly tables.

    Args:
        images: (n, height, width), whole numbers in the form that the model takes.
        model: a fitted classifier; that of :func:`answer_digits`.
        form: that form.
        features: what the model sees.
        answers: how many rows are asked about at once.

    Returns:
        The probability of each class, (n, classes).

    Raises:
        ValueError: the images have another size, or a pixel lies outside the scale.
    """
    if images.shape[1:] != form.size:
        raise ValueError(f"the model takes images of {form.size}, found {images.shape[1:]}; frame them for this model")
    described = describe_stack(scale_ink(images, form.full_ink), features)
    return probabilities_of(model, described, answers.chunk_rows)


def _digit_id(names: Iterable[str]) -> pd.Index:
    return pd.Index(list(names), name="digit_id", dtype="str")


def _least_type(frame: Frame) -> np.dtype:
    return np.min_scalar_type(frame.full_ink)
