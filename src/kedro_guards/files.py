"""Local files that are always whole: the former one until the new one is complete.

Whatever writes through fsspec, as Kedro's datasets do, is made safe by one line in ``settings.py``::

    fsspec.register_implementation("file", AtomicLocalFileSystem, clobber=True)
"""

import errno
import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape, has_magic
from pathlib import Path, PurePosixPath
from typing import IO, Any
from uuid import uuid4

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

PARTIAL = ".partial"  # the ending of what is being written, and of what a killed process left


_ELSEWHERE = "let `data` in globals.yml name a folder on another disk"
_RIGHTS = "ask its owner for the right to read and write it, or let `data` in globals.yml name a folder of your own"
_LOCKS = f"this file system keeps no locks: mount it with them, or {_ELSEWHERE}"
_ROOM = f"make room there, or {_ELSEWHERE}"
REMEDIES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS),
    **dict.fromkeys((errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP), _LOCKS),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _ROOM),
    errno.EROFS: f"it may only be read: {_ELSEWHERE}",
}


class AtomicWriter(io.BufferedRandom):
    """A binary file that takes its place when it is closed, and not before.

    What is written goes to a hidden sibling. ``close`` brings it to the disk, renames it and brings the folder's
    entry to the disk; ``discard``, or an error within a ``with`` block, removes it and leaves the former file alone.
    In a transaction of fsspec it takes its place at ``commit``.

    Args:
        path: the file's place; that of a symbolic link's target, where it is one.
        mode: as for ``open``: ``w``, ``x``, ``a`` or ``r+``; the latter two begin with what the file holds.
        autocommit: whether ``close`` puts it in its place; otherwise ``commit`` does.

    Raises:
        OSError: as for ``open``, or, on ``close`` and ``write``, the disk is full; the former file is untouched.
    """

    _written = True  # until it is open

    def __init__(self, path: str | Path, mode: str, autocommit: bool = True) -> None:
        self.place = Path(os.path.realpath(path))
        self.autocommit = autocommit
        self._discarded = False
        if self.place.is_dir():
            raise IsADirectoryError(f"{self.place} is a folder; name a file")
        if "x" in mode and self.place.exists():
            raise FileExistsError(f"{self.place} exists already")
        if "r" in mode and not self.place.exists():
            raise FileNotFoundError(f"{self.place} does not exist")
        self._partial = self.place.with_name(f"{_stem(self.place)}{uuid4().hex}{PARTIAL}")
        super().__init__(io.FileIO(self._partial, "w+"))
        if self.place.exists():
            shutil.copymode(self.place, self._partial)
        if ("a" in mode or "r" in mode) and self.place.exists():
            with self.place.open("rb") as former:
                shutil.copyfileobj(former, self)
            self.seek(0, io.SEEK_END if "a" in mode else io.SEEK_SET)
        self._written = False

    def __del__(self) -> None:
        """Leave the former file alone where this one was opened, and then neither written nor closed."""
        if not self._written:
            self.discard()
        super().__del__()

    def write(self, content: Any) -> int:
        """Write, or forget all that was written where the disk is full."""
        self._written = True
        with self._forgetting():
            return super().write(content)

    def flush(self) -> None:
        """Hand what was written to the system, or forget all of it where the disk is full."""
        with self._forgetting():
            super().flush()

    @contextmanager
    def _forgetting(self, kind: type[BaseException] = OSError) -> Iterator[None]:
        """Discard on an error, for ``fsspec.open`` closes its files as if there had been none."""
        try:
            yield
        except kind:
            self.discard()
            raise

    def close(self) -> None:
        """Complete the file, and put it in its place unless a transaction will."""
        if self.closed:
            return
        with self._forgetting(BaseException):
            self.flush()
            os.fsync(self.fileno())
            super().close()
        if self.autocommit:
            self._take_place()

    def commit(self) -> None:
        """Put the file in its place, unless it was discarded."""
        if not self.closed:
            self.autocommit = True
            self.close()
        elif not self._discarded:
            self._take_place()

    def _take_place(self) -> None:
        with self._forgetting(BaseException):
            os.replace(self._partial, self.place)
        sync_folder(self.place.parent)

    def discard(self) -> None:
        """Forget what was written."""
        self._discarded = True
        self.raw.close()
        self._partial.unlink(missing_ok=True)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to be taken to another process.

        Raises:
            ValueError: always, as fsspec's own files that are being written do.
        """
        raise ValueError(f"{self.place} is being written, and cannot be pickled")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the file, or forget it where an error ended the block."""
        self.close() if kind is None else self.discard()


class _AtomicText(io.TextIOWrapper):
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close() if kind is None else self.buffer.discard()  # type: ignore[attr-defined]


class AtomicLocalFileSystem(LocalFileSystem):  # type: ignore[misc]
    """fsspec's local files, written by :class:`AtomicWriter`."""

    def open(self, path: str, mode: str = "rb", **options: Any) -> IO[Any]:
        """Open a file as fsspec does; one that is written, as text or binary, is whole or not there.

        Text is UTF-8 unless ``encoding`` says otherwise, whatever the locale of the machine.
        """
        if "b" not in mode:
            options["encoding"] = options.get("encoding") or "utf-8"
        if "b" in mode or _only_reads(mode):
            return super().open(path, mode, **options)
        text = {name: options.pop(name) for name in ("encoding", "errors", "newline") if name in options}
        return _AtomicText(self.open(path, mode.replace("t", "") + "b", **options), **text)

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, autocommit: bool = True, **options: Any
    ) -> IO[bytes]:
        if _only_reads(mode):
            return super()._open(path, mode, block_size, autocommit=autocommit, **options)
        path = self._strip_protocol(path)
        if self.auto_mkdir:
            self.makedirs(self._parent(path), exist_ok=True)
        file = AtomicWriter(path, mode, autocommit)
        if not autocommit and "w" not in mode and file.place in {other.place for other in self.transaction.files}:
            file.discard()
            raise FileExistsError(f"{file.place} is being written in this transaction; write it at once")
        if not autocommit and "r" in mode:  # fsspec defers what it opens to write alone
            self.transaction.files.append(file)
        return file

    def ls(self, path: str, detail: bool = False, **options: Any) -> list[Any]:
        """List as fsspec does, but nothing that is still being written: it would pass for a part of a folder."""
        found = super().ls(path, detail=detail, **options)
        return [entry for entry in found if not (entry["name"] if detail else entry).endswith(PARTIAL)]

    def glob(self, path: str, maxdepth: int | None = None, **options: Any) -> Any:
        """Match as fsspec does, but take what is there by its very name, such as a folder ``v[2]``, for no pattern."""
        whole = self._strip_protocol(path)
        ways = (whole, *map(str, PurePosixPath(whole).parents))
        there = next(way for way in ways if os.path.lexists(way))
        if not has_magic(there):
            return super().glob(path, maxdepth=maxdepth, **options)
        detail, end = options.pop("detail", False), "/" if os.fspath(path).endswith("/") else ""
        pattern = whole.removeprefix(there).lstrip("/")
        if not pattern:
            return {there: self.info(there)} if detail else [there]
        before, any_depth, _ = pattern.partition("**")
        depth = maxdepth and maxdepth + before.count("/") if any_depth else pattern.count("/") + 1
        found = self.find(there, maxdepth=depth, withdirs=True, detail=True, **options)
        slash = "/" if end or pattern.endswith("/**") else ""
        matches = re.compile(glob_translate(pattern + end)).match
        out = {
            name: info
            for name, info in sorted(found.items())
            if matches(name.removeprefix(f"{there}/") + (slash if info["type"] == "directory" else ""))
        }
        return out if detail else list(out)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        """Copy a file, as ``put`` does for datasets that write by path; the copy is whole or not there."""
        if self.isdir(path1):
            return super().cp_file(path1, path2, **options)
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            shutil.copyfileobj(source, target)
        return None


def advice(error: BaseException | None) -> str | None:
    """Say in a line what the system refused, where, and what to do; None if the error is of another kind.

    Args:
        error: any; its causes count too.

    Examples:
        >>> advice(OSError(errno.EROFS, "", "data/sums.json"))
        'data/sums.json: Read-only file system; it may only be read: let `data` in globals.yml name a folder ...'
        >>> advice(ValueError("no such refusal"))
    """
    while error and not (isinstance(error, OSError) and error.errno in REMEDIES):
        error = error.__cause__
    if not isinstance(error, OSError) or error.errno is None:
        return None
    said = f"{os.path.relpath(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
    return f"{said}{os.strerror(error.errno)}; {REMEDIES[error.errno]}"


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to the disk, so that a rename outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def located(place: str, **options: Any) -> tuple[AbstractFileSystem, str]:
    """Find the file system and the path of a local file, whose name may hold what fsspec takes for more, or an address.

    Args:
        place: path or address.
        options: of the file system.
    """
    return fsspec.url_to_fs(place, **options) if "://" in place else (fsspec.filesystem("file", **options), place)


def names_in(place: str) -> list[str]:
    """List the names in a folder; nothing where there is no such folder."""
    files, path = located(place)
    files.invalidate_cache()
    with suppress(FileNotFoundError):
        return sorted(entry.rpartition("/")[2] for entry in files.ls(path, detail=False))
    return []


def files_below(folder: Path) -> Iterator[Path]:
    """Find all files below a folder, through links too, but no bytecode; each folder is entered once."""
    seen = set[tuple[int, int]]()
    for place, folders, names in os.walk(folder, followlinks=True):
        state = os.stat(place)
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(set(folders) - {"__pycache__"})
        yield from (path for name in sorted(names) if (path := Path(place, name)).is_file())


def sweep(place: Path) -> list[Path]:
    """Remove what killed processes left of a file, of its versions or in a folder; nobody may be writing it."""
    left = [*place.parent.glob(f"{escape(_stem(place))}*{PARTIAL}"), *place.glob(f"**/.*{PARTIAL}")]
    for path in left:
        path.unlink(missing_ok=True)
    return left


def _stem(place: Path) -> str:
    return f".{place.name[:150]}."  # a name of the file system's greatest length leaves no room for more


def _only_reads(mode: str) -> bool:
    return "r" in mode and "+" not in mode
