import pandas as pd
import pytest
from kedro.io import DatasetError

from kedro_guards.datasets.optional import OptionalParquetDataset


def test_a_table_that_is_not_there_yet_has_no_rows(tmp_path):
    dataset = OptionalParquetDataset(filepath=str(tmp_path / "rows.parquet"))

    assert dataset.load().empty
    table = pd.DataFrame({"a": [1, 2]})
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_a_table_that_is_there_and_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"half a table")

    with pytest.raises(DatasetError):
        OptionalParquetDataset(filepath=str(tmp_path / "rows.parquet")).load()
