"""Several processes share the tables of a large dataset."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import pytest
from kedro.framework.project import pipelines
from kedro.pipeline import Node, Pipeline

from kedro_guards.errors import in_short
from penstroke.pools import IN_PROCESSES, PoolHooks, map_in_order


def _settle(processes):
    PoolHooks().after_context_created(SimpleNamespace(config_loader={"globals": {"processes": processes}}))


@pytest.fixture(params=[1, 2])
def processes(request):
    _settle(request.param)
    yield request.param
    _settle(1)


def _square(number):
    if number < 0:
        raise ValueError(f"{number} is below 0")
    return number**2, os.getpid()


def test_results_come_in_the_order_of_the_items(processes):
    found = list(map_in_order(_square, range(50)))

    assert [square for square, _ in found] == [number**2 for number in range(50)]
    assert (os.getpid() in {process for _, process in found}) == (processes == 1)


def test_few_items_are_read_ahead(processes):
    read = []

    def items():
        for number in range(1000):
            read.append(number)
            yield number

    results = map_in_order(_square, items())
    assert next(results)[0] == 0

    assert len(read) < 1000
    results.close() if processes > 1 else None


@pytest.mark.usefixtures("processes")
def test_an_error_keeps_its_type_and_its_words():
    with pytest.raises(ValueError, match="^-1 is below 0$"):
        list(map_in_order(_square, [1, -1, 2]))


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "two", True, None])
def test_another_number_of_processes_is_refused(wrong):
    with pytest.raises(ValueError, match=r"processes in globals\.yml must be a whole number from 1, found"):
        _settle(wrong)

    assert PoolHooks.processes == 1


@pytest.mark.parametrize(
    ("places", "tags", "count"),
    [
        ({"processes": 2}, [IN_PROCESSES], 2),
        ({"processes": 2}, [], 0),
        ({"processes": 1}, [IN_PROCESSES], 0),
        ({"processes": 2, "scheduler": "tcp://10.0.0.1:8786"}, [IN_PROCESSES], 0),
    ],
)
def test_processes_start_with_a_run_that_uses_them(monkeypatch, places, tags, count):
    started = []
    monkeypatch.setattr("penstroke.pools._in_processes", lambda function, items, *_: started.extend(items) or iter(()))
    hooks = PoolHooks()
    hooks.after_context_created(SimpleNamespace(config_loader={"globals": places}))

    hooks.before_pipeline_run(Pipeline([Node(_square, "number", "square", name="square", tags=tags)]))

    assert started == [__name__] * count
    _settle(1)


def _die(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_is_killed_ends_the_run_with_one_line():
    _settle(2)
    with pytest.raises(BrokenProcessPool) as killed:
        list(map_in_order(_die, range(9)))
    _settle(1)

    assert in_short(killed.value).startswith("a worker process was killed, perhaps because the memory was full")


def test_nodes_that_use_processes_say_so(bootstrapped):
    found = {node.func.__name__ for node in pipelines["__default__"].nodes if IN_PROCESSES in node.tags}
    assert found == set()
    found = [node.func for name in pipelines for node in pipelines[name].nodes if IN_PROCESSES in node.tags]
    assert {node.__name__ for node in found} == {"classify_rows", "gather_rows"}


def test_without_a_number_there_is_one_process():
    PoolHooks().after_context_created(SimpleNamespace(config_loader={"globals": {}}))

    assert PoolHooks.processes == 1
