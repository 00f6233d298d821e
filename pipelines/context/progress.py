"""What a run tells whoever watches it: how much is expected, how much is done, why it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what a help text is printed with must not load the exchange
    from connectors.binance.budget import PoolState

LOOK_S = 0.5  # how often the weight is looked at for whoever watches


class Progress:
    """Told by the work as it goes; `pipelines.cli.progress` shows it. `size` is that of the files, in bytes."""

    def expect(self, *, requests: int = 0, rows: int = 0, files: int = 0, size: int = 0) -> None:
        """So much more is planned."""

    def advance(self, *, requests: int = 0, rows: int = 0, files: int = 0, size: int = 0) -> None:
        """So much more is done."""

    def waiting(self, why: str | None) -> None:
        """Why nothing moves, such as a full minute of weight; None when it goes on."""

    def pool(self, used: int, usable: int) -> None:
        """Request weight used this minute, and how much of it may be used."""


class Silent(Progress):
    """Nobody watches."""


@asynccontextmanager
async def following(progress: Progress, state: Callable[[], PoolState]) -> AsyncIterator[None]:
    """Tell whoever watches how the weight of this minute stands and why nothing moves, as long as the work lasts."""

    async def tell() -> None:
        while True:
            pool = state()
            progress.pool(pool.used, pool.usable)
            progress.waiting(pool.waiting)
            await asyncio.sleep(LOOK_S)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
