import itertools
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError

from kedro_guards.datasets.chunks import ChunkedParquetDataset
from kedro_guards.receipts import content_of


def _table(rows, start=0):
    index = pd.Index([f"row-{row}" for row in range(start, start + rows)], name="row_id", dtype="str")
    return pd.DataFrame({"value": np.arange(start, start + rows, dtype=np.uint8), "share": 0.5}, index)


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


def test_what_was_stored_in_many_small_chunks_is_joined_to_larger_ones(dataset):
    dataset().save(_table(3, start) for start in range(0, 12, 3))

    chunks = list(dataset(7).load())

    assert [len(chunk) for chunk in chunks] == [6, 6]
    pd.testing.assert_frame_equal(pd.concat(chunks), _table(12))
    assert [len(chunk) for chunk in dataset(2).load()] == [2, 1] * 4


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


@pytest.fixture
def folder(tmp_path):
    """A folder of five rows in each of the files that are named, in this order."""

    def make(*names):
        for place, name in enumerate(names):
            path = tmp_path / "table.parquet" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _table(5, 5 * place).to_parquet(path)
        return tmp_path / "table.parquet"

    return make


@pytest.mark.parametrize(
    "names",
    [
        ("day=x/a.parquet", "day=y/b.parquet", "part.parquet"),
        ("2026/01/a.parquet", "2026/02/a.parquet"),
        ("part.0.parquet", "part.2.parquet", "part.10.parquet"),
        ("UPPER.PARQUET", "b.pq", "c.parq", "d"),
    ],
    ids=["partitions beside a file", "sub-folders", "numbers", "other endings"],
)
def test_every_file_of_a_folder_is_read_numbers_in_their_order(dataset, folder, names):
    folder(*names)

    whole, chunks = dataset().load(), pd.concat(dataset(3).load())

    for table in (whole, chunks):
        pd.testing.assert_frame_equal(table[["value", "share"]], _table(5 * len(names)))


def test_the_key_of_a_partition_is_a_column(dataset, folder):
    folder("day=__HIVE_DEFAULT_PARTITION__/b.parquet", "day=a%20b/n=7/a.parquet", "part.parquet")

    table = dataset().load()

    assert table["day"].fillna("").tolist() == [""] * 5 + ["a b"] * 5 + [""] * 5
    assert table["n"].fillna("").tolist() == [""] * 5 + ["7"] * 5 + [""] * 5
    assert [list(chunk.columns) for chunk in dataset(5).load()] == [["value", "share", "day", "n"]] * 3


def test_what_is_hidden_is_passed_over_and_is_no_part_of_the_content(dataset, folder):
    place = folder("a.parquet", "b/b.parquet")
    before = content_of(dataset(3))
    for name in ("._a.parquet", "_SUCCESS", ".a.parquet.crc", "_temporary/0/c.parquet", ".git/d"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"\0\5\x16\7")

    pd.testing.assert_frame_equal(pd.concat(dataset(3).load()), _table(10))
    assert set(before[1]) == {"a.parquet", "b/b.parquet"}
    assert content_of(dataset(3)) == before
    (place / "b/b.parquet").unlink()
    assert content_of(dataset(3)) != before


@pytest.mark.parametrize("chunk_rows", [None, 3])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda place: place.with_name("b.txt").write_text("notes of the rows"), "b.txt is no whole Parquet file"),
        (lambda place: place.with_name("b").touch(), "b is no whole Parquet file"),
        (lambda place: _table(5).assign(split="test").to_parquet(place), "b.parquet has the column split, unlike"),
        (_table(5)[["share"]].to_parquet, "b.parquet lacks the column value, unlike"),
        (lambda place: _table(5).reset_index(drop=True).to_parquet(place), "lacks the column row_id"),
        (lambda place: place.symlink_to(place.parent), "b.parquet is neither a file nor a folder"),
        (lambda place: place.symlink_to("nowhere"), "b.parquet cannot be read: No such file"),
        (os.mkfifo, "b.parquet is neither a file nor a folder"),
    ],
    ids=["text", "empty", "more columns", "fewer columns", "another index", "link to a folder", "broken link", "pipe"],
)
def test_a_folder_that_cannot_be_read_whole_is_refused_with_the_name_of_the_file(
    dataset, folder, chunk_rows, make, message
):
    make(folder("a.parquet") / "b.parquet")

    with pytest.raises(DatasetError, match=message):
        list(dataset(chunk_rows).load())


def test_the_identifier_may_be_the_index_of_one_file_and_a_column_of_another(dataset, folder):
    _table(5, 5).reset_index().to_parquet(folder("a.parquet") / "b.parquet")

    pd.testing.assert_frame_equal(dataset().load().set_index("row_id"), _table(10))
    assert [len(chunk) for chunk in dataset(5).load()] == [5, 5]


def test_a_file_that_goes_away_says_so(dataset, folder):
    place = folder("a.parquet", "b.parquet")
    chunks = dataset(5).load()
    next(chunks)
    (place / "b.parquet").unlink()

    with pytest.raises(DatasetError, match="b.parquet cannot be read: No such file or directory"):
        next(chunks)


def test_types_may_differ_between_files_and_links_to_files_are_read(dataset, folder, tmp_path):
    place = folder("a.parquet")
    _table(5, 5).astype({"value": "Int64"}).to_parquet(tmp_path / "elsewhere")
    (place / "b.parquet").symlink_to(tmp_path / "elsewhere")

    assert dataset().load()["value"].tolist() == list(range(10))


def test_a_key_that_is_a_column_too_is_refused(dataset, folder):
    folder("share=1/a.parquet")

    with pytest.raises(DatasetError, match="has the column share, which is a folder's key too"):
        list(dataset(3).load())


def test_chosen_columns_are_read_and_no_other_choice_is_passed_over(tmp_path):
    _table(5).to_parquet(tmp_path / "table.parquet")

    def load(**load_args):
        return ChunkedParquetDataset(filepath=str(tmp_path / "table.parquet"), chunk_rows=5, load_args=load_args).load()

    pd.testing.assert_frame_equal(next(load(columns=["share"])), _table(5)[["share"]])
    with pytest.raises(DatasetError, match="may hold columns alone, found filters"):
        load(filters=[("share", ">", 1)])


def test_a_table_without_rows_is_one_chunk_without_rows(dataset):
    dataset().save(_table(0))

    (chunk,) = dataset(3).load()

    pd.testing.assert_frame_equal(chunk, _table(0))


def test_an_error_in_a_chunk_leaves_the_former_table(dataset, tmp_path):
    dataset().save(_table(4))

    def chunks():
        yield _table(3)
        raise ValueError("values must be 0 to 16, found 17")

    with pytest.raises(DatasetError, match="^values must be 0 to 16, found 17$"):
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
    with pytest.raises(DatasetError, match=r"a folder without a file"):
        dataset(3).load()


def test_a_file_that_is_no_parquet_is_said(dataset, tmp_path):
    (tmp_path / "table.parquet").write_text("row_id,value")

    with pytest.raises(DatasetError, match="table.parquet is no whole Parquet file"):
        next(dataset(3).load())


def test_a_column_that_stands_twice_is_left_for_the_contract_to_name(dataset, tmp_path):
    table = pa.Table.from_pandas(_table(3))
    pq.write_table(table.append_column("share", table.column("share")), tmp_path / "table.parquet")

    assert list(dataset().load().columns) == list(next(dataset(3).load()).columns) == ["value", "share", "share"]


def test_a_whole_file_is_read_with_any_choice_of_pandas(tmp_path):
    _table(5).to_parquet(tmp_path / "table.parquet")
    load_args = {"filters": [("value", ">", 2)]}

    loaded = ChunkedParquetDataset(filepath=str(tmp_path / "table.parquet"), load_args=load_args).load()

    pd.testing.assert_frame_equal(loaded, _table(5)[3:])


def test_a_folder_is_not_written_over(dataset, tmp_path):
    (tmp_path / "table.parquet").mkdir()

    with pytest.raises(DatasetError, match="is a folder; move it away"):
        dataset().save(_table(3))
