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
        if self._is_fresh() or self.is_looking:
            return
        async with self._looking:
            if not self._is_fresh():
                await self._look_now()

    async def look_again(self) -> None:
        """Look at the key now, once for all who ask meanwhile; raise what the look raises."""
        asked_s = self._clock()
        async with self._looking:
            if self._looked_s <= asked_s:
                await self._look_now()

    @property
    def is_looking(self) -> bool:
        """Whether the call that is made now is one of the look itself."""
        return self._looker is asyncio.current_task()

    async def _look_now(self) -> None:
        self._looker = asyncio.current_task()
        try:
            await self._look()
            self._looked_s = self._clock()
        finally:
            self._looker = None

    def _is_fresh(self) -> bool:
        return self._clock() - self._looked_s < self.every_s
