"""Trades that turned out wrong, loaded again on demand: out of the archive's files, and over REST where it has none.

A month may lack rows that its days have, so these come first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import Remote
from pipelines.archive.inventory import shelf_of_days
from pipelines.concurrency import prefetch
from pipelines.context.reloads import reload_covered
from pipelines.ticks.asking import Asking, oldest_asked, told_of, windows
from pipelines.ticks.earlier import back
from pipelines.ticks.files import streams
from pipelines.ticks.pull import TickPull
from pipelines.ticks.republished import Again, file_again
from schemas.model.errors import Problem
from schemas.model.instants import utc_text
from schemas.model.series import Series

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TickReload:
    """Loads the covered part of [since, until) again, and holds each trade against the stored one of its id."""

    pull: TickPull  # of the series, from an instant on
    until: int

    async def run(self) -> None:
        """Load each series again; one that fails stops no other, unless the next would fail as well."""
        pull = self.pull
        await reload_covered(pull.session, pull.tally, pull.dataset, pull.series, pull.since, self.until, self._series)

    async def _series(self, series: Series, since: int, until: int) -> None:
        archive, unfiled = self.pull.session.archive, [(since, until)]
        if archive is not None and self.pull.source != "rest":
            shelf = await shelf_of_days(archive, series, since, until)
            stretches = list(back(shelf, since, until))[::-1]
            await self._files(archive, [one.remote for one in stretches if one.remote is not None])
            unfiled = _joined([(one.since, one.until) for one in stretches if one.remote is None])
        for span in unfiled:
            if not self.pull.session.stop.is_set():
                await self._asked(series, *span)

    async def _files(self, archive: Archive, remotes: list[Remote]) -> None:
        session = self.pull.session
        session.progress.expect(files=len(remotes), size=sum(remote.size for remote in remotes))
        async with streams(archive, remotes, session.stop) as files:
            async for remote, parts in files:
                rows, file = await file_again(session, remote, parts)
                self.pull.tally.add(rows)
                if session.stop.is_set():
                    return
                if file is None:
                    raise Problem("Another process moved this series meanwhile; run the same command again.")
                if not file.is_whole:
                    raise Problem(f"{file.path} is {file.reason}: {file.detail}.", "What is stored stays.")
                session.progress.advance(files=1, size=remote.size)

    async def _asked(self, series: Series, since: int, until: int) -> None:
        """Ask the exchange for what no file holds, as far as it returns that."""
        session, asking = self.pull.session, Asking(self.pull.session)
        can = not self.pull.alone(series) and asking.can(series)
        begin = min(max(since, oldest_asked(series, session.client.now_us())), until) if can else until
        if begin < until:
            again, ids = Again(session, series, begin, until, told_of(series)), await self._ids(series, begin, until)
            pages = windows(series, *ids)
            session.progress.expect(requests=len(pages))
            async with prefetch(pages, asking.window, session.stop) as answers:
                async for _, rows in answers:
                    if isinstance(rows, Problem):
                        raise rows
                    await asyncio.to_thread(again.compare, rows)
            self.pull.tally.add(await asyncio.to_thread(again.finish))
        if since < begin:
            raise Problem(
                f"It was not loaded again from {utc_text(since)} to {utc_text(begin)}: the archive has no file of that "
                "time, and the exchange does not return it.",
                "What is stored stays.",
            )

    async def _ids(self, series: Series, since: int, until: int) -> Span:
        """The covered ids of a covered stretch."""
        bounds = self.pull.session.lake.table(series.dataset).bounds()
        covered = series.bound("since_id", bounds) or 0, series.bound("until_id", bounds) or 0
        asking = Asking(self.pull.session)
        first, end = await asking.first_id(series, since), await asking.first_id(series, until)
        return max(covered[0], first or 0), covered[1] if end is None else min(covered[1], end)


def _joined(spans: list[Span]) -> list[Span]:
    """Stretches that touch, as one."""
    joined: list[Span] = []
    for since, until in spans:
        if joined and joined[-1][1] == since:
            joined[-1] = joined[-1][0], until
        else:
            joined.append((since, until))
    return joined
