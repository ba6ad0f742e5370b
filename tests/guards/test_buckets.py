"""Objects in a store are written whole or not at all, and every fault of the store is told in one line."""

import os
import socket
import subprocess
import sys
import time

import fsspec
import pytest

from kedro_guards.errors import in_short
from kedro_guards.files import located
from kedro_guards.unchanged import is_unchanged, write_stamp

from .store import KEYS, Proxy, free_port, moto

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


@pytest.fixture(scope="module")
def port():
    with moto() as port:
        yield port


@pytest.fixture
def store(port, monkeypatch):
    """A store with a bucket ``shop``, reached through a proxy."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with Proxy(port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        files, _ = located("s3://shop")
        if not files.exists("shop"):
            files.call_s3("create_bucket", Bucket="shop")
        files.pipe_file("shop/sums.txt", b"old")
        proxy.asked.clear()
        yield proxy


def _open(mode="wb", place="s3://shop/sums.txt"):
    files, path = located(place, auto_mkdir=True)
    return files.open(path, mode)


def _content():
    return located("s3://shop")[0].cat_file("shop/sums.txt")


def test_an_object_is_replaced_when_it_is_complete(store):
    with _open() as file:
        file.write(b"new")
        assert _content() == b"old"

    assert _content() == b"new"


@pytest.mark.parametrize(("mode", "content"), [("wb", b"half"), ("w", "hälf"), ("wb", b"x" * 80_000_000)])
def test_an_error_while_it_is_written_leaves_the_old_one(store, mode, content):
    def save():
        with _open(mode) as file:
            file.write(content)
            raise ValueError("rubbish")

    with pytest.raises(ValueError, match="rubbish"):
        save()

    assert _content() == b"old"
    files, _ = located("s3://shop")
    assert files.call_s3("list_multipart_uploads", Bucket="shop").get("Uploads", []) == []


def test_text_is_utf_8(store):
    with _open("w") as file:
        file.write("größer")

    assert _content() == "größer".encode()
    with _open("r") as file:
        assert file.read() == "größer"


def test_no_bucket_is_made_by_mistake(store):
    files, _ = located("s3://shopp", auto_mkdir=True)
    files.makedirs("shopp/data", exist_ok=True)
    files.mkdir("shopp")

    with pytest.raises(FileNotFoundError) as refused, _open(place="s3://shopp/sums.txt") as file:
        file.write(b"new")

    assert in_short(refused.value) == (
        "shopp does not exist in the object store; correct `raw` or `data` in globals.yml, or make it"
    )
    assert not files.exists("shopp")


def _told():
    with pytest.raises(Exception) as refused, _open() as file:  # noqa: PT011
        file.write(b"new")
    told = in_short(refused.value)
    assert len(told.splitlines()) == 1
    assert "canary" not in told
    return told


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            "AccessDenied",
            "the object store refuses these credentials (AccessDenied); check them, and their rights on shop",
        ),
        ("InvalidAccessKeyId", "the object store refuses these credentials (InvalidAccessKeyId)"),
        ("SignatureDoesNotMatch", "the object store refuses these credentials (SignatureDoesNotMatch)"),
        ("ExpiredToken", "the object store refuses these credentials (ExpiredToken)"),
        ("NoSuchBucket", "shop does not exist in the object store; correct `raw` or `data` in globals.yml, or make it"),
        ("XMinioStorageFull", "the object store answered XMinioStorageFull (told); see to it there"),
        ("SlowDown", "the object store answered SlowDown (told); see to it there"),
        ("InternalError", "the object store answered InternalError (told); see to it there"),
        (Proxy.DROP, "cannot be reached (ConnectionClosedError); check its address and the network"),
    ],
)
def test_a_fault_during_a_save_is_told_in_one_line_and_leaves_the_old_object(store, fault, told):
    store.fault = lambda method, path: fault if method == "PUT" else None

    assert told in _told()

    store.fault = lambda method, path: None
    assert _content() == b"old"
    with _open() as file:  # the same again completes
        file.write(b"new")
    assert _content() == b"new"


def test_a_store_that_fails_once_is_asked_again(store):
    store.fault = lambda method, path: "SlowDown" if len(store.asked) == 1 else None

    with _open() as file:
        file.write(b"new")

    assert _content() == b"new"


def test_a_connection_that_is_lost_after_some_parts_leaves_the_old_object(store):
    store.fault = lambda method, path: Proxy.DROP if "partNumber=2" in path else None

    def save():
        with _open() as file:
            for _ in range(12):
                file.write(b"x" * 10_000_000)

    with pytest.raises(Exception) as lost:  # noqa: PT011
        save()

    assert "cannot be reached" in in_short(lost.value)
    store.fault = lambda method, path: None
    assert _content() == b"old"


def test_missing_credentials_are_told(store, monkeypatch, tmp_path):
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    fsspec.get_filesystem_class("s3").clear_instance_cache()

    assert _told() == "no credentials for the object store; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def test_a_closed_port_is_told_within_seconds(store, monkeypatch):
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    began = time.monotonic()

    assert f"{address}/" in _told()
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_a_store_that_accepts_and_never_answers_is_given_up(store, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        began = time.monotonic()

        assert "cannot be reached (ReadTimeoutError)" in _told()
        assert time.monotonic() - began < 45


def test_a_fault_that_a_dataset_wraps_is_told_alone(store):
    from kedro_datasets.json import JSONDataset  # noqa: PLC0415

    store.fault = lambda method, path: "AccessDenied"
    dataset = JSONDataset(filepath="s3://shop/sums.json")

    for use in (dataset.load, lambda: dataset.save({"a": 1})):
        with pytest.raises(Exception) as refused:  # noqa: PT011
            use()
        assert in_short(refused.value).startswith("the object store refuses these credentials (")


def _python(code):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/src"}
    code = f"import sys; from kedro_guards.hooks import GuardHooks; {code}"
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def stamp(store, tmp_path):
    """A stamp over a folder and an object of one bucket, and a folder of another."""
    files, _ = located("s3://shop")
    if not files.exists("raw"):
        files.call_s3("create_bucket", Bucket="raw")
    for name in files.find("shop"):
        files.rm_file(name)
    for name in ("shop/data/a.txt", "shop/data2/a.txt", "shop/one.txt", "raw/in/a.txt"):
        files.pipe_file(name, b"old")
    write_stamp(tmp_path / "stamp.json", ["s3://shop/data", "s3://shop/one.txt", "s3://raw/in"])
    return tmp_path / "stamp.json"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *(("shop/data/a.txt", True), ("shop/data/b/c.txt", True), ("shop/one.txt", True), ("raw/in/a.txt", True)),
        *(("shop/data2/a.txt", False), ("shop/one.txt.old", False), ("raw/b.txt", False)),
    ],
)
def test_a_stamp_holds_until_one_of_its_objects_comes_or_changes(stamp, name, counts):
    assert is_unchanged(stamp)

    located("s3://shop")[0].pipe_file(name, b"new")

    assert is_unchanged(stamp) is not counts


def test_a_stamp_holds_for_nothing_if_the_store_refuses_or_is_another_one(stamp, store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(fsspec.config.conf, "s3", {"endpoint_url": store.address})
        assert not is_unchanged(stamp)
    assert is_unchanged(stamp)
    store.fault = lambda method, path: "AccessDenied"

    assert not is_unchanged(stamp)
    with pytest.raises(OSError, match="AccessDenied"):
        write_stamp(stamp, ["s3://shop/data"])


def test_a_stamp_of_objects_is_compared_without_s3fs(stamp, store):
    imports = "from pathlib import Path; from kedro_guards.unchanged import is_unchanged"
    asked = f"GuardHooks(); {imports}; is_unchanged(Path({str(stamp)!r}))"
    store.asked.clear()

    assert _python(f"{asked}; print({{'s3fs', 'aiohttp'}} & {{*sys.modules}})").stdout == "set()\n"
    assert [method for method, path in store.asked if "list-type=2" in path] == ["GET", "GET"]


def test_s3fs_is_imported_when_an_address_needs_it_and_not_before():
    assert _python("GuardHooks(); print('s3fs' in sys.modules)").stdout == "False\n"


def test_without_s3fs_an_address_says_what_to_install():
    result = _python("sys.modules['s3fs'] = None; GuardHooks(); import fsspec; fsspec.filesystem('s3')")

    assert result.stderr.endswith("an address s3:// needs s3fs: `pip install -r requirements-s3.txt`\n")
