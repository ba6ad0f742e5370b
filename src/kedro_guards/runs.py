"""Runs that exclude each other: each one locks every dataset that it writes."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline

from .files import advice
from .leases import RunLockError, leases
from .ledger import Ledger
from .printing import say
from .unchanged import write_stamp

if TYPE_CHECKING:
    from filelock import BaseFileLock

ONLY_CHANGED: ContextVar[Path | None] = ContextVar("only_changed", default=None)  # path of the stamp file
FILTERS = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")
logger = logging.getLogger(__name__)


class GuardedSession(KedroSession):
    """A session whose run waits until no other run writes any of its datasets.

    The locks lie in ``<data>/.locks``. ``globals.yml`` says what ``data`` is and how long to wait
    (``lock_timeout_s``). They are locks of the operating system, so a process that dies frees its own. If ``data`` is
    an address, they lie in the project's folder and hold for one machine; in an S3 store, leases hold for all.
    """

    def run(self, pipeline_name: str | None = None, **choices: Any) -> dict[str, Any]:  # type: ignore[override]
        """Lock all outputs, then run as Kedro does; with ``ONLY_CHANGED``, only what changed.

        Raises:
            ValueError: ``lock_timeout_s`` is no number.
            RunLockError: another run held one of the locks for ``lock_timeout_s``.
            StaleError: the run would use data that do not agree with today's code, parameters or data.
        """
        names = choices.pop("pipeline_names", None) or ([pipeline_name] if pipeline_name else None)
        asked = _asked(names, choices)
        with ExitStack() as held:
            try:
                held.enter_context(self.holding(asked.all_outputs()))
            except RunLockError as error:  # if nothing can be written, perhaps nothing has to be
                if ONLY_CHANGED.get() is None or error.__cause__ is None or self._ledger.due(asked):
                    raise
            # so that versions follow the order in which runs wrote
            self._stamp()
            if stamp := ONLY_CHANGED.get():
                return self._run_changed(asked, stamp, pipeline_names=names, **choices)
            return super().run(pipeline_names=names, **choices)

    @contextmanager
    def holding(self, datasets: set[str]) -> Iterator[None]:
        """Hold the locks of datasets, as a run that writes them does.

        Raises:
            ValueError: ``lock_timeout_s`` is no number.
            RunLockError: somebody else held one of them for ``lock_timeout_s``.
        """
        places = self._get_config_loader()["globals"]
        folder, patience_s = lock_folder(self._project_path, str(places["data"])), places["lock_timeout_s"]
        if not isinstance(patience_s, int | float):
            raise ValueError(f"lock_timeout_s in globals.yml must be a number of seconds, found {patience_s!r}")
        with ExitStack() as held:
            for dataset in sorted(datasets):  # in one order, so that no two sessions wait for each other
                held.enter_context(lock(folder / dataset, patience_s))
            if datasets and str(places["data"]).startswith("s3://"):  # other machines see no locks of this one
                held.enter_context(leases(str(places["data"]), sorted(datasets), patience_s))
            yield

    def _run_changed(self, asked: Pipeline, stamp: Path, **choices: Any) -> dict[str, Any]:
        """Run the nodes that are due until none is. An unchanged output does not trigger its successors."""
        made, done = dict[str, Any](), set[str]()
        while due := (ledger := self._ledger).due(asked):
            if again := sorted(done & set(due)):
                raise RuntimeError(f"{again[0]} has run, and is due again: {due[again[0]]}; another process interferes")
            for node, reason in due.items():
                say(f"{node}: {reason}")
            self._run_called = False
            made |= super().run(**choices | {"node_names": tuple(due)})
            done |= set(due)
            self._stamp()
        ledger.refuse_stale(asked, set(), self.store.get("env"), bool(self.store.get("runtime_params")))
        ledger.settle(asked)
        if not done:
            say("nothing has changed")
        if places := ledger.places(asked):
            with suppress(OSError):  # then the next run looks again
                roots: list[str | Path] = [*places, self._conf_source, self._project_path / "pyproject.toml"]
                write_stamp(stamp, roots, ledger.content)
        return made

    @property
    def _ledger(self) -> Ledger:
        return cast("Ledger", self.load_context().catalog.ledger)  # type: ignore[attr-defined]

    def _stamp(self) -> None:
        self.session_id = generate_timestamp()
        self._store["session_id"] = self.session_id


def lock_folder(project: Path, data: str) -> Path:
    """Return the folder of an environment's locks, which are always files of this machine.

    Examples:
        >>> lock_folder(Path("/shop"), "data").as_posix(), lock_folder(Path("/shop"), "s3://shop").as_posix()
        ('/shop/data/.locks', '/shop/.locks/s3%3A%2F%2Fshop')
    """
    return project / (f".locks/{quote(data, safe='')}" if "://" in data else f"{data}/.locks")


@contextmanager
def lock(place: Path, timeout_s: float) -> Iterator[None]:
    """Hold a lock. Its file says which process holds it, and since when.

    Raises:
        RunLockError: somebody else held it for ``timeout_s`` seconds, or nothing can be locked here.
    """
    from filelock import FileLock  # noqa: PLC0415 # slow, and not always needed

    mine = FileLock(place, fallback_to_soft=False)  # a soft lock would stay after its process was killed
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _acquire(mine, place, timeout_s)
    except (OSError, NotImplementedError) as error:  # the latter is filelock's word for ENOSYS: no locks there
        what = advice(error) or str(error)
        raise RunLockError(f"{place.name} cannot be locked, and nothing was written: {what}") from error
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # the lock holds without that text, too
            place.write_text(f"process {os.getpid()} on {socket.gethostname()} since {now}", encoding="utf-8")
        yield
    finally:
        mine.release()


def _acquire(mine: "BaseFileLock", place: Path, timeout_s: float) -> None:
    from filelock import Timeout  # noqa: PLC0415

    try:
        mine.acquire(timeout=0)
    except Timeout:
        logger.warning(
            "%s is being written by %s; waiting up to %g s", place.name, place.read_text(encoding="utf-8"), timeout_s
        )
        try:
            mine.acquire(timeout=timeout_s)
        except Timeout:
            raise RunLockError(
                f"{place.name} is being written by {place.read_text(encoding='utf-8')}; this run waited "
                f"{timeout_s:g} s and wrote nothing: start it again when that one is over"
            ) from None


def _asked(names: list[str] | None, choices: dict[str, Any]) -> Pipeline:
    """Return the pipeline that a run asks for; an empty one for names that Kedro will refuse."""
    pipelines.set_requested(names)
    names = names or ["__default__"]
    if not set(names) <= set(pipelines):
        return Pipeline([])
    asked = sum((pipelines[name] for name in names), start=Pipeline([]))
    filters = {key: value for key, value in choices.items() if key in FILTERS}
    return asked.filter(node_namespaces=choices.get("namespaces"), **filters)
