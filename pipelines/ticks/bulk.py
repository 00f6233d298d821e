"""Closed days of trades out of the archive's files, as they are unpacked: in order, and joined by id without a seam.

What the files lack is asked of the exchange where it returns rows of that age, and is a gap otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.files import Remote
from pipelines.archive.inventory import PUBLISHED_US, Shelf, days_of, next_day, with_unlisted
from pipelines.archive.load import MOST_HOLES
from pipelines.candles.coverage import Step
from pipelines.context.session import Session
from pipelines.store.rows import instants
from pipelines.ticks.asking import Asking, told_of, walk_of, windows
from pipelines.ticks.files import Parts, streams
from pipelines.ticks.holes import between, ids_of, next_id, ordered, skipped
from pipelines.ticks.second_looks import Look
from pipelines.ticks.stand import Stand
from schemas.datasets.archive import Reason
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US
from schemas.model.series import Series

NEVER = 2**62
NOT_GIVEN = {Reason.MISSING, Reason.REFUSED}

Add = Callable[[Stand, Step], Awaitable[None]]


def is_worth(since: int, until: int, *, alone: bool) -> bool:
    """Whether a whole day that is over lacks between two instants; of one where nobody else is asked a part will do."""
    over = until - until % DAY_US - since
    return over > 0 if alone else over >= DAY_US


def files_of(shelf: Shelf, since: int, until: int, now: int, *, alone: bool) -> Iterator[Remote]:
    """The files of [since, until): months, and days of what they leave out.

    A day that is missing ends them where nobody else can be asked and its file may still come.
    """
    while since < min(until, shelf.last_us or 0):
        remote = shelf.monthly(since) or shelf.daily(since)
        if remote is not None:
            yield remote
        elif alone and since > now - PUBLISHED_US:
            return
        since = remote.file.until_us if remote is not None else next_day(since)


def pass_over(session: Session, file: Fetched) -> None:
    """Go on behind a file that cannot be read, where nobody else can be asked: what follows shows which ids it had.

    Raises Problem for one that did not come, or may soon be mended.
    """
    told = f"{file.path} is {file.reason}: {file.detail}"
    if file.reason in NOT_GIVEN or session.client.now_us() < file.file.until_us + PUBLISHED_US:
        raise Problem(f"{told}.", "Run again once it is published anew.")
    session.note(f"{told}. Its trades are missing until maintenance finds that it was published anew.")


@dataclass(slots=True)
class Bulk:
    """Loads the files of one series after another."""

    session: Session
    archive: Archive
    stands: dict[Series, Stand]
    add: Add  # gathers a step, behind which the series stands from then on
    done: Callable[[Fetched], None]  # is told what became of each file
    alone: bool  # nothing but the archive may be asked
    until: int  # where what is wanted ends
    _spare: int = 0  # short holes of a file that may still be asked for at once; others wait for a second look

    async def load(self, shelf: Shelf) -> None:
        """Bring a series as far as the archive has files."""
        series = shelf.series
        now, stand = self.session.client.now_us(), self.stands[series]
        since = max(stand.until, shelf.first_us or 0) if stand.is_new else stand.until
        if not self._returns_all(series):
            shelf = await with_unlisted(self.archive, shelf, [(since, min(self.until, shelf.last_us or 0))])
        remotes = list(files_of(shelf, since, self.until, now, alone=not self._returns_all(series)))
        self.session.progress.expect(files=len(remotes), size=sum(remote.size for remote in remotes))
        await self._files(series, remotes)

    async def _files(self, series: Series, remotes: Sequence[Remote]) -> None:
        async with streams(self.archive, remotes, self.session.stop) as files:
            async for remote, parts in files:
                await self._file(series, remote, parts)
                if self.session.stop.is_set():
                    return

    def _returns_all(self, series: Series) -> bool:
        """Whether the exchange can be asked for what files lack, whatever its age."""
        return not self.alone and walk_of(series).kept is None and Asking(self.session).can(series)

    async def _file(self, series: Series, remote: Remote, parts: Parts) -> None:
        self._spare = MOST_HOLES
        async for part in parts:
            if isinstance(part, pa.Table):
                await self._rows(series, ordered(part), remote)
                if self.session.stop.is_set():
                    return
            else:
                await self._over(series, remote, part)
        self.session.progress.advance(files=1, size=remote.size)

    async def _over(self, series: Series, remote: Remote, fetched: Fetched) -> None:
        """All of a file came, or why it did not; a month that is set aside has days."""
        self.done(fetched)
        if fetched.is_whole:
            stand = self.stands[series]
            if not stand.is_new:
                now, empty = self.session.client.now_us(), series.dataset.schema.empty_table()
                reached = min(remote.file.until_us, self.until)
                await self.add(stand, stand.forward(empty, stand.until_id, reached, remote.path, now))
            return
        days: list[Remote] = []
        if remote.file.is_monthly:
            since = max(remote.file.since_us, self.stands[series].until)
            shelf = await days_of(self.archive, series, since, remote.file.until_us)
            days = list(shelf.files.values())
        if not days and not self._returns_all(series):
            pass_over(self.session, fetched)
        await self._files(series, days)

    async def _rows(self, series: Series, rows: pa.Table, remote: Remote) -> None:
        now, rows = self.session.client.now_us(), _before(rows, self.until)
        if self.stands[series].is_new:
            rows = await self._begun(series, rows, remote)
        await self._out_of_turn(series, rows, now)
        stand = self.stands[series]
        rows, page = between(rows, stand.until_id, NEVER), Asking(self.session).page_rows(series)
        for first, last in skipped(ids_of(rows), stand.until_id, next_id(rows, stand.until_id)):
            if (last - first >= page or self._spare > 0) and self._returns_all(series):
                self._spare -= 1
                await self._taken(series, between(rows, 0, first), first, remote.path)
                async for found, end in self._asked(series, first, last + 1):
                    await self._taken(series, found, end, told_of(series))
        await self._taken(series, rows, next_id(rows, stand.until_id), remote.path)

    async def _taken(self, series: Series, rows: pa.Table, end: int, asked: str) -> None:
        stand = self.stands[series]
        if end > stand.until_id:
            await self.add(stand, stand.forward(rows, end, 0, asked, self.session.client.now_us()))

    async def _begun(self, series: Series, rows: pa.Table, remote: Remote) -> pa.Table:
        """The first rows of a new series, which begins with the lower of the ids that the exchange and the file name.

        Nothing is claimed of before the first file where the exchange cannot be asked for it.
        """
        stand = self.stands[series]
        if not self._returns_all(series):
            stand = replace(stand, since=max(stand.since, remote.file.since_us))
        wanted = instants(rows, "time") >= stand.since
        rows = rows if wanted.all() else rows.filter(pa.array(wanted))
        first = await Asking(self.session).first_id(series, stand.since) if self._returns_all(series) else None
        firsts = [first] if first is not None else []
        firsts += ids_of(rows)[:1].tolist()
        if firsts:
            self.stands[series] = stand.begin_at(min(firsts))
        return rows

    async def _out_of_turn(self, series: Series, rows: pa.Table, now: int) -> None:
        """Take rows of ids that were passed as missing: some files go back in time."""
        stand = self.stands[series]
        early = between(rows, 0, stand.until_id)
        if not early.num_rows or stand.is_new:
            return
        for gap in list(stand.gaps.values()):
            look = Look(series, gap)
            found = look.found(early)
            if found.num_rows:
                stand = self.stands[series]
                await self.add(stand, look.step(found, self.session.lake.table(series.dataset), now))

    async def _asked(self, series: Series, first: int, end: int) -> AsyncIterator[tuple[pa.Table, int]]:
        for window in windows(series, first, end):
            self.session.progress.expect(requests=1)
            yield await Asking(self.session).window(window), window.end


def _before(rows: pa.Table, until: int) -> pa.Table:
    """The rows up to the first one at or after an instant."""
    late = np.flatnonzero(instants(rows, "time") >= until)
    return rows.slice(0, int(late[0])) if len(late) else rows
