import gzip
import hashlib
import struct
import threading
import traceback
import tracemalloc
from base64 import b64encode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from kedro.io import DatasetError

from penstroke.contracts import RAW_DIGITS
from penstroke.domain.idx import IdxDataset
from penstroke.domain.pixels import to_images

FILES = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


def idx_bytes(array: np.ndarray) -> bytes:
    """Write an array as IDX."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        name: generator.integers(0, 256, (count, 5, 6)) if "images" in name else generator.integers(0, 10, count)
        for name, count in zip(FILES, (12, 12, 4, 4), strict=True)
    }


@pytest.fixture
def folder(tmp_path, arrays):
    source = tmp_path / "source"
    source.mkdir()
    for name, array in arrays.items():
        (source / FILES[name]).write_bytes(gzip.compress(idx_bytes(array)))
    return source


@pytest.fixture
def dataset(folder, tmp_path):
    return IdxDataset(path=str(folder), files=FILES, filepath=str(tmp_path / "kept"))


def test_both_parts_become_one_raw_table_with_its_own_split(dataset, arrays):
    table = RAW_DIGITS.validate(dataset.load())

    np.testing.assert_array_equal(to_images(table)[:12], arrays["train_images"])
    np.testing.assert_array_equal(to_images(table)[12:], arrays["test_images"])
    np.testing.assert_array_equal(table["label"], np.concatenate([arrays["train_labels"], arrays["test_labels"]]))
    assert list(table["split"]) == ["train"] * 12 + ["test"] * 4
    assert list(table.index[[0, 11, 12]]) == ["train-00000", "train-00011", "test-00000"]


def test_plain_files_are_read_as_well_as_gzipped_ones(dataset, folder):
    gzipped = dataset.load()
    for path in folder.iterdir():
        path.write_bytes(gzip.decompress(path.read_bytes()))

    assert dataset.load().equals(gzipped)


IMAGES = np.zeros((12, 5, 6))
SPOILT = {
    "empty": (b"", "is no IDX file of images: it begins and ends at once"),
    "wrong magic": (b"\x00\x00\x0d\x03" + bytes(12), "begins 00 00 0d 03, not 00 00 08 03"),
    "labels for images": (idx_bytes(np.zeros(12)), "begins 00 00 08 01, not 00 00 08 03"),
    "text": (b"<html>not found</html>", "is no IDX file"),
    "little-endian": (struct.pack("<I3I", 0x0803, 12, 5, 6) + bytes(360), "little-endian"),
    "little-endian sizes": (struct.pack(">I", 0x0803) + struct.pack("<3I", 12, 5, 6) + bytes(360), "cut short"),
    "cut in the header": (idx_bytes(IMAGES)[:10], "is no IDX file"),
    "cut in the images": (idx_bytes(IMAGES)[:-1], "cut short"),
    "too long": (idx_bytes(IMAGES) + b"\x00", "holds more than its header states"),
    "cut gzip": (gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 256, (12, 5, 6))))[:-20], "damaged gzip"),
    "damaged gzip": (b"\x1f\x8b" + bytes(30), "damaged gzip"),
    "more images than labels": (idx_bytes(np.zeros((13, 5, 6))), "13 images but 12 labels"),
    "no images": (idx_bytes(np.zeros((0, 5, 6))), "0 images but 12 labels"),
    "another size": (idx_bytes(np.zeros((12, 7, 7))), "differ in size"),
    "absurd count": (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "cut short"),
}


@pytest.mark.parametrize(("content", "message"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_refused_in_one_line(dataset, folder, content, message):
    (folder / FILES["train_images"]).write_bytes(content)

    with pytest.raises(DatasetError, match=message) as refusal:
        dataset.load()
    assert "\n" not in str(refusal.value).partition("DatasetError: ")[2]


def test_labels_may_be_any_byte(dataset, folder):
    (folder / FILES["test_labels"]).write_bytes(idx_bytes(np.array([0, 1, 200, 255])))

    table = dataset.load()

    assert list(table["label"].tail(4)) == [0, 1, 200, 255]
    assert RAW_DIGITS.validate(table)["label"].dtype == np.int64


def test_a_set_without_rows_is_refused(dataset, folder):
    (folder / FILES["train_images"]).write_bytes(idx_bytes(np.zeros((0, 5, 6))))
    (folder / FILES["train_labels"]).write_bytes(idx_bytes(np.zeros(0)))

    with pytest.raises(DatasetError, match="the train part has no images"):
        dataset.load()


def test_a_missing_file_is_named(dataset, folder):
    (folder / FILES["test_labels"]).unlink()

    with pytest.raises(DatasetError) as caught:
        dataset.load()

    place = folder / FILES["test_labels"]
    assert str(caught.value) == f"{place} cannot be read: No such file or directory; check the source"


def test_a_file_that_unfolds_to_gigabytes_costs_no_more_memory_than_its_header_states(dataset, folder):
    bomb = gzip.compress(idx_bytes(IMAGES) + bytes(300_000_000))
    (folder / FILES["train_images"]).write_bytes(bomb)

    tracemalloc.start()
    with pytest.raises(DatasetError, match="holds more than its header states"):
        dataset.load()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(bomb) < 1_000_000
    assert peak < 3_000_000


class Server:
    """A real server of files on 127.0.0.1, which counts what it is asked for."""

    def __init__(self, folder):
        self.asked, self.users = asked, users = [], []

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_):
                asked.append(self.path)
                users.append(self.headers["Authorization"])

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def test_files_of_another_machine_are_fetched_once_and_serve_without_a_network_then(folder, tmp_path, dataset):
    with Server(folder) as server:
        remote = IdxDataset(path=server.address, files=FILES, filepath=str(tmp_path / "kept"))
        first = remote.load()
        assert len({path for path in server.asked if path.endswith(".gz")}) == 4

    assert first.equals(dataset.load())
    assert remote.load().equals(first)  # the server is gone


def test_a_download_that_differs_from_its_sum_is_refused_and_not_kept(folder, tmp_path):
    with Server(folder) as server:
        address = f"{server.address}/{FILES['train_images']}"
        remote = IdxDataset(
            path=server.address, files=FILES, filepath=str(tmp_path / "kept"), sha256={address: "0" * 64}
        )

        with pytest.raises(DatasetError, match=f"{address} has the sha256 [0-9a-f]{{64}}, expected is 0000"):
            remote.load()

    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_a_kept_file_that_was_changed_since_is_refused(folder, tmp_path):
    with Server(folder) as server:
        address = f"{server.address}/{FILES['train_labels']}"
        stated = hashlib.sha256((folder / FILES["train_labels"]).read_bytes()).hexdigest()
        remote = IdxDataset(path=server.address, files=FILES, filepath=str(tmp_path / "kept"), sha256={address: stated})
        remote.load()
    (kept,) = (tmp_path / "kept").rglob(FILES["train_labels"])
    kept.write_bytes(gzip.compress(idx_bytes(np.zeros(12))))

    with pytest.raises(DatasetError, match="not the file that is meant"):
        remote.load()


def test_user_and_password_of_an_address_are_sent_and_neither_shown_nor_written(folder, tmp_path):
    with Server(folder) as server:
        address = server.address.replace("://", "://me:canary@")
        remote = IdxDataset(path=address, files=FILES, filepath=str(tmp_path / "kept"))
        remote.load()
        assert set(server.users) == {"Basic " + b64encode(b"me:canary").decode()}

        (folder / FILES["test_labels"]).unlink()
        absent = IdxDataset(path=address, files=FILES, filepath=str(tmp_path / "other"))
        with pytest.raises(DatasetError, match="cannot be read") as caught:
            absent.load()

    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert "canary" not in repr(remote)
    assert not list(tmp_path.rglob("*canary*"))


def test_nothing_is_written_to_a_source(dataset):
    with pytest.raises(DatasetError, match="read only"):
        dataset.save(dataset.load())
