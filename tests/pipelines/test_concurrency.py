"""Many requests at once: in order, bounded, and nothing that arrived is lost when a stop is wished for."""

from __future__ import annotations

import asyncio

import pytest

from pipelines import concurrency as requests
from pipelines.concurrency import ahead
from schemas.model.errors import Problem

NEVER = -1


async def answer(item: int) -> int:
    if item == NEVER:
        await asyncio.Event().wait()
    if item % 10 == 7:
        raise Problem(f"{item} is refused.")
    return item * 10


async def test_answers_come_in_order_and_problems_in_their_place() -> None:
    """Each item comes with its result, or with the problem it met, in the order asked."""
    told = [(item, str(result)) async for item, result in ahead(range(5, 9), answer, asyncio.Event())]
    assert told == [(5, "50"), (6, "60"), (7, "7 is refused."), (8, "80")]


async def test_never_more_are_asked_than_allowed() -> None:
    """What waits for its turn counts as well, so that memory is bounded."""
    asked: list[int] = []

    async def fetch(item: int) -> int:
        asked.append(item)
        return item

    async for item, _ in ahead(range(20), fetch, asyncio.Event(), limit=3):
        assert len(asked) <= item + 3
    assert asked == list(range(20))


async def test_a_stop_loses_nothing_that_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not come in time is left out; those behind it are handed out, and no more are asked."""
    monkeypatch.setattr(requests, "GRACE_S", 0.01)
    stop = asyncio.Event()
    told = []
    async for item, _ in ahead([1, NEVER, 2, 3, 4], answer, stop, limit=4):
        told.append(item)
        stop.set()
    assert told == [1, 2, 3]
