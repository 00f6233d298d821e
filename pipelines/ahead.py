"""Many requests at once, their answers in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from schemas.errors import Problem

AHEAD = 60  # items in flight or waiting for their turn; bounds memory, three times the connections
GRACE_S = 5.0  # how long a stop waits for answers on their way

Item = TypeVar("Item")
Result = TypeVar("Result")


async def ahead(
    items: Iterable[Item], fetch: Callable[[Item], Awaitable[Result]], stop: asyncio.Event, limit: int = AHEAD
) -> AsyncGenerator[tuple[Item, Result | Problem], None]:
    """Fetch many items at once and hand them out in order, each with its result or its problem.

    Once `stop` is set nothing more is asked, and what is on its way gets a moment to arrive.
    """
    waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
    remaining = iter(items)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while True:
            for item in () if stop.is_set() else islice(remaining, limit - len(waiting)):
                waiting.append((item, asyncio.ensure_future(fetch(item))))
            if not waiting or not await _in_time(waiting[0][1], stopping):
                return
            item, future = waiting.popleft()
            result: Result | Problem = _outcome(future)
            yield item, result
    finally:
        left: list[asyncio.Future[Any]] = [stopping, *(future for _, future in waiting)]
        for future in left:
            future.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _in_time(future: asyncio.Future[Any], stopping: asyncio.Future[Any]) -> bool:
    """Wait for a result; once stopping is wished for, only as long as an answer on its way may take."""
    await asyncio.wait({future, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not future.done():
        await asyncio.wait({future}, timeout=GRACE_S)
    return future.done()


def _outcome(future: asyncio.Future[Any]) -> Any:
    try:
        return future.result()
    except Problem as problem:
        return problem
