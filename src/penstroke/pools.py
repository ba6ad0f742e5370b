"""Several processes share the tables of a large dataset. ``processes`` in ``globals.yml`` says how many.

It is no parameter: results do not depend on it, so changing it must not make them stale.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

Item = TypeVar("Item")
Result = TypeVar("Result")
IN_PROCESSES = "processes"  # tag of nodes that call map_in_order with its own number of jobs


class PoolHooks:
    """Read how many processes the nodes of a run may use, and start them in time."""

    processes = 1
    cluster: Callable[[Any, Any], Iterator[Any]] | None = None  # what replaces them, while a run uses a cluster
    started: Iterator[Any] = iter(())  # ends when the processes are there

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
        """Start the processes, which takes seconds, while this one loads what its nodes need."""
        if self._starts and (modules := {node.func.__module__ for node in pipeline.nodes if IN_PROCESSES in node.tags}):
            PoolHooks.started = _in_processes(import_module, [*modules] * self.processes, self.processes, "loky")

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Wait for processes that no node has used, or joblib complains."""
        list(self.started)

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Wait for processes that no node has used, or joblib complains."""
        list(self.started)


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
    list(PoolHooks.started)
    return _in_processes(alone, items, jobs or PoolHooks.processes, backend)


def _in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], jobs: int, backend: str
) -> Iterator[Result]:
    from joblib import Parallel, delayed  # noqa: PLC0415 # slow to import, and the settings import this module

    pool = Parallel(jobs, backend, return_as="generator", pre_dispatch="2 * n_jobs", batch_size=1)
    found: Iterator[Result] = pool(delayed(function)(item) for item in items)
    return found


def _in_one_thread(function: Callable[[Item], Result], item: Item) -> Result:
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 # the settings import this module

    with threadpool_limits(1):  # sums of two threads round differently
        return function(item)
