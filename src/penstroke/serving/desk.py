"""A bounded queue of images before one thread, which answers whatever waits in one call of the model."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from .production import Production


class FullError(RuntimeError):
    """There is no room in the queue, or the answer did not come in time."""


class NeverFitsError(ValueError):
    """A request asks for more than the queue can hold, however long it waits."""


@dataclass(frozen=True)
class _Job:
    images: np.ndarray
    model: Production  # for which they were framed
    answer: asyncio.Future[np.ndarray]
    loop: asyncio.AbstractEventLoop


class Desk:
    """Where images wait, and are answered.

    Args:
        room: images that may be here at once.
        at_once: images that the model is asked about in one call.
        observe: told how many images a call answered.
    """

    def __init__(self, room: int, at_once: int, observe: Callable[[float], None]) -> None:
        self._room, self._at_once, self._observe = room, at_once, observe
        self.inside = 0
        self._waiting: deque[_Job | None] = deque()
        self._arrived = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)
        self._thread.start()

    @asynccontextmanager
    async def room(self, images: int, timeout_s: float) -> AsyncIterator[None]:
        """Hold room for some images, for as long as their answer may take.

        Raises:
            NeverFitsError: there never is so much.
            FullError: there is none, or the time is over.
        """
        if images > self._room:
            raise NeverFitsError("it is more work than one request may make; send fewer images at once")
        if self.inside + images > self._room:
            raise FullError("the queue is full")
        self.inside += images
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise FullError("the answer took too long") from None
        finally:
            self.inside -= images

    async def answer(self, images: np.ndarray, model: Production) -> np.ndarray:
        """Wait for the answer of a model to images, (n, height, width) in the form that it takes: (n, classes).

        Each request keeps the model that it began with, also where another one takes over while it waits.

        Raises:
            ValueError: a pixel lies outside the scale.
        """
        loop = asyncio.get_running_loop()
        parts = [images[start : start + self._at_once] for start in range(0, len(images), self._at_once)]
        jobs = [_Job(part, model, loop.create_future(), loop) for part in parts]
        for job in jobs:
            self._waiting.append(job)
            self._arrived.release()
        return np.concatenate([await job.answer for job in jobs])

    def close(self) -> None:
        """End the thread once what waits is answered."""
        self._waiting.append(None)
        self._arrived.release()
        self._thread.join()

    def _work(self) -> None:
        while job := self._next():
            jobs, count = [job], len(job.images)
            while (
                self._waiting
                and (following := self._waiting[0])
                and following.model is job.model
                and count + len(following.images) <= self._at_once
            ):
                self._arrived.acquire()
                self._waiting.popleft()
                jobs.append(following)
                count += len(following.images)
            self._observe(count)
            self._answer(job.model, [job for job in jobs if not job.answer.cancelled()])

    def _next(self) -> _Job | None:
        self._arrived.acquire()
        return self._waiting.popleft()

    def _answer(self, model: Production, jobs: list[_Job]) -> None:
        try:
            probabilities = model.answer(np.concatenate([job.images for job in jobs])) if jobs else np.empty(0)
        except Exception as error:
            for job in jobs:
                job.loop.call_soon_threadsafe(_settle, job.answer, error)
            return
        start = 0
        for job in jobs:
            part = probabilities[start : start + len(job.images)]
            job.loop.call_soon_threadsafe(_settle, job.answer, part)
            start += len(part)


def _settle(answer: asyncio.Future[np.ndarray], result: np.ndarray | Exception) -> None:
    if answer.done():  # who asked is gone
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
