"""A table that may not be there yet."""

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import ParquetDataset


class OptionalParquetDataset(ParquetDataset):  # type: ignore[misc]
    """A Parquet file that may be absent; the arguments are those of kedro-datasets' ``ParquetDataset``."""

    def load(self) -> pd.DataFrame:
        """Return the table; where the file is absent, and only then, one without rows and columns."""
        path = get_filepath_str(self._get_load_path(), self._protocol)
        return super().load() if self._fs.exists(path) else pd.DataFrame()
