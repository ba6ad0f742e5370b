"""What the service stores: rows with their predictions, and files with the labels that people gave."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from kedro_guards.files import located, names_in
from penstroke.file_names import labelled_name

from .queue import joined

if TYPE_CHECKING:
    from .model_store import ServedModel


class InboxFullError(RuntimeError):
    """The inbox is full."""


@dataclass(frozen=True)
class Answered:
    """Rows of one or more requests, and their predictions."""

    names: list[str]  # the identifiers of the rows
    rows: Any  # raw rows, unchanged: an array, (n, columns), or a table
    probabilities: np.ndarray  # (n, classes)
    model: ServedModel


class AnswerLog:
    """Stores rows and predictions, as pairs of files with the same name.

    Args:
        rows: folder or address of the rows.
        predictions: folder or address of the predictions.
        most_rows: largest number of rows in memory until they are written.
        most_files: largest number of pairs of files.
        lost: called with the number of rows that were dropped or could not be written.
    """

    def __init__(
        self, rows: str, predictions: str, most_rows: int, most_files: int, lost: Callable[[float], None]
    ) -> None:
        self._folder, self._predictions = rows, predictions
        self._most_rows, self._most_files, self._lost = most_rows, most_files, lost
        self._waiting: deque[Answered] = deque()
        self._rows = 0
        self._lock, self._numbers = Lock(), count()

    def add(self, answered: Answered) -> None:
        """Add rows and predictions, to be written by the next flush. If too many wait, the oldest are dropped."""
        with self._lock:
            self._waiting.append(answered)
            self._rows += len(answered.rows)
            while self._rows > self._most_rows and len(self._waiting) > 1:
                self._drop(self._waiting.popleft())

    def flush(self) -> None:
        """Write what waits, and remove the oldest files.

        Raises:
            OSError: the rows cannot be written. They are lost; later flushes try again with later rows.
        """
        with self._lock:
            waiting, self._waiting, self._rows = self._waiting, deque(), 0
        if not waiting:
            return
        for sha256 in {one.model.sha256 for one in waiting}:
            self._store(_joined([one for one in waiting if one.model.sha256 == sha256]))
        for folder in (self._predictions, self._folder):
            remove_oldest(folder, self._most_files)

    def _store(self, answered: Answered) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}_{os.getpid()}_{next(self._numbers)}.parquet"
        from .tables import tables_of, write_table  # noqa: PLC0415 # slow to import

        rows, answers = tables_of(answered)
        try:
            write_table(rows, f"{self._folder}/{name}")
            write_table(answers, f"{self._predictions}/{name}")
        except OSError:
            self._lost(len(answered.rows))
            raise

    def _drop(self, answered: Answered) -> None:
        self._rows -= len(answered.rows)
        self._lost(len(answered.rows))


def _joined(parts: list[Answered]) -> Answered:
    """Join the rows of many requests to one model, so that they make one file."""
    names = [name for part in parts for name in part.names]
    probabilities = np.concatenate([part.probabilities for part in parts])
    return Answered(names, joined([part.rows for part in parts]), probabilities, parts[0].model)


def remove_oldest(folder: str, most: int) -> None:
    """Remove the files of a folder whose names sort first, until at most ``most`` are left."""
    files, path = located(folder)
    for name in names_in(folder)[:-most]:
        with suppress(FileNotFoundError):  # another service may use the same folder
            files.rm_file(f"{path}/{name}")


def put_into_inbox(inbox: str, most_files: int, label: int | str, row_id: str, content: bytes) -> str:
    """Store a file with its right label in the inbox. It replaces earlier feedback on the same file.

    Args:
        inbox: folder or address of the inbox.
        most_files: largest number of files in the inbox.
        label: the right label.
        row_id: identifier that the service assigned.
        content: content of the file.

    Returns:
        The name of the file in the inbox.

    Raises:
        InboxFullError: the inbox is full.
        OSError: the file cannot be written.
    """
    files, folder = located(inbox, auto_mkdir=True)
    there = names_in(inbox)
    said_before = [name for name in there if name.endswith(f"_{row_id}")]
    if not said_before and len(there) >= most_files:
        raise InboxFullError(f"the inbox holds {len(there)} files; remove some, or raise serving.inbox_files")
    name = labelled_name(label, row_id)
    with files.open(f"{folder}/{name}", "wb") as file:
        file.write(content)
    for other in set(said_before) - {name}:
        with suppress(FileNotFoundError):
            files.rm_file(f"{folder}/{other}")
    return name
