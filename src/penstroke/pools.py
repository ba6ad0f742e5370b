"""Several processes share the tables of a large dataset. ``processes`` in ``globals.yml`` says how many.

It is no parameter: results do not depend on it, so changing it must not make them stale.
"""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

Item = TypeVar("Item")
Result = TypeVar("Result")
COMMAND_LINE = "kedro.framework.cli.cli"  # each process imports the script that started the run, which imports this
IN_PROCESSES = "processes"  # tag of nodes that call map_in_order with its own number of jobs


class PoolHooks:
    """Read how many processes the nodes of a run may use, and start them in time."""

    processes = 1
    function: Callable[[Any], Any]  # what a process does with each item
    cluster: Callable[[Any, Any], Iterator[Any]] | None = None  # what replaces them, while a run uses a cluster

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the number of processes.

        Raises:
            ValueError: it is no whole number from 1.
        """
        found: Any = context.config_loader["globals"].get("processes", 1)
        if type(found) is not int or found < 1:
            raise ValueError(f"processes in globals.yml must be a whole number from 1, found {found!r}")
        PoolHooks.processes = found
        self._starts = found > 1 and context.config_loader["globals"].get("scheduler") is None

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Have a process import what theirs need, which takes seconds, while this one loads what its nodes need."""
        if self._starts and (modules := {node.func.__module__ for node in pipeline.nodes if IN_PROCESSES in node.tags}):
            from multiprocessing import forkserver  # noqa: PLC0415 # other commands skip it

            forkserver.set_forkserver_preload([COMMAND_LINE, *modules])
            forkserver.ensure_running()


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], jobs: int | None = None, backend: str = "loky"
) -> Iterator[Result]:
    """Call a function for each item, lazily, on a cluster or on this machine, and return the results in order.

    Few items are in memory at a time: one per process, and one that waits for each.

    Args:
        function: can be pickled.
        items: are read one after another.
        jobs: processes or threads on this machine; by default the ``processes`` of ``globals.yml``.
        backend: joblib's, for several jobs.

    Examples:
        >>> list(map_in_order(abs, [-1, 2]))
        [1, 2]
    """
    alone = partial(_in_one_thread, function)
    if PoolHooks.cluster is not None:
        return PoolHooks.cluster(alone, items)
    if (jobs or PoolHooks.processes) == 1:
        return map(alone, items)
    if jobs is None:
        return _in_processes(alone, items)
    from joblib import Parallel, delayed  # noqa: PLC0415 # slow to import, and the settings import this module

    pool = Parallel(jobs, backend, return_as="generator", pre_dispatch="2 * n_jobs", batch_size=1)
    return pool(delayed(alone)(item) for item in items)


def _in_processes(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Call a function in processes that are copies of one which has imported what they need."""
    from concurrent.futures import Future, ProcessPoolExecutor  # noqa: PLC0415 # the settings import this module
    from multiprocessing import get_context  # noqa: PLC0415

    processes, waiting = PoolHooks.processes, deque[Future[Result]]()
    pool = ProcessPoolExecutor(processes, get_context("forkserver"), _prepare, (function,))
    try:
        for item in items:
            waiting.append(pool.submit(_call, item))
            if len(waiting) == 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(function: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that started them ends them
    PoolHooks.function = function


def _call(item: Any) -> Any:
    return PoolHooks.function(item)


def _in_one_thread(function: Callable[[Item], Result], item: Item) -> Result:
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 # the settings import this module

    with threadpool_limits(1):  # sums of two threads round differently
        return function(item)
