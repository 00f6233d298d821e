"""Many requests at once: in order, bounded, and nothing that arrived is lost when a stop is wished for."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.concurrency import prefetch
from schemas.model.errors import Problem, TryLater

NEVER = -1


async def answer(item: int) -> int:
    if item == NEVER:
        await asyncio.Event().wait()
    if item % 10 == 7:
        raise Problem(f"{item} is refused.")
    return item * 10


async def test_answers_come_in_order_and_problems_in_their_place() -> None:
    """Each item comes with its result, or with the problem it met, in the order asked."""
    async with prefetch(range(5, 9), answer, asyncio.Event()) as answers:
        told = [(item, str(result)) async for item, result in answers]
    assert told == [(5, "50"), (6, "60"), (7, "7 is refused."), (8, "80")]


async def test_never_more_are_asked_than_allowed() -> None:
    """What waits for its turn counts as well, so that memory is bounded."""
    asked: list[int] = []

    async def fetch(item: int) -> int:
        asked.append(item)
        return item

    async with prefetch(range(20), fetch, asyncio.Event(), limit=3) as answers:
        async for item, _ in answers:
            assert len(asked) <= item + 3
    assert asked == list(range(20))


async def test_a_stop_loses_nothing_that_arrived() -> None:
    """One that does not come in time is left out; those behind it are handed out, and no more are asked."""
    stop = asyncio.Event()
    told = []
    async with prefetch([1, NEVER, 2, 3, 4], answer, stop, limit=4, grace_s=0.01) as answers:
        async for item, _ in answers:
            told.append(item)
            stop.set()
    assert told == [1, 2, 3]


async def test_a_fatal_problem_is_raised_in_its_place() -> None:
    """What came before it is handed out, and what is on its way is called back."""
    told, called_back = [], asyncio.Event()

    async def fetch(item: int) -> int:
        if item == 2:
            raise TryLater("Banned for an hour.")
        try:
            return await answer(item)
        except asyncio.CancelledError:
            called_back.set()
            raise

    async def take() -> None:
        async with prefetch([1, 2, NEVER], fetch, asyncio.Event()) as answers:
            async for item, _ in answers:
                told.append(item)

    with pytest.raises(TryLater):
        await take()
    assert told == [1]
    assert called_back.is_set()
