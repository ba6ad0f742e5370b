"""Tables that may be larger than memory."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import DatasetError
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import ParquetDataset

READ_AHEAD = 1 << 16  # bytes of each column, rather than all that a group of rows has


class ChunkedParquetDataset(ParquetDataset):  # type: ignore[misc]
    """A Parquet file, or a folder of them, that goes through memory in chunks.

    Args:
        chunk_rows: rows that are loaded at once; None loads the whole table.
        arguments: those of kedro-datasets' ``ParquetDataset``.
    """

    def __init__(self, *, chunk_rows: int | None = None, **arguments: Any) -> None:
        self._chunk_rows = chunk_rows
        super().__init__(**arguments)

    def load(self) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Return the table, or an iterator over its chunks; a table without rows is one chunk.

        Raises:
            DatasetError: there is no such file, or a folder without any.
        """
        if self._chunk_rows is None:
            return super().load()
        path = get_filepath_str(self._get_load_path(), self._protocol)
        if not self._fs.exists(path):
            raise DatasetError(f"{path} does not exist; put a Parquet file, or a folder of them, there")
        files = sorted(self._fs.glob(f"{path}/*.parquet")) if self._fs.isdir(path) else [path]
        if not files:
            raise DatasetError(f"{path} is a folder without a file that ends in .parquet; put some there")
        return self._chunks(files, self._chunk_rows)

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Write a table, or chunk after chunk as they come; the file takes its place when it is complete.

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

    def _chunks(self, files: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for path in files:
            with self._fs.open(path, "rb") as file:
                try:
                    table = pq.ParquetFile(file, buffer_size=READ_AHEAD)
                except pa.ArrowInvalid as error:
                    raise DatasetError(f"{path} is no whole Parquet file: {error}") from error
                if not table.metadata.num_rows:
                    yield table.schema_arrow.empty_table().to_pandas()
                for batch in table.iter_batches(rows):
                    yield batch.to_pandas()
