"""What was traded before the coverage of a series begins: pages and days of the archive, from the newest on back.

Coverage grows at its beginning by a file or a page at a time, so that it has no hole wherever a run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

import pyarrow as pa

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.files import Remote
from pipelines.archive.inventory import PUBLISHED_US, Shelf, shelf_of_days, with_unlisted
from pipelines.archive.load import MOST_HOLES, nothing_listed
from pipelines.archive.walk import Stretch
from pipelines.candles.coverage import Step
from pipelines.concurrency import prefetch
from pipelines.context.session import Session
from pipelines.store.gaps import NOT_RETAINED, Gap
from pipelines.store.rows import instants
from pipelines.ticks.asking import Asking, oldest_asked, told_of, walk_of, windows
from pipelines.ticks.bulk import Add, pass_over
from pipelines.ticks.files import Parts, streams
from pipelines.ticks.holes import between, ids_of, ordered, skipped
from pipelines.ticks.stand import Stand
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US, MINUTE_US
from schemas.model.instants import utc_text
from schemas.model.series import Series

_FIRST_IDS = (0, 1)  # no id lies below one of these


def is_earlier(stand: Stand, since: int) -> bool:
    """Whether more is wanted than what is covered of a series that was pulled before."""
    return not stand.is_new and since < stand.since


def back(shelf: Shelf, since: int, until: int) -> Iterator[Stretch]:
    """[since, until) from its end on back: days by their files, the others by that of their month, or without one."""
    held: Stretch | None = None
    while until > since:
        day = (until - 1) // DAY_US * DAY_US
        remote = shelf.daily(day) or shelf.monthly(day)
        here = Stretch(shelf.series, max(day, since), until, remote)
        if held is not None and held.remote == remote:
            held = replace(held, since=here.since)
        else:
            if held is not None:
                yield held
            held = here
        until = here.since
    if held is not None:
        yield held


def asked_from(shelf: Shelf | None, series: Series, since: int, now: int) -> int:
    """From which instant on the exchange is asked before any file is read: for what no file holds yet."""
    listed = shelf.last_us if shelf is not None else None
    return max(since, listed or 0, oldest_asked(series, now))


@dataclass(slots=True)
class Earlier:
    """Loads what comes before the coverage of one series after another, back to `since`."""

    session: Session
    archive: Archive | None
    stands: dict[Series, Stand]
    add: Add  # gathers a step, behind which the series stands from then on
    done: Callable[[Fetched], None]  # is told what became of each file
    alone: bool  # nothing but the archive may be asked
    since: int
    _is_read: bool = True  # the last file was: before one that was not, nobody says what there is
    _spare: int = 0  # short holes of a file that may still be asked for at once; others wait for a second look

    async def load(self, series: Series) -> None:
        """Bring the beginning of a series back as far as files and the exchange reach."""
        now, stand = self.session.client.now_us(), self.stands[series]
        shelf = None
        if self.archive is not None:
            shelf = await shelf_of_days(self.archive, series, self.since, stand.since)
            if not self._returns_all(series) and shelf.first_us is not None:
                shelf = await with_unlisted(self.archive, shelf, [(max(self.since, shelf.first_us), stand.since)])
        await self._asked(series, asked_from(shelf, series, self.since, now))
        whole = True
        if self.archive is not None and shelf is not None:
            whole = await self._files(self.archive, list(back(shelf, self.since, self.stands[series].since)), now)
        if whole and not self.session.stop.is_set():
            await self._beginning(series, now)

    async def _files(self, archive: Archive, stretches: list[Stretch], now: int) -> bool:
        """Take the files of stretches in order; whether all were there that can be."""
        ready = list(takewhile(lambda one: one.remote is not None or not self._may_come(one, now), stretches))
        remotes = [one.remote for one in ready if one.remote is not None]
        self.session.progress.expect(files=len(remotes), size=sum(one.size for one in remotes))
        filed = (one for one in ready if one.remote is not None)
        async with streams(archive, remotes, self.session.stop) as files:
            async for remote, parts in files:
                await self._file(next(filed), remote, parts)
        return self._is_read and len(ready) == len(stretches)

    def _may_come(self, stretch: Stretch, now: int) -> bool:
        """Whether the file of a stretch that has none may still come, and nobody else can be asked."""
        return stretch.until > now - PUBLISHED_US and not self._returns_all(stretch.series)

    def _can_ask(self, series: Series) -> bool:
        return not self.alone and Asking(self.session).can(series)

    def _returns_all(self, series: Series) -> bool:
        """Whether the exchange can be asked for what files lack, whatever its age."""
        return self._can_ask(series) and walk_of(series).kept is None

    async def _file(self, stretch: Stretch, remote: Remote, parts: Parts) -> None:
        """Take the rows of a file; what one lacks is asked for along with what comes before, where that is possible."""
        series = stretch.series
        tables = [series.dataset.schema.empty_table()]
        async for part in parts:
            if isinstance(part, pa.Table):
                tables.append(_of(part, stretch, begins=stretch.since > remote.file.since_us))
                continue
            self.done(part)
            self.session.progress.advance(files=1, size=remote.size)
            self._is_read = True
            if part.is_whole:
                await self._rows(stretch, ordered(pa.concat_tables(tables)), remote.path)
            elif not self._returns_all(series):
                pass_over(self.session, part)
                self._is_read = False

    async def _rows(self, stretch: Stretch, rows: pa.Table, path: str) -> None:
        """Take rows from the newest on back, and ask for what lacks between them."""
        series = stretch.series
        stand, page = self.stands[series], Asking.page_rows(series)
        rows, self._spare = between(rows, 0, stand.since_id), MOST_HOLES
        first = int(ids_of(rows)[0]) if rows.num_rows else stand.since_id
        for hole_first, hole_last in reversed(skipped(ids_of(rows), first, stand.since_id)):
            if (hole_last - hole_first >= page or self._spare > 0) and self._returns_all(series):
                self._spare -= 1
                await self._taken(series, rows, hole_last + 1, path)
                await self._pages(series, hole_first)
        await self._taken(series, rows, first, path, stretch.since)

    async def _asked(self, series: Series, since: int) -> None:
        """Ask the exchange for all from an instant on."""
        stand = self.stands[series]
        if since >= stand.since or not self._can_ask(series):
            return
        await self._pages(series, await self._first_id(stand, since))
        if not self.session.stop.is_set():
            await self._taken(series, series.dataset.schema.empty_table(), stand.since_id, told_of(series), since)

    async def _first_id(self, stand: Stand, since: int) -> int:
        """The first id at or after an instant before the coverage, which is no later one than that begins with."""
        if stand.since_id in _FIRST_IDS:
            return stand.since_id
        first = await Asking(self.session).first_id(stand.series, since)
        if first is None or first > stand.since_id:
            shown = "no trade" if first is None else f"id {first} as the first one"
            raise Problem(
                f"The exchange returned {shown} of {stand.series.name} since {utc_text(since)}, where the lake holds "
                f"id {stand.since_id}.",
                "Nothing was stored of the time before it; run again.",
            )
        return first

    async def _pages(self, series: Series, first: int) -> None:
        """Ask for the ids from one on up to the beginning, the newest page first."""
        newest_first = windows(series, first, self.stands[series].since_id)[::-1]
        self.session.progress.expect(requests=len(newest_first))
        async with prefetch(newest_first, Asking(self.session).window, self.session.stop) as pages:
            async for window, rows in pages:
                if isinstance(rows, Problem):
                    raise rows
                if window.end == self.stands[series].since_id:  # a stop leaves pages out
                    await self._taken(series, rows, window.first, told_of(series))

    async def _taken(self, series: Series, rows: pa.Table, first: int, asked: str, since: int | None = None) -> None:
        """Coverage begins with an id, of which and behind which these are all rows; and with an instant, if known."""
        stand = self.stands[series]
        first = min(first, stand.since_id)
        rows = between(rows, first, stand.since_id)
        known = since if since is not None else int(instants(rows, "time")[0]) if rows.num_rows else stand.since
        if first < stand.since_id or known < stand.since:
            await self.add(stand, stand.backward(rows, first, known, asked, self.session.client.now_us()))

    async def _beginning(self, series: Series, now: int) -> None:
        """What comes before the first file: asked for where the exchange still returns it, and told where it does not.

        Nothing is claimed where nobody could be asked.
        """
        if self._returns_all(series):
            await self._asked(series, self.since)
        stand = self.stands[series]
        if stand.since <= self.since or not self._can_ask(series):
            return
        found: tuple[Gap, ...] = ()
        if stand.since_id not in _FIRST_IDS:
            listed = "" if self.archive is None else f", {nothing_listed(series)}"
            told = {"asked": f"{told_of(series)}{listed}"}
            found = (Gap(since=self.since, until=stand.since, reason=NOT_RETAINED, evidence=told, first_seen=now,
                         confirmed_at=now),)  # fmt: skip
        await self.add(stand, Step(series.dataset.schema.empty_table(), {"since": self.since}, found))


def _of(rows: pa.Table, stretch: Stretch, *, begins: bool) -> pa.Table:
    """The rows of a stretch, with those of the minute behind it: an id may be a moment older than the one before."""
    times = instants(rows, "time")
    inside = times < stretch.until + MINUTE_US
    if begins:
        inside &= times >= stretch.since
    return rows if inside.all() else rows.filter(pa.array(inside))
