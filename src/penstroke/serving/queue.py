"""A bounded queue of rows. All rows that wait are predicted in one call of the model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .model_store import ServedModel

FEW = 16  # up to this many rows are predicted in the event loop: a change of threads takes longer


class FullError(RuntimeError):
    """The queue is full, or the answer took too long."""


class NeverFitsError(ValueError):
    """A request needs more room than the whole queue has."""


@dataclass(frozen=True)
class _Job:
    rows: Any  # accepted rows: an array or a table
    model: ServedModel  # the model in whose form they are
    answer: asyncio.Future[np.ndarray]


class RequestQueue:
    """Rows wait in the queue until those before them are predicted; then all that wait are predicted in one call.

    Few rows are predicted in the event loop at once, more of them in a thread.

    Args:
        room: size of the queue, in rows.
        at_once: largest number of rows per call of the model.
        observe: called with the number of rows of each call.
    """

    def __init__(self, room: int, at_once: int, observe: Callable[[float], None]) -> None:
        self._room, self._at_once, self._observe = room, at_once, observe
        self.inside = 0
        self._waiting = deque[_Job]()
        self._is_due = False  # whether the loop is about to look for rows that wait
        self._is_busy = False  # whether the thread predicts
        self._thread = ThreadPoolExecutor(1, "answers")

    @asynccontextmanager
    async def room(self, rows: int, timeout_s: float) -> AsyncIterator[None]:
        """Reserve room in the queue while the block runs, at most for ``timeout_s``.

        Raises:
            NeverFitsError: the queue is smaller than ``rows``.
            FullError: there is no room now, or the time is over.
        """
        if rows > self._room:
            raise NeverFitsError("it is more work than one request may make; send fewer at once")
        if self.inside + rows > self._room:
            raise FullError("the queue is full")
        self.inside += rows
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise FullError("the answer took too long") from None
        finally:
            self.inside -= rows

    async def answer(self, rows: Any, model: ServedModel) -> np.ndarray:
        """Put accepted rows into the queue and wait for their probabilities, (n, classes).

        A request keeps the model it started with, even if the service loads another one meanwhile.
        """
        loop = asyncio.get_running_loop()
        many = len(rows) > self._at_once
        starts = range(0, len(rows), self._at_once)
        parts = [rows[start : start + self._at_once] for start in starts] if many else [rows]
        jobs = [_Job(part, model, loop.create_future()) for part in parts]
        self._waiting.extend(jobs)
        if not (self._is_due or self._is_busy):
            self._is_due = True
            loop.call_soon(self._start, loop)  # requests that are being read join this call of the model
        try:
            answers = [await job.answer for job in jobs]
        finally:
            for job in jobs:
                job.answer.cancel()  # the parts that still wait, if the request was given up
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Predict what waits: few rows here, more in the thread."""
        self._is_due = False
        while self._waiting and not self._is_busy:
            jobs = self._next()
            if not jobs:
                continue
            count = sum(len(job.rows) for job in jobs)
            self._observe(count)
            if count <= FEW:
                _settle(jobs, _answer(jobs))
            else:
                self._is_busy = True
                loop.run_in_executor(self._thread, _answer, jobs).add_done_callback(
                    lambda done, jobs=jobs: self._finish(loop, jobs, done)  # type: ignore[misc]
                )

    def _next(self) -> list[_Job]:
        """Take the first job, and the following ones of the same model, up to ``at_once`` rows."""
        jobs, count = [self._waiting.popleft()], 0
        count = len(jobs[0].rows)
        while (
            self._waiting
            and self._waiting[0].model is jobs[0].model
            and count + len(self._waiting[0].rows) <= self._at_once
        ):
            jobs.append(self._waiting.popleft())
            count += len(jobs[-1].rows)
        return [job for job in jobs if not job.answer.done()]  # the others were cancelled

    def _finish(
        self, loop: asyncio.AbstractEventLoop, jobs: list[_Job], done: asyncio.Future[np.ndarray | Exception]
    ) -> None:
        self._is_busy = False
        _settle(jobs, done.result())
        self._start(loop)


def _answer(jobs: list[_Job]) -> np.ndarray | Exception:
    try:
        return jobs[0].model.answer(joined([job.rows for job in jobs]))
    except Exception as error:
        return error


def _settle(jobs: list[_Job], result: np.ndarray | Exception) -> None:
    start = 0
    for job in jobs:
        stop = start + len(job.rows)
        if job.answer.done():  # the request was cancelled
            pass
        elif isinstance(result, Exception):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result[start:stop])
        start = stop


def joined(rows: Sequence[Any]) -> Any:
    """Join the rows of several requests, which are all arrays or all tables."""
    if len(rows) == 1:
        return rows[0]
    if isinstance(rows[0], np.ndarray):
        return np.concatenate(rows)
    import pandas as pd  # noqa: PLC0415 # tables exist, so it is imported already

    return pd.concat(rows, ignore_index=True)
