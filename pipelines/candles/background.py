"""Batches on their way into the lake: one lands in the background while the next one is gathered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pipelines.candles.commits import Batch, Commits
from pipelines.context.receipts import Tally
from schemas.model.errors import Problem


@dataclass(slots=True)
class Landing:
    """Lands what is gathered in `batch`, in order, and counts the rows that each batch added.

    A batch that failed is kept, so that no later one lands with a hole before it. A run that is cancelled leaves a
    commit alone, and waits for it before it ends.
    """

    commits: Commits
    tally: Tally
    batch: Batch = field(default_factory=Batch)
    _before: asyncio.Future[int] | None = None

    async def flush(self, now: int) -> None:
        """Begin to commit what was gathered, once the batch before has landed."""
        await self._settle()
        batch, self.batch = self.batch, Batch()
        self._before = asyncio.get_running_loop().run_in_executor(None, self.commits.land, batch, now)

    async def rest(self, now: int, over: BaseException | None) -> Problem | None:
        """Land all there is. After an exception that is `over` the work, a problem of landing is returned beside it."""
        try:
            await self.flush(now)
            await self._settle()
        except Problem as problem:
            if over is None:
                raise
            return None if problem is over else problem
        return None

    async def _settle(self) -> None:
        if self._before is not None:
            await asyncio.wait({self._before})  # which does not cancel it
            self.tally.rows += self._before.result()
            self._before = None
