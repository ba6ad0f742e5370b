"""Parquet tables that may be larger than memory."""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import DatasetError
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import ParquetDataset

READ_AHEAD = 1 << 16  # bytes of each column, instead of whole row groups
HIDDEN = (".", "_")  # beginnings of hidden names, as in pyarrow: _SUCCESS, ._a.parquet, .part.crc
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


class ChunkedParquetDataset(ParquetDataset):  # type: ignore[misc]
    """A Parquet file, or a folder of them, read and written in chunks.

    All files of a folder and its sub-folders are read in the order of their paths, with numbers in order of their
    value: ``part.2`` before ``part.10``. Rows of a sub-folder ``key=value`` get a text column ``key``, as Hive and
    Spark store partitions. Names that begin with a dot or an underscore are ignored. All files must have the same
    columns; types may differ, and the identifier may be a column or the index.

    Args:
        chunk_rows: rows that are loaded at once, at most; None loads the whole table.
        arguments: those of kedro-datasets' ``ParquetDataset``. For folders and chunks, ``load_args`` may only hold
            ``columns``.
    """

    def __init__(self, *, chunk_rows: int | None = None, **arguments: Any) -> None:
        self._chunk_rows = chunk_rows
        super().__init__(**arguments)

    def load(self) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Return the table, or an iterator over its chunks. A table without rows is one chunk.

        Raises:
            DatasetError: the file is missing, or the folder is empty or holds a link to a folder; a file (for chunks,
                when it is read) is no Parquet, or has other columns than the first.
        """
        path = get_filepath_str(self._get_load_path(), self._protocol)
        is_folder = self._fs.isdir(path)
        others = set(self._load_args) - {"columns"}
        if others and not is_folder and self._chunk_rows is None:
            return super().load()
        if others:
            raise DatasetError(f"load_args of chunks and folders may hold columns alone, found {sorted(others)[0]}")
        if not self._fs.exists(path):
            raise DatasetError(f"{path} does not exist; put a Parquet file, or a folder of them, there")
        files = self.members(path) if is_folder else [path]
        if not files:
            raise DatasetError(f"{path} is a folder without a file; put Parquet files there")
        tables = self._tables(files, self._fs._strip_protocol(path))
        if self._chunk_rows is not None:
            return tables
        found = list(tables)
        if len({tuple(table.index.names) for table in found}) > 1:
            found = [table if table.index.name is None else table.reset_index() for table in found]
        return pd.concat(found, ignore_index=found[0].index.name is None) if is_folder else found[0]

    def members(self, folder: str) -> list[str]:
        """List the files of a folder that belong to the table, in the order of reading.

        Raises:
            DatasetError: a sub-folder cannot be listed or is a link, or an entry is neither file nor folder.
        """
        return sorted(_files_below(self._fs, folder), key=_numbers_by_value)

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Write a table, or one chunk after another; the file is replaced when the new one is complete.

        Raises:
            DatasetError: a chunk could not be made, or has other columns than the first.
        """
        path = get_filepath_str(self._get_save_path(), self._protocol)
        if self._fs.isdir(path):
            raise DatasetError(f"{path} is a folder; move it away, the table is written to one file")
        chunks = iter([data] if isinstance(data, pd.DataFrame) else data)
        try:
            first = pa.Table.from_pandas(next(chunks))
            with (
                self._fs.open(path, **self._fs_open_args_save) as file,
                pq.ParquetWriter(file, first.schema, **self._save_args) as writer,
            ):
                writer.write_table(first)
                for chunk in chunks:
                    writer.write_table(pa.Table.from_pandas(chunk).cast(first.schema))
        except ValueError as error:
            raise DatasetError(str(error)) from error
        self._invalidate_cache()

    def _tables(self, files: list[str], folder: str) -> Iterator[pd.DataFrame]:
        keys = {path: _keys(path.removeprefix(folder)) for path in files}
        names = list(dict.fromkeys(name for found in keys.values() for name in found))
        form = None
        for path in files:
            for table in self._read(path):
                form = form or (path, _names(table))
                _refuse_another_form(path, table, *form)
                twice = [name for name in names if name in table.columns]
                if twice:
                    raise DatasetError(f"{path} has the column {twice[0]}, which is a folder's key too; rename one")
                yield table.assign(**{name: keys[path].get(name) for name in names}) if names else table

    def _read(self, path: str) -> Iterator[pd.DataFrame]:
        columns = self._load_args.get("columns")
        try:
            with self._fs.open(path, "rb") as file:
                table = pq.ParquetFile(file, buffer_size=READ_AHEAD if self._chunk_rows else 0)
                if self._chunk_rows is None or not table.metadata.num_rows:
                    yield table.read(columns, use_pandas_metadata=True).to_pandas()
                    return
                # a reader of all row groups keeps memory for each of them
                batches = (
                    batch
                    for group in range(table.num_row_groups)
                    for batch in table.iter_batches(self._chunk_rows, [group], columns, use_pandas_metadata=True)
                )
                for joined in _joined(batches, self._chunk_rows):
                    yield joined.to_pandas()
        except (pa.ArrowException, OSError, ValueError) as error:
            # pyarrow reports damaged files by an OSError without a number
            missed = error.strerror if isinstance(error, OSError) else None
            fault = f"cannot be read: {missed}" if missed else f"is no whole Parquet file: {error}"
            raise DatasetError(f"{path} {fault}; mend it, or move it away") from error


def _joined(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Join batches as long as they have at most so many rows together."""
    waiting, count = list[pa.RecordBatch](), 0
    for batch in batches:
        if waiting and count + batch.num_rows > rows:
            yield pa.Table.from_batches(waiting)
            waiting, count = [], 0
        waiting.append(batch)
        count += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting)


def _files_below(files: fsspec.AbstractFileSystem, folder: str) -> Iterator[str]:
    """Find the files below a folder, without hidden ones."""
    folder = files._strip_protocol(folder)
    try:
        for entry in files.ls(folder, detail=True):
            path = entry["name"].rstrip("/")
            if path == folder or path.rpartition("/")[2].startswith(HIDDEN):
                continue
            if entry["type"] == "directory":
                yield from _files_below(files, path)
            elif entry["type"] == "file" or files.info(path)["type"] == "file":  # or a link to one
                yield path
            else:  # a link to a folder could lead back
                raise DatasetError(f"{path} is neither a file nor a folder; put the files themselves there")
    except OSError as error:
        fault = f"{error.filename or folder} cannot be read: {error.strerror or error}"
        raise DatasetError(f"{fault}; mend it, or move it away") from error


def _numbers_by_value(path: str) -> tuple[list[str | int], str]:
    parts = re.split("([0-9]+)", path)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path


def _keys(path: str) -> dict[str, str | None]:
    """Return the keys and values of the folders ``key=value`` in a path."""
    found = dict(part.split("=", 1) for part in path.split("/")[:-1] if "=" in part)
    return {unquote(key): None if value == NO_VALUE else unquote(value) for key, value in found.items()}


def _names(table: pd.DataFrame) -> pd.Index:
    """Return the names of the columns and of the index."""
    return table.columns.append(pd.Index([name for name in table.index.names if name is not None]))


def _refuse_another_form(path: str, table: pd.DataFrame, first: str, columns: pd.Index) -> None:
    found = _names(table)
    more, less = found.difference(columns), columns.difference(found)
    if len(more) or len(less):
        difference = f"has the column {more[0]}" if len(more) else f"lacks the column {less[0]}"
        raise DatasetError(f"{path} {difference}, unlike {first}; give all files of the folder the same columns")
