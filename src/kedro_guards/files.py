"""Atomic local files: the old file stays until the new one is complete.

``GuardHooks`` registers :class:`AtomicLocalFileSystem` with fsspec, through which Kedro's datasets write.
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

PARTIAL = ".partial"  # ending of a file that is being written, or that a killed process left

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
REFUSED = (  # codes of S3 for wrong credentials and missing rights
    *("403", "AccessDenied", "ExpiredToken", "Forbidden", "InvalidAccessKeyId", "InvalidToken"),
    *("RequestTimeTooSkewed", "SignatureDoesNotMatch"),
)


class AtomicWriter(io.BufferedRandom):
    """A binary file that replaces the old one when it is closed, and not before.

    The content goes to a hidden file beside the old one. ``close`` syncs it, renames it and syncs the folder.
    ``discard``, or an error within a ``with`` block, deletes it and leaves the old file alone. In a transaction of
    fsspec, ``commit`` renames it.

    Args:
        path: of the file; of a symbolic link, its target is replaced.
        mode: as for ``open``: ``w``, ``x``, ``a`` or ``r+``; the latter two begin with what the file holds.
        autocommit: whether ``close`` renames the file; otherwise ``commit`` does.

    Raises:
        OSError: as for ``open``, or, on ``close`` and ``write``, the disk is full; the old file is untouched.
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
        """Discard a file that was opened, and then neither written nor closed."""
        if not self._written:
            self.discard()
        super().__del__()

    def write(self, content: Any) -> int:
        """Write, or discard the file if the disk is full."""
        self._written = True
        with self._discarding():
            return super().write(content)

    def flush(self) -> None:
        """Flush, or discard the file if the disk is full."""
        with self._discarding():
            super().flush()

    @contextmanager
    def _discarding(self, kind: type[BaseException] = OSError) -> Iterator[None]:
        """Discard the file on an error, since ``fsspec.open`` closes its files as if there had been none."""
        try:
            yield
        except kind:
            self.discard()
            raise

    def close(self) -> None:
        """Complete the file, and replace the old one unless a transaction will."""
        if self.closed:
            return
        with self._discarding(BaseException):
            self.flush()
            os.fsync(self.fileno())
            super().close()
        if self.autocommit:
            self._replace()

    def commit(self) -> None:
        """Replace the old file, unless this one was discarded."""
        if not self.closed:
            self.autocommit = True
            self.close()
        elif not self._discarded:
            self._replace()

    def _replace(self) -> None:
        with self._discarding(BaseException):
            os.replace(self._partial, self.place)
        sync_folder(self.place.parent)

    def discard(self) -> None:
        """Delete what was written, and leave the old file alone."""
        self._discarded = True
        self.raw.close()
        self._partial.unlink(missing_ok=True)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to be pickled, as fsspec's own files that are being written do.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self.place} is being written, and cannot be pickled")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the file, or discard it if an error ended the block."""
        self.close() if kind is None else self.discard()


class AtomicText(io.TextIOWrapper):
    """Text in a file that can be discarded."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the file, or discard it if an error ended the block."""
        self.close() if kind is None else self.buffer.discard()  # type: ignore[attr-defined]


class AtomicOpen(AbstractFileSystem):  # type: ignore[misc]
    """Part of a file system whose binary files are atomic: its text files are atomic too."""

    def open(self, path: str, mode: str = "rb", **options: Any) -> IO[Any]:
        """Open a file as fsspec does; writing is atomic.

        Text is UTF-8 unless ``encoding`` says otherwise, whatever the locale of the machine.
        """
        if "b" not in mode:
            options["encoding"] = options.get("encoding") or "utf-8"
        if "b" in mode or only_reads(mode):
            return super().open(path, mode, **options)
        text = {name: options.pop(name) for name in ("encoding", "errors", "newline") if name in options}
        return AtomicText(self.open(path, mode.replace("t", "") + "b", **options), **text)


class AtomicLocalFileSystem(AtomicOpen, LocalFileSystem):  # type: ignore[misc]
    """fsspec's local files, written by :class:`AtomicWriter`."""

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, autocommit: bool = True, **options: Any
    ) -> IO[bytes]:
        if only_reads(mode):
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
        """List as fsspec does, without files that are still being written."""
        found = super().ls(path, detail=detail, **options)
        return [entry for entry in found if not (entry["name"] if detail else entry).endswith(PARTIAL)]

    def glob(self, path: str, maxdepth: int | None = None, **options: Any) -> Any:
        """Match as fsspec does, but take the name of an existing folder, such as ``v[2]``, literally."""
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
        """Copy a file atomically; ``put`` does so for datasets that write by path."""
        if self.isdir(path1):
            return super().cp_file(path1, path2, **options)
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            shutil.copyfileobj(source, target)
        return None


def advice(error: BaseException | None) -> str | None:
    """Say in a line what the system or a store refused, where, and what to do; None if the error is of another kind.

    Args:
        error: any; its causes count too.

    Examples:
        >>> advice(OSError(errno.EROFS, "", "data/sums.json"))
        'data/sums.json: Read-only file system; it may only be read: let `data` in globals.yml name a folder ...'
        >>> advice(ValueError("no such refusal"))
    """
    if told := _store_advice(error):
        return told
    while error and not (isinstance(error, OSError) and error.errno in REMEDIES):
        error = error.__cause__
    if not isinstance(error, OSError) or error.errno is None:
        return None
    said = f"{os.path.relpath(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
    return f"{said}{os.strerror(error.errno)}; {REMEDIES[error.errno]}"


def is_of_store(error: BaseException) -> bool:
    """Whether an error comes from the client of an S3 store."""
    return type(error).__module__.startswith("botocore.")


def _store_advice(error: BaseException | None) -> str | None:
    """Say in a line what an S3 store answered, by the error of botocore that caused another one."""
    while error and not is_of_store(error):
        error = error.__cause__
    if error is None:
        return None
    answer = (getattr(error, "response", None) or {}).get("Error", {})
    code, host = answer.get("Code", ""), getattr(error, "kwargs", {}).get("endpoint_url", "")
    bucket = answer.get("BucketName", "the bucket")
    if "Credentials" in type(error).__name__ or "Token" in type(error).__name__:
        return "no credentials for the object store; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if code == "NoSuchBucket":
        return f"{bucket} does not exist in the object store; correct `raw` or `data` in globals.yml, or make it"
    if code in REFUSED:
        return f"the object store refuses these credentials ({code}); check them, and their rights on {bucket}"
    if code:
        told = answer.get("Message") or "no reason"
        return f"the object store answered {code} ({told}); see to it there, and run again"
    return f"the object store {host} cannot be reached ({type(error).__name__}); check its address and the network"


def shown(place: str) -> str:
    """Return an address as it is, and a path relative to the present folder."""
    return place if "://" in place else os.path.relpath(place)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that a rename outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def located(place: str, **options: Any) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a path or address, and the path there.

    Args:
        place: an address, if it holds ``://``; otherwise a local path, in which no character has a meaning.
        options: of the file system.
    """
    return fsspec.url_to_fs(place, **options) if "://" in place else (fsspec.filesystem("file", **options), place)


def names_in(place: str) -> list[str]:
    """List the names in a folder; none if there is no such folder."""
    files, path = located(place)
    files.invalidate_cache()
    with suppress(FileNotFoundError):
        return sorted(entry.rpartition("/")[2] for entry in files.ls(path, detail=False))
    return []


def files_below(folder: Path) -> Iterator[Path]:
    """Find all files below a folder, without bytecode. Links are followed, but each folder is entered once."""
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
    """Delete what killed processes left of a file, its versions or a folder. No other process may be writing it."""
    left = [*place.parent.glob(f"{escape(_stem(place))}*{PARTIAL}"), *place.glob(f"**/.*{PARTIAL}")]
    for path in left:
        path.unlink(missing_ok=True)
    return left


def _stem(place: Path) -> str:
    return f".{place.name[:150]}."  # the longest names leave no room for more


def only_reads(mode: str) -> bool:
    """Whether a mode of ``open`` lets nothing be written."""
    return "r" in mode and "+" not in mode
