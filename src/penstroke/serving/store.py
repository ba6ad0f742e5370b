"""What the service keeps: what it answered, and the drawings that people say it answered wrong."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Lock

import numpy as np
import pandas as pd

from kedro_guards.files import located, names_in
from penstroke.answers import table_of
from penstroke.pixels import to_table

from .production import Production


class InboxFullError(RuntimeError):
    """The inbox holds as many drawings as it may."""


@dataclass(frozen=True)
class Served:
    """Images that were answered together."""

    digit_ids: list[str]
    images: np.ndarray  # (n, height, width) from 0 to full ink
    probabilities: np.ndarray  # (n, classes)
    model: Production

    def predictions(self) -> pd.DataFrame:
        """Give the answers as inference does, with the model that gave them."""
        table = table_of(self.probabilities, self.model.model.classes_, pd.Index(self.digit_ids, name="digit_id"))
        table.insert(2, "unsure", table["confidence"] < self.model.choices.answers.sure_from)
        return table.assign(model_version=self.model.version, model_receipt=self.model.sha256)


class Keeper:
    """Keep what was answered, in pairs of files of one name.

    Args:
        digits: folder or address of the images.
        predictions: that of the answers.
        most_rows: rows that wait to be written.
        most_files: pairs of files that are kept.
        lost: told how many rows went for want of room, or because they could not be written.
    """

    def __init__(
        self, digits: str, predictions: str, most_rows: int, most_files: int, lost: Callable[[float], None]
    ) -> None:
        self._digits, self._predictions = digits, predictions
        self._most_rows, self._most_files, self._lost = most_rows, most_files, lost
        self._waiting: deque[Served] = deque()
        self._rows = 0
        self._lock, self._numbers = Lock(), count()

    def add(self, served: Served) -> None:
        """Have them written with the next ones; where too many wait, the oldest go."""
        with self._lock:
            self._waiting.append(served)
            self._rows += len(served.digit_ids)
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
        for sha256 in {served.model.sha256 for served in waiting}:
            self._store(_joined([served for served in waiting if served.model.sha256 == sha256]))
        for folder in (self._predictions, self._digits):
            remove_oldest(folder, self._most_files)

    def _store(self, served: Served) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}_{os.getpid()}_{next(self._numbers)}.parquet"
        images = to_table(served.images)
        images.index = pd.Index(served.digit_ids, name="digit_id")
        try:
            self._write(images, f"{self._digits}/{name}")
            self._write(served.predictions(), f"{self._predictions}/{name}")
        except OSError:
            self._lost(len(images))
            raise

    def _write(self, table: pd.DataFrame, place: str) -> None:
        files, path = located(place, auto_mkdir=True)
        with files.open(path, "wb") as file:
            table.to_parquet(file)

    def _drop(self, served: Served) -> None:
        self._rows -= len(served.digit_ids)
        self._lost(len(served.digit_ids))


def _joined(parts: list[Served]) -> Served:
    """Join what one model answered, so that thousands of requests cost one table."""
    return Served(
        [name for part in parts for name in part.digit_ids],
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        parts[0].model,
    )


def remove_oldest(folder: str, most: int) -> None:
    """Remove the files of a folder whose names sort first, until there are no more than ``most``."""
    files, path = located(folder)
    for name in names_in(folder)[:-most]:
        with suppress(FileNotFoundError):  # another service keeps the same folder
            files.rm_file(f"{path}/{name}")


def put_into_inbox(inbox: str, most_files: int, label: int, digit_id: str, content: bytes) -> str:
    """Store a drawing under its right label; whoever says it again, or says another label, replaces what was said.

    Args:
        inbox: folder or address of the inbox.
        most_files: files that the inbox may hold.
        label: the right one.
        digit_id: what the service called the drawing.
        content: its file.

    Returns:
        The name of the file.

    Raises:
        InboxFullError: there is no room for a further one.
        OSError: it cannot be written.
    """
    files, folder = located(inbox, auto_mkdir=True)
    there = names_in(inbox)
    said_before = [name for name in there if name.partition("_")[2] == digit_id]
    if not said_before and len(there) >= most_files:
        raise InboxFullError(f"the inbox holds {len(there)} drawings; have them learned, or remove some")
    name = f"{label}_{digit_id}"
    with files.open(f"{folder}/{name}", "wb") as file:
        file.write(content)
    for other in set(said_before) - {name}:
        with suppress(FileNotFoundError):
            files.rm_file(f"{folder}/{other}")
    return name
