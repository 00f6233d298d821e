"""Months that turned out wrong, loaded again on demand: every candle asked for anew and held against the stored one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.archive.inventory import shelf_of
from pipelines.archive.load import Loaded
from pipelines.archive.provenance import note_files
from pipelines.candles.answer import LAG_US
from pipelines.candles.pull import Pull
from pipelines.candles.renewal import renew
from pipelines.context.reloads import reload_covered
from pipelines.store.gaps import Asked
from schemas.model.errors import Problem
from schemas.model.grid import Grid
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class Reload:
    """Loads the covered part of [since, until) again, month by month.

    The exchange itself is asked, whose word decides where the archive is in doubt; the archive only for symbols that
    the exchange has forgotten, and with `source: archive`.
    """

    pull: Pull  # of the series, from an instant on
    until: int

    async def run(self) -> None:
        """Load each series again; one that fails stops no other, unless the next would fail as well."""
        pull = self.pull
        await reload_covered(pull.session, pull.tally, pull.dataset, pull.series, pull.since, self.until, self._series)

    async def _series(self, series: Series, since: int, until: int) -> None:
        for month in _months(since, until):
            if not self.pull.session.stop.is_set():
                await self._month(series, *month)

    async def _month(self, series: Series, since: int, until: int) -> None:
        loaded = await self._asked_again(series, since, until)
        now = self.pull.session.client.now_us()
        renewed = await asyncio.to_thread(
            renew, self.pull.session.lake, series, loaded.rows, since, min(until, now - LAG_US), now, loaded.asked
        )
        if renewed is None:
            raise Problem("Another process moved this series meanwhile; run the same command again.")
        await asyncio.to_thread(note_files, self.pull.session.lake, loaded.files, now)
        if renewed.removed and not loaded.asked.unanswered:
            self.pull.session.note(f"{series.name}: {renewed.removed:,} stored candles did not come again, and stay.")
        self.pull.tally.rows += renewed.rows
        for gap in loaded.asked.unanswered[:1]:
            told = gap.evidence
            raise Problem(f"{told['asked']} is {gap.reason} ({told['reason']}): {told['detail']}.")

    async def _asked_again(self, series: Series, since: int, until: int) -> Loaded:
        archive = self.pull.session.archive
        if archive is None or not self.pull.fetcher.strict(series):
            rows = await self.pull.fetcher.returned(series, since, until)
            return Loaded(rows, Asked.of_exchange(series))
        shelf = await shelf_of(archive, series, since, only=True)
        return await self.pull.fetcher.from_shelf(shelf, since, until)


def _months(since: int, until: int) -> Iterator[tuple[int, int]]:
    """[since, until) cut at the turn of each month."""
    grid = Grid.of("1M")
    while since < until:
        end = min(grid.step(grid.floor(since), 1), until)
        yield since, end
        since = end
