"""What the service keeps: what it answered, and the files that people say it answered wrong."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Lock

import pandas as pd

from kedro_guards.files import located, names_in
from penstroke.files import labelled_name

from .model_store import ServedModel


class InboxFullError(RuntimeError):
    """The inbox holds as many files as it may."""


@dataclass(frozen=True)
class Answered:
    """Rows that were answered together."""

    rows: pd.DataFrame  # as they came, by their identifiers
    answers: pd.DataFrame  # the same rows
    model: ServedModel

    def predictions(self) -> pd.DataFrame:
        """Give the answers as inference does, with the model that gave them."""
        table = self.answers.copy()
        table.insert(2, "unsure", table["confidence"] < self.model.answers.sure_from)
        return table.assign(model_version=self.model.version, model_receipt=self.model.sha256)


class AnswerLog:
    """Stores what was answered, in pairs of files of one name.

    Args:
        rows: folder or address of the rows.
        predictions: that of the answers.
        most_rows: rows that wait to be written.
        most_files: pairs of files that are kept.
        lost: told how many rows went for want of room, or because they could not be written.
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
        """Have them written with the next ones; where too many wait, the oldest go."""
        with self._lock:
            self._waiting.append(answered)
            self._rows += len(answered.rows)
            while self._rows > self._most_rows and len(self._waiting) > 1:
                self._drop(self._waiting.popleft())

    def flush(self) -> None:
        """Write what waits, and remove the oldest files.

        Raises:
            OSError: it cannot be written; those rows are lost, later ones are not.
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
        try:
            self._write(answered.rows, f"{self._folder}/{name}")
            self._write(answered.predictions(), f"{self._predictions}/{name}")
        except OSError:
            self._lost(len(answered.rows))
            raise

    def _write(self, table: pd.DataFrame, place: str) -> None:
        files, path = located(place, auto_mkdir=True)
        with files.open(path, "wb") as file:
            table.to_parquet(file)

    def _drop(self, answered: Answered) -> None:
        self._rows -= len(answered.rows)
        self._lost(len(answered.rows))


def _joined(parts: list[Answered]) -> Answered:
    """Join what one model answered, so that thousands of requests cost one table."""
    rows, answers = (pd.concat([getattr(part, name) for part in parts]) for name in ("rows", "answers"))
    return Answered(rows, answers, parts[0].model)


def remove_oldest(folder: str, most: int) -> None:
    """Remove the files of a folder whose names sort first, until there are no more than ``most``."""
    files, path = located(folder)
    for name in names_in(folder)[:-most]:
        with suppress(FileNotFoundError):  # another service keeps the same folder
            files.rm_file(f"{path}/{name}")


def put_into_inbox(inbox: str, most_files: int, label: int | str, row_id: str, content: bytes) -> str:
    """Store a file under its right label; whoever says it again, or says another label, replaces what was said.

    Args:
        inbox: folder or address of the inbox.
        most_files: files that the inbox may hold.
        label: the right one.
        row_id: what the service called it.
        content: its file.

    Returns:
        The name of the file.

    Raises:
        InboxFullError: there is no room for a further one.
        OSError: it cannot be written.
    """
    files, folder = located(inbox, auto_mkdir=True)
    there = names_in(inbox)
    said_before = [name for name in there if name.endswith(f"_{row_id}")]
    if not said_before and len(there) >= most_files:
        raise InboxFullError(f"the inbox holds {len(there)} files; have them learned, or remove some")
    name = labelled_name(label, row_id)
    with files.open(f"{folder}/{name}", "wb") as file:
        file.write(content)
    for other in set(said_before) - {name}:
        with suppress(FileNotFoundError):
            files.rm_file(f"{folder}/{other}")
    return name
