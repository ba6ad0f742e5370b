"""Rows wait in a bounded queue, and all that wait are predicted in one call."""

import asyncio
import threading

import numpy as np
import pytest

from penstroke.serving.queue import FEW, FullError, NeverFitsError, RequestQueue


class Model:
    """It answers each row by its double, and notes how many rows each call had, and in which thread."""

    def __init__(self):
        self.calls, self.threads = [], []

    def answer(self, rows):
        self.calls.append(len(rows))
        self.threads.append(threading.current_thread().name)
        if (rows < 0).any():
            raise ValueError("a row is below 0")
        return 2 * rows


@pytest.fixture
def sizes():
    return []


@pytest.fixture
def queue(sizes):
    queue = RequestQueue(100, 50, sizes.append)
    yield queue
    queue.close()


def _rows(count, value=1):
    return np.full((count, 2), value)


def test_requests_that_wait_are_answered_in_one_call(queue, sizes):
    model = Model()

    async def ask():
        return await asyncio.gather(*(queue.answer(_rows(count, count), model) for count in (1, 2, 3)))

    answers = asyncio.run(ask())

    assert [answer.tolist() for answer in answers] == [_rows(count, 2 * count).tolist() for count in (1, 2, 3)]
    assert model.calls == sizes == [6]


def test_few_rows_are_predicted_at_once_and_many_in_a_thread(queue):
    model = Model()

    asyncio.run(queue.answer(_rows(FEW), model))
    asyncio.run(queue.answer(_rows(FEW + 1), model))

    assert model.threads[0] == threading.current_thread().name
    assert model.threads[1].startswith("answers")


def test_requests_that_come_while_the_thread_predicts_are_answered_after_it(queue):
    """Rows of the second request wait until the first one is answered; both get their own answers."""
    model = Model()

    async def ask():
        first = asyncio.create_task(queue.answer(_rows(40, 3), model))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the thread has begun
        return await asyncio.gather(first, queue.answer(_rows(2, 5), model))

    first, second = asyncio.run(ask())

    assert (first == 6).all()
    assert (second == 10).all()
    assert model.calls == [40, 2]


def test_more_rows_than_a_call_may_have_are_divided(queue, sizes):
    answer = asyncio.run(queue.answer(np.arange(240).reshape(120, 2), Model()))

    np.testing.assert_array_equal(answer, 2 * np.arange(240).reshape(120, 2))
    assert sizes == [50, 50, 20]


@pytest.mark.parametrize("count", [1, 40])
def test_an_error_reaches_the_requests_of_its_call_and_no_later_one(queue, count):
    model = Model()

    async def ask():
        wrong = await asyncio.gather(
            queue.answer(_rows(count), model), queue.answer(_rows(1, -1), model), return_exceptions=True
        )
        return wrong, await queue.answer(_rows(1), model)

    wrong, right = asyncio.run(ask())

    assert [str(error) for error in wrong] == ["a row is below 0"] * 2
    assert (right == 2).all()


def test_a_request_that_was_given_up_costs_no_call(queue):
    model = Model()

    async def ask():
        given_up = asyncio.create_task(queue.answer(_rows(3), model))
        await asyncio.sleep(0)
        given_up.cancel()
        return await queue.answer(_rows(2), model)

    assert asyncio.run(ask()).tolist() == _rows(2, 2).tolist()
    assert model.calls == [2]


def test_the_parts_of_a_request_that_was_given_up_cost_no_further_call(queue):
    model = Model()

    async def ask():
        given_up = asyncio.create_task(queue.answer(_rows(100), model))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the thread predicts the first part
        given_up.cancel()
        return await queue.answer(_rows(2), model)

    assert asyncio.run(ask()).tolist() == _rows(2, 2).tolist()
    assert model.calls == [50, 2]


def test_a_full_queue_refuses_and_has_room_again_afterwards(queue):
    async def fill():
        async with queue.room(60, 5):
            with pytest.raises(FullError, match="the queue is full"):
                async with queue.room(41, 5):
                    pass
        async with queue.room(100, 5):
            return queue.inside

    assert asyncio.run(fill()) == 100
    assert queue.inside == 0


def test_a_request_larger_than_the_queue_is_refused(queue):
    async def ask():
        async with queue.room(101, 5):
            pass

    with pytest.raises(NeverFitsError, match="more work than one request may make"):
        asyncio.run(ask())


def test_an_answer_that_takes_too_long_is_given_up(queue):
    async def ask():
        async with queue.room(1, 0.01):
            await asyncio.sleep(5)

    with pytest.raises(FullError, match="the answer took too long"):
        asyncio.run(ask())
