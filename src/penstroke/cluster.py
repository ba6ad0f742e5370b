"""The workers of a Dask cluster share the work of ``map_in_order``. ``scheduler`` in ``globals.yml`` is its address.

It is no parameter, since results do not depend on it. Without an address nothing of Dask is imported.
"""

import asyncio
import hashlib
import logging
import platform
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from penstroke.pools import Item, PoolHooks, Result

if TYPE_CHECKING:
    from distributed import Client, Future

PACKAGE = __name__.partition(".")[0]
OWN = (PACKAGE, "kedro_guards")
MESSAGES_KEPT = 10  # by Dask, for those who develop it; each holds a table
RETRIES = 3  # of a task that fails
AHEAD = 2  # tables per thread of the workers: one in work, one that waits
CONNECT_S, ANSWER_S = 5, 30  # how long the scheduler may take to be reached, and the workers to answer
PATIENCE_S = 30  # how long a cluster may be without workers during a run
START = "start it again with this code, these packages and --nthreads=1: docs/how-to/cluster.md says how"


class ClusterError(ValueError):
    """The cluster cannot be used, or was lost."""


class ClusterHooks:
    """Have a run use the workers of a cluster, if ``scheduler`` in ``globals.yml`` is the address of one."""

    _client: "Client | None" = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read the address.

        Raises:
            ValueError: it is none.
        """
        self._leave()  # a run that other hooks refused
        self._address: Any = context.config_loader["globals"].get("scheduler")
        if self._address is not None and not re.fullmatch(r"(tcp|tls)://[^@\s/]+:\d+", str(self._address)):
            raise ValueError("scheduler in globals.yml must be tcp://HOST:PORT or tls://HOST:PORT, or null for none")

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Connect to the cluster, and check that it has the same code and packages.

        Raises:
            ClusterError: it cannot be reached, has no workers or others than these, or Dask is not installed.
        """
        if self._address is None:
            return
        if find_spec("distributed") is None:
            raise ClusterError(
                "scheduler in globals.yml is set, but Dask is not installed; install it by "
                "`pip install -r requirements-cluster.txt`, or set scheduler to null"
            )
        if "ParallelRunner" in run_params["runner"]:
            raise ClusterError("the processes of ParallelRunner cannot share a cluster; leave out --runner")
        self._client = join(self._address)
        PoolHooks.cluster = partial(map_on_workers, self._client)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Leave the cluster."""
        self._leave()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Leave the cluster."""
        self._leave()

    def _leave(self) -> None:
        PoolHooks.cluster = None
        if self._client is not None:
            self._client.close(timeout=1)
            self._client = None


def join(address: str) -> "Client":
    """Connect to a cluster whose scheduler and workers run the same code with the same packages as this process.

    Raises:
        ClusterError: with the address and what to do.
    """
    import dask  # noqa: PLC0415 # an extra
    import distributed  # noqa: PLC0415

    dask.config.set({"distributed.admin.low-level-log-length": MESSAGES_KEPT})
    for name in ("client", "core", "comm", "utils"):  # whose warnings come before our errors, and say less
        logging.getLogger(f"distributed.{name}").setLevel(logging.CRITICAL)
    try:
        threads, answers = asyncio.run(asyncio.wait_for(_ask(address), CONNECT_S + ANSWER_S))
    except TimeoutError:
        raise ClusterError(
            f"the cluster at {address} did not answer within {CONNECT_S + ANSWER_S} s; start again what hangs, "
            "its scheduler or a worker, or set scheduler to null"
        ) from None
    except OSError:
        raise ClusterError(
            f"no Dask scheduler answers at {address}; start it by `dask scheduler`, or set scheduler to null"
        ) from None
    if not threads:
        raise ClusterError(f"the Dask scheduler at {address} has no workers; start one by `dask worker {address}`")
    for who, found in answers.items():
        is_error = isinstance(found, BaseException)
        fault = f"cannot import this project ({str(found)[:200]})" if is_error else difference(identity(), found)
        if fault:
            raise ClusterError(f"{who} {fault}; {START}")
    if many := [worker for worker, number in threads.items() if number > 1]:  # sums of two threads round differently
        raise ClusterError(f"the worker {many[0]} has {threads[many[0]]} threads; {START}")
    return distributed.Client(address, timeout=CONNECT_S, set_as_default=False)


async def _ask(address: str) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the threads by worker, and what scheduler and workers run: an identity, or an error."""
    from distributed import Client  # noqa: PLC0415

    client = Client(address, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
    try:
        async with client:
            try:
                await client.wait_for_workers(1, timeout=CONNECT_S)
            except TimeoutError:
                return {}, {}
            try:
                scheduler = await client.run_on_scheduler(identity)
            except Exception as error:
                scheduler = error
            workers = await client.run(identity, on_error="return")
            answers = {
                f"the scheduler {address}": scheduler,
                **{f"the worker {name}": one for name, one in workers.items()},
            }
            return dict(await client.nthreads()), answers
    finally:
        with suppress(Exception):  # it hangs; unless it is closed, it complains when it is collected
            await client.close(timeout=1)


@cache
def identity() -> dict[str, str]:
    """Return what this process runs: a sha256 by module of the project, a version by installed package.

    All modules of the project are imported first, and the result is kept: a process runs what it has imported, whatever
    the files hold now.
    """
    for module in walk_packages(import_module(PACKAGE).__path__, f"{PACKAGE}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    own = {name: module for name, module in sys.modules.items() if name.startswith(OWN)}
    files = {name: getattr(module, "__file__", None) for name, module in own.items() if not name.endswith("__main__")}
    sums = {name: hashlib.sha256(Path(file).read_bytes()).hexdigest() for name, file in files.items() if file}
    installed, tops = metadata.packages_distributions(), {name.partition(".")[0] for name in sys.modules}
    found = {name for top in tops - set(OWN) for name in installed.get(top, ())}
    return sums | {name: metadata.version(name) for name in found} | {"python": platform.python_version()}


def difference(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Say how the identity of another process differs; '' for not at all. Either may have imported more packages.

    Examples:
        >>> difference({"numpy": "2.4.0", "pytest": "9.0"}, {"numpy": "2.3.1", "tornado": "6.5"})
        'has other code or packages (numpy 2.3.1, here 2.4.0)'
    """
    names = {name for name in here.keys() | there.keys() if name.startswith(f"{PACKAGE}.")} | here.keys() & there.keys()
    differ = sorted(name for name in names if here.get(name) != there.get(name))
    few = (f"{name} {there.get(name, 'missing')[:12]}, here {here.get(name, 'missing')[:12]}" for name in differ[:2])
    return f"has other code or packages ({'; '.join(few)}{'; …' * (len(differ) > 2)})" if differ else ""


def map_on_workers(client: "Client", function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Call a function for each item on the workers of a cluster, and return the results in order.

    What a worker had when it was lost is computed again by another one. Few items are underway at a time.

    Raises:
        ClusterError: the scheduler or all workers were lost or do not answer, or tasks kill their workers.
    """
    from distributed.protocol.pickle import dumps  # noqa: PLC0415

    waiting = deque["Future"]()
    most = AHEAD * sum(_threads(client).values())
    options = {"retries": RETRIES, "pure": False}
    # bytes, which the scheduler passes on; the function is sent once, and kept by a task that can be repeated
    held = client.submit(_unpack, dumps((function, identity())), **options)
    for item in items:
        waiting.append(client.submit(_call, held, dumps(item), **options))
        if len(waiting) == most:
            yield _result(client, waiting.popleft())
    while waiting:
        yield _result(client, waiting.popleft())


def _threads(client: "Client") -> dict[str, int]:
    """Return the threads by worker, as the scheduler knows them."""
    try:
        found: dict[str, int] = client.sync(client.scheduler.ncores, callback_timeout=ANSWER_S)
    except TimeoutError:
        raise ClusterError(
            f"the Dask scheduler has not answered for {ANSWER_S} s; start it again, and run again"
        ) from None
    return found


def _unpack(content: bytes) -> Any:
    from distributed.protocol.pickle import loads  # noqa: PLC0415

    return loads(content)


def _call(held: tuple[Callable[[Any], Any], dict[str, str]], item: bytes) -> Any:
    function, asking = held
    if fault := difference(asking, identity()):
        raise ClusterError(f"a worker that joined during the run {fault}; {START}")
    return function(_unpack(item))


def _result(client: "Client", future: "Future") -> Any:
    from distributed import CancelledError, KilledWorker  # noqa: PLC0415

    while True:
        try:
            return future.result(PATIENCE_S)
        except CancelledError:
            raise ClusterError("the connection to the Dask scheduler was lost; start it, and run again") from None
        except KilledWorker as error:
            raise ClusterError(
                "a task has killed its workers again and again, perhaps because their memory was full; give each "
                f"more memory, or lower chunk_rows ({error.last_worker.address})"
            ) from None
        except TimeoutError:
            if future.status == "error":  # of the task itself
                raise
            if not _threads(client):
                raise ClusterError("all workers of the cluster are gone; start some, and run again") from None
