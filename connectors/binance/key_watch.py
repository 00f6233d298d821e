"""A key that was let in is not let in for ever: it is looked at again while it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

HOUR_S = 3600.0


class KeyWatch:
    """Looks at a key again before a signed call, once the last look is an hour old; nothing is signed if it fails."""

    def __init__(self, look: Callable[[], Awaitable[object]], clock: Callable[[], float]) -> None:
        self.every_s = HOUR_S
        self._look = look
        self._clock = clock
        self._looked_s = clock()
        self._looking = asyncio.Lock()
        self._looker: asyncio.Task[object] | None = None

    async def renew(self) -> None:
        """Return as soon as the key was looked at within the hour; raise what the look raises."""
        if self._is_fresh() or self._looker is asyncio.current_task():  # the calls of the look itself
            return
        async with self._looking:
            if self._is_fresh():
                return
            self._looker = asyncio.current_task()
            try:
                await self._look()
                self._looked_s = self._clock()
            finally:
                self._looker = None

    async def look_again(self) -> None:
        """Look at the key now, however fresh the last look is; raise what the look raises."""
        self._looked_s = float("-inf")
        await self.renew()

    def _is_fresh(self) -> bool:
        return self._clock() - self._looked_s < self.every_s
