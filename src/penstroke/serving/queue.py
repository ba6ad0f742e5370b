"""A bounded queue of rows. One thread takes all rows that wait and predicts them in one call of the model."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .model_store import ServedModel


class FullError(RuntimeError):
    """The queue is full, or the answer took too long."""


class NeverFitsError(ValueError):
    """A request needs more room than the whole queue has."""


@dataclass(frozen=True)
class _Job:
    rows: pd.DataFrame  # accepted rows
    model: ServedModel  # the model in whose form they are
    answer: asyncio.Future[np.ndarray]
    loop: asyncio.AbstractEventLoop


class RequestQueue:
    """Rows wait in the queue until one thread predicts them.

    Args:
        room: size of the queue, in rows.
        at_once: largest number of rows per call of the model.
        observe: called with the number of rows of each call.
    """

    def __init__(self, room: int, at_once: int, observe: Callable[[float], None]) -> None:
        self._room, self._at_once, self._observe = room, at_once, observe
        self.inside = 0
        self._waiting: deque[_Job | None] = deque()
        self._arrived = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

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

    async def answer(self, rows: pd.DataFrame, model: ServedModel) -> np.ndarray:
        """Put accepted rows into the queue and wait for their predictions; see :func:`penstroke.answers.ask`.

        A request keeps the model it started with, even if the service loads another one meanwhile.
        """
        loop = asyncio.get_running_loop()
        many = len(rows) > self._at_once
        starts = range(0, len(rows), self._at_once)
        parts = [rows[start : start + self._at_once] for start in starts] if many else [rows]
        jobs = [_Job(part, model, loop.create_future(), loop) for part in parts]
        for job in jobs:
            self._waiting.append(job)
            self._arrived.release()
        answers = [await job.answer for job in jobs]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    def close(self) -> None:
        """Answer all rows that wait, then stop the thread."""
        self._waiting.append(None)
        self._arrived.release()
        self._thread.join()

    def _work(self) -> None:
        while job := self._next():
            jobs, count = [job], len(job.rows)
            while (
                self._waiting
                and (following := self._waiting[0])
                and following.model is job.model
                and count + len(following.rows) <= self._at_once
            ):
                self._arrived.acquire()
                self._waiting.popleft()
                jobs.append(following)
                count += len(following.rows)
            self._observe(count)
            self._answer(job.model, [job for job in jobs if not job.answer.cancelled()])

    def _next(self) -> _Job | None:
        self._arrived.acquire()
        return self._waiting.popleft()

    def _answer(self, model: ServedModel, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            tables = [job.rows for job in jobs]
            answers = model.answer(tables[0] if len(tables) == 1 else _joined(tables))
        except Exception as error:
            for job in jobs:
                job.loop.call_soon_threadsafe(_settle, job.answer, error)
            return
        start = 0
        for job in jobs:
            part = answers[start : start + len(job.rows)]
            job.loop.call_soon_threadsafe(_settle, job.answer, part)
            start += len(part)


def _settle(answer: asyncio.Future[np.ndarray], result: np.ndarray | Exception) -> None:
    if answer.done():  # the request was cancelled
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Join tables with the same columns; numbers are joined as arrays, since pandas takes longer than the model."""
    arrays = [table.to_numpy() for table in tables]
    if arrays[0].dtype == object:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame(np.concatenate(arrays), columns=tables[0].columns)
