"""Runs of several machines take turns by leases in a store."""

import logging
import time
from threading import Event, Thread

import fsspec
import pytest

from kedro_guards import leases as module
from kedro_guards.errors import in_short
from kedro_guards.files import located
from kedro_guards.leases import RunLockError, leases

from .store import KEYS, Proxy, moto

DATA = "s3://shop/data"


@pytest.fixture(scope="module")
def port():
    with moto() as port:
        yield port


@pytest.fixture
def store(port, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "BEAT_S", 0.2)
    monkeypatch.setattr(module, "EXPIRY_S", 1.5)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.1)
    with Proxy(port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        files, _ = located("s3://shop")
        if not files.exists("shop"):
            files.call_s3("create_bucket", Bucket="shop")
        if files.exists("shop/data"):
            files.rm("shop/data", recursive=True)
        yield proxy


def _there():
    return sorted(name.rpartition("/")[2] for name in located(DATA)[0].find("shop/data/.locks"))


def test_leases_are_there_while_they_are_held_and_gone_afterwards(store):
    with leases(DATA, ["labels", "sums"], 1):
        assert _there() == ["labels.json", "sums.json"]

    assert _there() == []


def test_who_comes_second_waits_for_the_first_however_long_it_takes(store, caplog):
    held, order = Event(), []

    def first():
        with leases(DATA, ["sums"], 1):
            held.set()
            time.sleep(3)  # longer than a lease lasts that nobody renews
            order.append("first")

    thread = Thread(target=first)
    thread.start()
    held.wait(10)
    with caplog.at_level(logging.WARNING), leases(DATA, ["sums"], 30):
        order.append("second")
    thread.join()

    assert order == ["first", "second"]
    assert caplog.records[0].getMessage().startswith("sums is being written by process ")
    assert "taken over" not in caplog.text


def test_datasets_of_others_are_not_waited_for(store):
    with leases(DATA, ["sums"], 1), leases(DATA, ["labels"], 0):
        assert _there() == ["labels.json", "sums.json"]


def test_who_waited_too_long_is_told_by_whom_it_is_held_and_lets_go_of_the_rest(store):
    with leases(DATA, ["sums"], 1):
        told = r"sums is being written by process \d+ on .* since .*; this run waited"
        with pytest.raises(RunLockError, match=told), leases(DATA, ["labels", "sums"], 0.3):
            pytest.fail("both hold it")
        assert _there() == ["sums.json"]

    assert _there() == []


def test_a_dead_holder_is_replaced(store, caplog):
    files, _ = located(DATA)
    files.pipe_file("shop/data/.locks/sums.json", b'{"holder": "process 1 on mars since noon"}')
    began = time.monotonic()

    with caplog.at_level(logging.WARNING), leases(DATA, ["sums"], 30):
        assert time.monotonic() - began > 1.5

    assert "the lease of sums was taken over from process 1 on mars since noon, which is dead" in caplog.text
    assert _there() == []


def test_of_several_who_wait_for_a_dead_holder_one_at_a_time_takes_over(store):
    located(DATA)[0].pipe_file("shop/data/.locks/sums.json", b'{"holder": "process 1 on mars since noon"}')
    inside, most = [], []

    def wait():
        with leases(DATA, ["sums"], 60):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.3)
            inside.pop()

    threads = [Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1, 1, 1]


def test_a_store_that_is_away_for_a_moment_costs_no_lease(store):
    with leases(DATA, ["sums"], 1):
        store.fault = lambda method, path: Proxy.DROP
        time.sleep(0.6)
        store.fault = lambda method, path: None
        time.sleep(0.6)

    assert _there() == []


def test_who_lost_a_lease_is_told_and_leaves_that_of_the_new_holder(store):
    def hold():
        with leases(DATA, ["sums"], 1):
            located(DATA)[0].pipe_file("shop/data/.locks/sums.json", b'{"holder": "another"}')
            time.sleep(0.6)

    with pytest.raises(RunLockError, match="sums was taken over by another run"):
        hold()

    assert _there() == ["sums.json"]


def test_a_misspelt_bucket_is_told_before_anything_runs(store):
    with pytest.raises(FileNotFoundError) as refused, leases("s3://shopp/data", ["sums"], 1):
        pytest.fail("it runs")

    assert in_short(refused.value).startswith("shopp does not exist in the object store")
