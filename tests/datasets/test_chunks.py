import itertools

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

import penstroke.settings  # noqa: F401 - it registers the file system
from penstroke.datasets.chunks import ChunkedParquetDataset


def _table(rows, start=0):
    index = pd.Index([f"row-{row}" for row in range(start, start + rows)], name="digit_id", dtype="str")
    return pd.DataFrame({"pixel_0_0": np.arange(start, start + rows, dtype=np.uint8), "share": 0.5}, index)


@pytest.fixture
def dataset(tmp_path):
    return lambda chunk_rows=None, name="table.parquet": ChunkedParquetDataset(
        filepath=str(tmp_path / name), chunk_rows=chunk_rows
    )


def test_a_table_is_loaded_whole_or_in_chunks(dataset):
    dataset().save(_table(10))

    pd.testing.assert_frame_equal(dataset().load(), _table(10))
    chunks = list(dataset(4).load())
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    pd.testing.assert_frame_equal(pd.concat(chunks), _table(10))


def test_what_comes_in_chunks_is_stored_as_one_table(dataset):
    dataset().save(_table(3, start) for start in (0, 3, 6))

    pd.testing.assert_frame_equal(dataset().load(), _table(9))


def test_chunks_are_made_one_after_the_other(dataset):
    made = []

    def chunks():
        for start in range(0, 9, 3):
            made.append(start)
            yield _table(3, start)

    dataset().save(itertools.islice(chunks(), 2))

    assert made == [0, 3]


def test_a_folder_of_files_is_read_in_the_order_of_their_names(dataset, tmp_path):
    folder = tmp_path / "table.parquet"
    folder.mkdir()
    for name, start in (("b.parquet", 5), ("a.parquet", 0)):
        _table(5, start).to_parquet(folder / name)
    (folder / "_SUCCESS").write_bytes(b"")

    chunks = list(dataset(3).load())

    assert [len(chunk) for chunk in chunks] == [3, 2, 3, 2]
    pd.testing.assert_frame_equal(pd.concat(chunks), _table(10))


def test_a_table_without_rows_is_one_chunk_without_rows(dataset):
    dataset().save(_table(0))

    (chunk,) = dataset(3).load()

    pd.testing.assert_frame_equal(chunk, _table(0))


def test_an_error_in_a_chunk_leaves_the_former_table(dataset, tmp_path):
    dataset().save(_table(4))

    def chunks():
        yield _table(3)
        raise ValueError("pixels must be 0 to 16, found 17")

    with pytest.raises(DatasetError, match="^pixels must be 0 to 16, found 17$"):
        dataset().save(chunks())

    pd.testing.assert_frame_equal(dataset().load(), _table(4))
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]


def test_a_chunk_of_other_columns_is_refused(dataset):
    with pytest.raises(DatasetError, match="names are not matching"):
        dataset().save([_table(3), _table(3).rename(columns={"share": "part"})])


def test_what_is_not_there_is_said_when_it_is_loaded(dataset, tmp_path):
    with pytest.raises(DatasetError, match=r"table.parquet does not exist; put a Parquet file"):
        dataset(3).load()
    (tmp_path / "table.parquet").mkdir()
    with pytest.raises(DatasetError, match=r"a folder without a file that ends in .parquet"):
        dataset(3).load()


def test_a_file_that_is_no_parquet_is_said(dataset, tmp_path):
    (tmp_path / "table.parquet").write_text("digit_id,pixel_0_0")

    with pytest.raises(DatasetError, match="table.parquet is no whole Parquet file"):
        next(dataset(3).load())


def test_a_folder_is_not_written_over(dataset, tmp_path):
    (tmp_path / "table.parquet").mkdir()

    with pytest.raises(DatasetError, match="is a folder; move it away"):
        dataset().save(_table(3))
