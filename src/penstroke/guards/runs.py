"""Runs that do not mix: each holds a lock on every dataset that it writes."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline

from .files import sweep

FILTERS = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")
logger = logging.getLogger(__name__)


class RunLockError(RuntimeError):
    """Another run writes what this one would write."""


class GuardedSession(KedroSession):
    """A session whose run waits until no other run writes any of its datasets; two that write others go on at once.

    The locks lie in ``<data>/.locks``, where ``globals.yml`` says what ``data`` is and how long to wait
    (``lock_timeout_s``). They are the operating system's, so those of a process that has died are free.
    """

    def run(self, pipeline_name: str | None = None, **choices: Any) -> dict[str, Any]:  # type: ignore[override]
        """Run as Kedro does, once all locks are had.

        Raises:
            RunLockError: another run has held one of them for as long as this one may wait.
        """
        names = choices.pop("pipeline_names", None) or ([pipeline_name] if pipeline_name else None)
        with self.holding(_written(names, choices)):
            # versions follow the order in which runs wrote, not that in which they were asked for
            self.session_id = generate_timestamp()
            self._store["session_id"] = self.session_id
            return super().run(pipeline_names=names, **choices)

    @contextmanager
    def holding(self, datasets: list[str]) -> Iterator[None]:
        """Hold the locks of datasets, as a run does that writes them.

        Raises:
            RunLockError: a run has held one of them for as long as this session may wait.
        """
        places = self._get_config_loader()["globals"]
        folder = self._project_path / str(places["data"]) / ".locks"
        with ExitStack() as held:
            for dataset in sorted(datasets):  # so that no two sessions can wait for each other
                held.enter_context(lock(folder / dataset, float(places["lock_timeout_s"])))
            yield


class SweepHooks:
    """Remove what killed runs left of the files that this run will write."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Sweep, while the locks are held."""
        for name in pipeline.all_outputs():
            dataset = catalog.get(name)
            if getattr(dataset, "_protocol", None) == "file":
                sweep(Path(getattr(dataset, "_filepath")))  # noqa: B009 - every file of Kedro has one, by convention


@contextmanager
def lock(place: Path, timeout_s: float) -> Iterator[None]:
    """Hold a lock, whose file says who holds it and since when.

    Raises:
        RunLockError: somebody else has held it for ``timeout_s`` seconds.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    mine = FileLock(place)
    try:
        mine.acquire(timeout=0)
    except Timeout:
        logger.warning("%s is being written by %s; waiting up to %g s", place.name, place.read_text(), timeout_s)
        try:
            mine.acquire(timeout=timeout_s)
        except Timeout:
            raise RunLockError(
                f"{place.name} is being written by {place.read_text()}; this run waited {timeout_s:g} s and wrote "
                "nothing: start it again when that one is over"
            ) from None
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        place.write_text(f"process {os.getpid()} on {socket.gethostname()} since {now}")
        yield
    finally:
        mine.release()


def _written(names: list[str] | None, choices: dict[str, Any]) -> list[str]:
    """Name the datasets that a run would write, in order; none for pipelines that Kedro will refuse."""
    pipelines.set_requested(names)
    names = names or ["__default__"]
    if not set(names) <= set(pipelines):
        return []
    asked = sum((pipelines[name] for name in names), start=Pipeline([]))
    filters = {key: value for key, value in choices.items() if key in FILTERS}
    return sorted(asked.filter(node_namespaces=choices.get("namespaces"), **filters).all_outputs())
