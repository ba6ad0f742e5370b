"""Labelled images in the IDX format, the format of MNIST and similar data sets."""

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import IO, Any

import fsspec
import numpy as np
import pandas as pd
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, DatasetError

from kedro_guards.files import AtomicWriter, located
from kedro_guards.receipts import hash_of, sha256_of
from kedro_guards.secrets import without_user

from .pixels import to_table

PARTS = ("train", "test")
UNSIGNED_BYTE = 8
GZIP_MAGIC = b"\x1f\x8b"
MOST_BYTES_OF_A_GZIP_BYTE = 1032  # deflate cannot compress better (RFC 1951: 258 bytes from 2 bits)


class IdxDataset(AbstractDataset[None, pd.DataFrame]):
    """Read the train and test parts of an IDX set as one table of raw digits.

    Files may be gzipped or plain. Remote files are downloaded to a local folder once; later runs read the copies and
    need no network. No more bytes are read than the header states, so a compressed file that expands to more than its
    header says uses no extra memory.

    Args:
        path: path or address of the folder; any protocol that fsspec knows. A user and a password in it
            (``https://me:word@host``) are used, but never shown or written.
        files: names of the files in it: ``train_images``, ``train_labels``, ``test_images``, ``test_labels``.
        filepath: local folder for copies of remote files; files of this machine are not copied.
        sha256: expected sha256 by full address, without user and password. A file with another sum is refused and not
            kept.
        credentials: passed to fsspec's file system.
        metadata: ignored by Kedro; read by Kedro-Viz.

    Source: the format, LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".
    """

    def __init__(
        self,
        *,
        path: str,
        files: dict[str, str],
        filepath: str,
        sha256: dict[str, str] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path.rstrip("/")
        self._files = files
        self._filepath = Path(filepath)
        self._sha256 = sha256 or {}
        self._credentials = credentials or {}
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Return rows by ``digit_id`` (``<part>-<row from 00000>``): ``label``, ``split``, ``pixel_<row>_<column>``.

        Raises:
            DatasetError: a file cannot be read, has another sha256 than expected, or is no complete IDX file; or the
                files do not belong together.
        """
        parts = [self._load_part(part) for part in PARTS]
        sizes = {images.shape[1:] for images, _ in parts}
        if len(sizes) > 1:
            raise DatasetError(f"the images of the parts differ in size: {sorted(sizes)}; give files of one set")
        counts = [len(labels) for _, labels in parts]
        split = np.repeat(PARTS, counts)
        rows = np.concatenate([np.arange(count) for count in counts])
        digit_id = [f"{part}-{row:05d}" for part, row in zip(split, rows, strict=True)]
        table = to_table(np.concatenate([images for images, _ in parts]))
        table.index = pd.Index(digit_id, name="digit_id", dtype="str")
        table.insert(0, "split", pd.Series(split, table.index, dtype="str"))
        table.insert(0, "label", np.concatenate([labels for _, labels in parts]).astype(np.int64))
        return table

    def save(self, data: None) -> None:  # noqa: ARG002
        """Refuse to save: this dataset is read-only."""
        raise DatasetError("IDX files are read only")

    def content_hash(self) -> str | None:
        """Return one sha256 over the sha256 of all files; None if a file is not on this machine yet."""
        files = {name: self._local(without_user(f"{self._path}/{name}")) for name in self._files.values()}
        if not all(local.is_file() for local in files.values()):
            return None
        return hash_of({name: sha256_of(LocalFileSystem(), str(local)) for name, local in files.items()})

    def _load_part(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        images = self._read(self._files[f"{part}_images"], dimensions=3)
        labels = self._read(self._files[f"{part}_labels"], dimensions=1)
        if len(images) != len(labels):
            raise DatasetError(
                f"the {part} part has {len(images)} images but {len(labels)} labels; give files of one set"
            )
        if not len(labels):
            raise DatasetError(f"the {part} part has no images; give files with images")
        return images, labels

    def _read(self, name: str, dimensions: int) -> np.ndarray:
        shown = without_user(f"{self._path}/{name}")
        try:
            content = self._fetch(f"{self._path}/{name}", shown)
        except (OSError, ImportError, ValueError) as error:
            # not chained: the traceback of the cause would show the full address with the password
            # the text of a local error would name the file again
            fault = error.strerror if isinstance(error, OSError) and error.filename else without_user(str(error))
            raise DatasetError(f"{shown} cannot be read: {fault}; check the source") from None
        with content as file:
            return read_idx(file, dimensions, shown)

    def _fetch(self, address: str, shown: str) -> IO[bytes]:
        local = self._local(shown)
        file_system, remote = located(address, **self._credentials)
        if "file" not in file_system.protocol and not local.exists():
            self._download(file_system, remote, shown, local)
        with local.open("rb") as file:
            self._refuse_another_sum(shown, hashlib.file_digest(file, "sha256").hexdigest())
        return local.open("rb")

    def _local(self, address: str) -> Path:
        """Return the path of a file, or of its future copy, on this machine."""
        if fsspec.utils.get_protocol(address) == "file":
            return Path(LocalFileSystem._strip_protocol(address))
        return self._filepath / address.replace("://", "/")

    def _download(self, file_system: fsspec.AbstractFileSystem, remote: str, shown: str, local: Path) -> None:
        local.parent.mkdir(parents=True, exist_ok=True)
        with AtomicWriter(local, "w") as file:  # discarded if an error ends the block
            file_system.get_file(remote, file)
            file.seek(0)
            self._refuse_another_sum(shown, hashlib.file_digest(file, "sha256").hexdigest())

    def _refuse_another_sum(self, address: str, found: str) -> None:
        stated = self._sha256.get(address)
        if stated and stated != found:
            raise DatasetError(
                f"{address} has the sha256 {found}, expected is {stated}; it is not the file that is meant"
            )

    def _describe(self) -> dict[str, Any]:
        return {"path": without_user(self._path), "files": self._files, "filepath": self._filepath.as_posix()}


def read_idx(file: IO[bytes], dimensions: int, name: str) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzipped or plain.

    Args:
        file: a seekable file, open for reading.
        dimensions: expected number of dimensions: 3 for images, 1 for labels.
        name: name of the file in error messages.

    Returns:
        uint8 of the shape that the header states.

    Raises:
        DatasetError: the file is no such IDX file, or holds less or more than its header states.

    Examples:
        >>> labels = bytes([0, 0, 8, 1]) + bytes([0, 0, 0, 3]) + bytes([7, 2, 1])
        >>> read_idx(io.BytesIO(labels), dimensions=1, name="labels").tolist()
        [7, 2, 1]
    """
    stored = file.seek(0, io.SEEK_END)
    file.seek(0)
    packed = file.read(2) == GZIP_MAGIC
    file.seek(0)
    most = stored * MOST_BYTES_OF_A_GZIP_BYTE if packed else stored
    try:
        stream = gzip.GzipFile(fileobj=file) if packed else file
        shape = _shape(stream.read(4 + 4 * dimensions), dimensions, name)
        size = int(np.prod(shape, dtype=object))
        if size > most:
            raise DatasetError(f"{name} is cut short: its header states {size} bytes, it cannot hold over {most}")
        content = stream.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{name} is a damaged gzip file: {error}; fetch it again") from error
    if len(content) != size:
        fault = "is cut short" if len(content) < size else "holds more than its header states"
        raise DatasetError(f"{name} {fault}: {size} bytes are stated for {shape}; fetch it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(header: bytes, dimensions: int, name: str) -> tuple[int, ...]:
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if header[:4] == magic[::-1]:
        raise DatasetError(f"{name} was written with its bytes in the wrong order (little-endian); IDX is big-endian")
    if header[:4] != magic or len(header) < 4 + 4 * dimensions:
        kind, begins = "images" if dimensions > 1 else "labels", header[:4].hex(" ") or "and ends at once"
        raise DatasetError(f"{name} is no IDX file of {kind}: it begins {begins}, not {magic.hex(' ')}")
    return tuple(int(side) for side in np.frombuffer(header[4:], ">u4"))
