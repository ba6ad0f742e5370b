import hashlib
from threading import Timer

import pytest
from kedro.io import CachedDataset, MemoryDataset, Version
from kedro_datasets.json import JSONDataset
from kedro_datasets.partitions import PartitionedDataset

from kedro_guards import receipts
from kedro_guards.receipts import (
    Receipt,
    content_of,
    pending,
    read_receipt,
    read_vouched_for,
    write_receipt,
)

RECEIPT = Receipt(
    dataset="rows",
    sha256=hashlib.sha256(b"rows").hexdigest(),
    files={},
    rows=3,
    call="Node(make)",
    code={"python": "3.11"},
    parameters={"params:size": 3},
    entries="",
    inputs={"raw": "0123"},
    stale={},
    project_version="1",
    commit=None,
    time="2026-01-01T00:00:00+00:00",
    run_id="one",
)


@pytest.fixture
def place(tmp_path):
    place = str(tmp_path / "receipts/rows.json")
    write_receipt(RECEIPT, place)
    return place


def test_a_receipt_comes_back_as_it_was_written(place):
    assert read_receipt(place) == RECEIPT


@pytest.mark.parametrize("text", ["", "{", "{}", '{"dataset": "rows"}', "[]"])
def test_what_is_no_receipt_counts_as_none(tmp_path, text):
    (tmp_path / "rows.json").write_text(text)

    assert read_receipt(tmp_path / "rows.json") is None
    assert read_receipt(tmp_path / "absent.json") is None


def test_a_file_that_agrees_with_its_receipt_is_read(place):
    assert read_vouched_for(lambda: b"rows", place, "the file") == b"rows"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(receipts, "PATIENCE_S", 0.1)


def test_an_altered_file_is_refused(place, impatient):
    with pytest.raises(ValueError, match=f"the file was altered: .* that of its receipt with {RECEIPT.sha256[:12]}"):
        read_vouched_for(lambda: b"rosw", place, "the file")


def test_a_file_without_a_receipt_is_refused(tmp_path, impatient):
    with pytest.raises(ValueError, match="the file has no receipt"):
        read_vouched_for(lambda: b"rows", tmp_path / "none.json", "the file")


def test_a_file_whose_save_was_interrupted_is_refused_as_such(place, impatient):
    write_receipt(RECEIPT, pending(place))

    with pytest.raises(ValueError, match="was being saved when its run was interrupted"):
        read_vouched_for(lambda: b"new", place, "the file")


def test_a_reader_waits_for_the_receipt_of_a_file_that_has_just_taken_its_place(place):
    new = RECEIPT.model_copy(update={"sha256": hashlib.sha256(b"new").hexdigest()})
    timer = Timer(0.3, write_receipt, (new, place))
    timer.start()

    assert read_vouched_for(lambda: b"new", place, "the file") == b"new"
    timer.join()


def test_a_file_is_known_by_its_bytes(tmp_path):
    (tmp_path / "a.json").write_text("[1]")

    assert content_of(JSONDataset(filepath=str(tmp_path / "a.json"))) == (hashlib.sha256(b"[1]").hexdigest(), {})
    assert content_of(JSONDataset(filepath=str(tmp_path / "b.json"))) == (None, {})


def test_a_folder_is_known_by_its_files_and_their_names(tmp_path):
    folder = PartitionedDataset(path=str(tmp_path / "a"), dataset="json.JSONDataset", filename_suffix=".json")
    folder.save({"x": [1], "deep/y": [2]})
    (tmp_path / "a/.x.json.0123.partial").write_text("half")

    content, files = content_of(folder)

    assert set(files) == {"x.json", "deep/y.json"}
    (tmp_path / "a/x.json").rename(tmp_path / "a/z.json")
    assert content_of(folder)[0] != content


def test_a_version_is_known_by_its_own_bytes(tmp_path):
    for version in ("1", "2"):
        (tmp_path / "a.json" / version).mkdir(parents=True)
        (tmp_path / "a.json" / version / "a.json").write_text(f"[{version}]")
    newest_one = JSONDataset(filepath=str(tmp_path / "a.json"), version=Version(None, None))

    assert content_of(newest_one)[0] == hashlib.sha256(b"[2]").hexdigest()
    assert content_of(newest_one, "1")[0] == hashlib.sha256(b"[1]").hexdigest()


def test_a_file_of_another_machine_is_known_by_its_bytes_too():
    far = JSONDataset(filepath="memory://a.json")
    far.save([1])

    assert content_of(far)[0] == hashlib.sha256(b"[\n  1\n]").hexdigest()


def test_what_is_no_file_is_known_by_what_it_loads():
    one, same, other = MemoryDataset([1]), MemoryDataset([1]), MemoryDataset([2])

    assert content_of(one) == content_of(same) != content_of(other)


def test_a_cache_is_looked_through(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    file = JSONDataset(filepath=str(tmp_path / "a.json"))

    assert content_of(CachedDataset(file, copy_mode="assign")) == content_of(file)
