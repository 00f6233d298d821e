"""Many requests at once, their answers in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from itertools import islice
from typing import Any, TypeVar

from schemas.model.errors import Problem

AHEAD = 60  # items in flight or waiting for their turn; bounds memory, three times the connections
GRACE_S = 5.0  # how long a stop waits for answers on their way

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    items: Iterable[Item],
    fetch: Callable[[Item], Awaitable[Result]],
    stop: asyncio.Event,
    *,
    limit: int = AHEAD,
    grace_s: float = GRACE_S,
) -> AbstractAsyncContextManager[AsyncGenerator[tuple[Item, Result | Problem], None]]:
    """Fetch many items at once; the block gets them in order, each with its result or its problem.

    A fatal problem is raised in its place. Once `stop` is set nothing more is asked, and what is on its way gets
    `grace_s` seconds to arrive. What does not come in them is left out, and what came behind it is handed out all the
    same.
    """
    return aclosing(_in_order(items, fetch, stop, limit, grace_s))


async def attempted(fetch: Callable[[Item], Awaitable[Result]], item: Item) -> Result | Exception:
    """What came for an item, or what happened instead: also what is no Problem."""
    try:
        return await fetch(item)
    except Exception as error:  # noqa: BLE001 - told where the series is known
        return error


async def _in_order(
    items: Iterable[Item],
    fetch: Callable[[Item], Awaitable[Result]],
    stop: asyncio.Event,
    limit: int,
    grace_s: float,
) -> AsyncGenerator[tuple[Item, Result | Problem], None]:
    waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
    remaining = iter(items)
    over: asyncio.Future[Any] = asyncio.ensure_future(_over(stop, grace_s))
    left: list[asyncio.Future[Any]] = [over]
    try:
        while True:
            for item in () if stop.is_set() else islice(remaining, limit - len(waiting)):
                waiting.append((item, asyncio.ensure_future(fetch(item))))
                left.append(waiting[-1][1])
            if not waiting:
                return
            item, future = waiting.popleft()
            await asyncio.wait({future, over}, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                left.remove(future)
                yield item, _outcome(future)
    finally:
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _over(stop: asyncio.Event, grace_s: float) -> None:
    """Once stopping is wished for, wait as long as an answer on its way may take."""
    await stop.wait()
    await asyncio.sleep(grace_s)


def _outcome(future: asyncio.Future[Any]) -> Any:
    try:
        return future.result()
    except Problem as problem:
        if problem.fatal:
            raise
        return problem
