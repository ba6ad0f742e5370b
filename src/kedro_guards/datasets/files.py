"""A folder of files of any kind."""

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from fsspec import AbstractFileSystem
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
        self._files, self._folder = located(filepath, **credentials or {})
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], bytes]]:
        """Return a function by name of each file, sorted, that returns its bytes.

        See :func:`readers_of`.

        Raises:
            DatasetError: the folder is missing or empty, and may not be.
        """
        places = self._places()
        if places is None and (not self._may_be_absent or self._files.exists(self._folder)):
            raise DatasetError(f"{self._filepath} is no folder; make it and put your files there")
        if not places and not self._may_be_absent:
            raise DatasetError(f"{self._filepath} holds no files; put yours there")
        return readers_of(self._files, places or {}, self._most_bytes)

    def content_hash(self) -> str | None:
        """Return a sha256 of all names with the content, or the reason why it cannot be read; None if there is none."""
        return hash_of(sums_of(self.load())) if self._exists() else None

    def save(self, data: None) -> None:  # noqa: ARG002
        """Refuse: these files are input."""
        raise DatasetError("the files of a folder are read only")

    def _places(self) -> dict[str, str] | None:
        """Return the path of each file by its name; None if there is no such folder."""
        if not self._files.isdir(self._folder):
            return None
        places = {place.rpartition("/")[2]: place for place in self._files.ls(self._folder, detail=False)}
        # a bucket may list the folder itself, without a name
        return {name: place for name, place in places.items() if name and not name.startswith(".")}

    def _exists(self) -> bool:
        return bool(self._places())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "most_bytes": self._most_bytes, "may_be_absent": self._may_be_absent}


def readers_of(files: AbstractFileSystem, places: Mapping[str, str], most_bytes: int) -> dict[str, Callable[[], bytes]]:
    """Return a function by name that reads a file, sorted by name.

    A function raises a ValueError with the reason if its file cannot be read. Bytes of a name that are no UTF-8 are
    escaped.

    Args:
        files: the file system.
        places: path by name.
        most_bytes: size limit of a file.
    """

    def read(place: str) -> bytes:
        try:
            if files.info(place)["type"] != "file":  # reading a pipe waits, reading a device never ends
                raise ValueError("it is no file")
            with files.open(place, "rb") as file:
                content = file.read(most_bytes + 1)
        except OSError as error:
            raise ValueError(f"it cannot be read: {error.strerror or type(error).__name__}") from error
        if len(content) > most_bytes:
            raise ValueError(f"it holds more than {most_bytes:,} bytes; make it smaller")
        return bytes(content)

    named = sorted((name.encode(errors="backslashreplace").decode(), place) for name, place in places.items())
    return {name: partial(read, place) for name, place in named}


def sums_of(readers: Mapping[str, Callable[[], bytes]]) -> dict[str, str]:
    """Return by name the sha256 of what a function reads, or the reason why it cannot."""

    def sum_of(read: Callable[[], bytes]) -> str:
        try:
            return sha256(read()).hexdigest()
        except ValueError as error:
            return str(error)

    return {name: sum_of(read) for name, read in readers.items()}
