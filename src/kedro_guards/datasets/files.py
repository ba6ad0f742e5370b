"""A folder of files of any kind."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

import fsspec
from kedro.io import AbstractDataset, DatasetError

from ..files import located
from ..receipts import hash_of


class FilesDataset(AbstractDataset[None, dict[str, Callable[[], bytes]]]):
    """The files of a folder by name, as functions that read them, so that one at a time is in memory.

    Hidden files are ignored. Folders, pipes, broken links and files beyond ``most_bytes`` are listed too; to read them
    raises an error with the reason.

    Args:
        filepath: the folder; any protocol that fsspec knows.
        most_bytes: size limit of a file.
        may_be_absent: whether a missing or empty folder is no error.
        credentials: handed to fsspec's file system.
        metadata: ignored by Kedro; read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        filepath: str,
        most_bytes: int,
        may_be_absent: bool = False,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = filepath
        self._most_bytes = most_bytes
        self._may_be_absent = may_be_absent
        self._credentials = credentials or {}
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], bytes]]:
        """Return a function by name of each file, sorted, that returns its bytes.

        A function raises a ValueError with the reason if its file cannot be read. Bytes of a name that are no UTF-8 are
        escaped.

        Raises:
            DatasetError: the folder is missing or empty, and may not be.
        """
        file_system, folder = located(self._filepath, **self._credentials)
        if self._may_be_absent and not file_system.exists(folder):
            return {}
        if not file_system.isdir(folder):
            raise DatasetError(f"{self._filepath} is no folder; make it and put your files there")
        places = {_name(place): place for place in file_system.ls(folder, detail=False)}
        shown = {name: places[name] for name in sorted(places) if _is_shown(name)}
        if not shown and not self._may_be_absent:
            raise DatasetError(f"{self._filepath} holds no files; put yours there")
        return {
            name.encode(errors="backslashreplace").decode(): partial(self._read, file_system, place)
            for name, place in shown.items()
        }

    def content_hash(self) -> str | None:
        """Return a sha256 of all names with the content, or the reason why it cannot be read; None if there is none."""
        if not self._exists():
            return None
        return hash_of({name: _sum(read) for name, read in self.load().items()})

    def save(self, data: None) -> None:  # noqa: ARG002
        """Refuse: these files are input."""
        raise DatasetError("the files of a folder are read only")

    def _read(self, file_system: fsspec.AbstractFileSystem, place: str) -> bytes:
        try:
            entry = file_system.info(place)
            if entry["type"] != "file":  # reading a pipe waits, reading a device never ends
                raise ValueError("it is no file")
            with file_system.open(place, "rb") as file:
                content = file.read(self._most_bytes + 1)
        except OSError as error:
            raise ValueError(f"it cannot be read: {error.strerror or type(error).__name__}") from error
        if len(content) > self._most_bytes:
            raise ValueError(f"it holds more than {self._most_bytes:,} bytes; make it smaller")
        return content

    def _exists(self) -> bool:
        file_system, folder = located(self._filepath, **self._credentials)
        if not file_system.isdir(folder):
            return False
        return any(_is_shown(_name(place)) for place in file_system.ls(folder, detail=False))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "most_bytes": self._most_bytes, "may_be_absent": self._may_be_absent}


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _is_shown(name: str) -> bool:
    return bool(name) and not name.startswith(".")  # a bucket may list the folder itself, without a name


def _sum(read: Callable[[], bytes]) -> str:
    try:
        return sha256(read()).hexdigest()
    except ValueError as error:
        return str(error)
