"""What the public archive holds of a series, and which stretches of time are worth fetching from there."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import ArchiveFile, Remote
from connectors.binance.archive.layouts import LAYOUTS, Layout
from schemas.model.grid import DAY_US, Grid
from schemas.model.series import Series

WORTH_PAGES = 2  # a file that saves fewer requests than this is not fetched; it takes two requests itself
MOST_ROWS = 200_000  # a larger file (a month of seconds) is taken as its days, which keeps memory flat

Span = tuple[int, int]
Source = Literal["auto", "rest", "archive"]
# Pages of missing history from which on the archive is looked at.
WORTH: dict[Source, float] = {"auto": 10, "archive": WORTH_PAGES, "rest": math.inf}
_TWO_MONTHS_US = 62 * DAY_US
PUBLISHED_US = 8 * DAY_US  # by then the file of a day is there: some came six days late


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of what is wanted: [since, until), from a file of the archive or, without one, from the exchange."""

    since: int
    until: int
    remote: Remote | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files of one series: months, and days where no month is. With `only`, there is no other source."""

    series: Series
    files: Mapping[ArchiveFile, Remote]
    only: bool = False

    @classmethod
    def of(cls, series: Series, remotes: Iterable[Remote], *, only: bool = False) -> Shelf:
        return cls(series, {remote.file: remote for remote in remotes}, only)

    @property
    def layout(self) -> Layout:
        """How its files are named and printed."""
        return LAYOUTS[self.series.dataset.name, self.series["market"]]

    @property
    def last_us(self) -> int | None:
        """Where the archive ends."""
        return max((file.until_us for file in self.files), default=None)

    @property
    def first_us(self) -> int | None:
        """Where the archive begins."""
        return min((file.since_us for file in self.files), default=None)

    def monthly(self, instant_us: int) -> Remote | None:
        """The file of the month that holds an instant."""
        return self.files.get(ArchiveFile.monthly(self.series, instant_us))

    def daily(self, instant_us: int) -> Remote | None:
        """The file of the day that holds an instant."""
        return self.files.get(ArchiveFile.daily(self.series, instant_us))

    def at(self, instant_us: int) -> Remote | None:
        """The file to read from an instant on: that of its month, of its day where there is none; or the other way."""
        month, day = self.monthly(instant_us), self.daily(instant_us)
        return day or month if self.layout.streamed else month or day

    def until(self, remote: Remote, instant_us: int) -> int:
        """How far a file is read from an instant on: to its end, or to where the file of a day takes over."""
        days = (file.since_us for file in self.files if self.layout.streamed and not file.is_monthly)
        return min([remote.file.until_us, *(day for day in days if day > instant_us)])

    def unlisted(self, since: int, until: int) -> Iterator[ArchiveFile]:
        """The files that may hold what no listed one does of [since, until)."""
        step = next_day if self.layout.daily else next_month
        cadences = [(ArchiveFile.monthly, self.layout.monthly), (ArchiveFile.daily, self.layout.daily)]
        while since < until:
            month, at, since = self.monthly(since), since, step(since)
            if self.daily(at) is None and (month is None or not _fits(month.file)):
                yield from (made(self.series, at) for made, there in cadences if there)

    def worth(self, instant_us: int, since: int, until: int, page_rows: int) -> Remote | None:
        """The file to fetch for an instant, monthly before daily, if it spares requests of [since, until)."""
        grid = Grid.of(self.series["interval"])
        for remote in filter(None, (self.monthly(instant_us), self.daily(instant_us))):
            file = remote.file
            rows = grid.count(max(file.since_us, since), min(file.until_us, until))
            if _fits(file) and (self.only or -(-rows // page_rows) >= WORTH_PAGES):
                return remote
        return None

    def stretches(self, since: int, until: int, page_rows: int) -> Iterator[Stretch]:
        """[since, until) in order and without a seam: months, days, and what only the exchange has."""
        asked_since = since
        while since < until:
            remote = self.worth(since, since, until, page_rows)
            end = min(remote.file.until_us if remote else next_day(since), until)
            if remote is not None:
                if asked_since < since:
                    yield Stretch(asked_since, since)
                yield Stretch(since, end, remote)
                asked_since = end
            since = end
        if asked_since < until:
            yield Stretch(asked_since, until)


async def shelf_of(archive: Archive, series: Series, since: int, *, only: bool = False) -> Shelf:
    """List what the archive holds of a series from an instant on: its months, and the days of what they leave out.

    Where there is no other source also what lies before, which tells where the series begins.
    """
    layout, first = LAYOUTS[series.dataset.name, series["market"]], ArchiveFile.monthly(series, since)
    after = "" if only else _before(first.path)
    months = await archive.list(first.folder, after=after) if layout.monthly else []
    if not layout.daily:
        return Shelf.of(series, months, only=only)
    since = since - _TWO_MONTHS_US if only else since  # of which no monthly file may be there yet
    fitting = [remote.file for remote in months if _fits(remote.file) and not layout.streamed]
    days: list[Remote] = []
    for begin, end in _between(fitting, since):
        days += await _days(archive, series, begin, end)
    return Shelf.of(series, [*months, *days], only=only)


async def with_unlisted(archive: Archive, shelf: Shelf, spans: Iterable[Span]) -> Shelf:
    """The shelf with what its lists leave out of some stretches between other files: each is asked for by its name.

    A list may lag behind the files, so that a file is not there only its own address can say.
    """
    named = dict.fromkeys(file for span in spans for file in shelf.unlisted(*span) if file not in shelf.files)
    found = await asyncio.gather(*map(archive.looked_up, named))
    return replace(shelf, files={**shelf.files, **{one.file: one for one in found if one is not None}})


async def days_of(archive: Archive, series: Series, since: int, until: int) -> Shelf:
    """List the daily files of [since, until), also where there are monthly ones."""
    return Shelf.of(series, await _days(archive, series, since, until))


async def shelf_of_days(archive: Archive, series: Series, since: int, until: int) -> Shelf:
    """List the daily files of [since, until), and the monthly ones where a day of theirs may lack."""
    days = await _days(archive, series, since, until)
    first, end = ArchiveFile.monthly(series, since), ArchiveFile.monthly(series, next_month(until - 1))
    months = await archive.list(first.folder, after=_before(first.path), until=end.path)
    return Shelf.of(series, [*days, *months])


async def _days(archive: Archive, series: Series, since: int, until: int | None) -> Sequence[Remote]:
    first = ArchiveFile.daily(series, since)
    end = None if until is None else ArchiveFile.daily(series, until + DAY_US - 1).path  # the last day is in
    return await archive.list(first.folder, after=_before(first.path), until=end)


def _between(months: Iterable[ArchiveFile], since: int) -> Iterator[tuple[int, int | None]]:
    """The stretches from `since` on that these months, in order, do not hold; the last one has no end."""
    for month in months:
        if since < month.since_us:
            yield since, month.since_us
        since = max(since, month.until_us)
    yield since, None


def _fits(file: ArchiveFile) -> bool:
    interval = file.series.values.get("interval")
    return interval is None or Grid.of(interval).count(file.since_us, file.until_us) <= MOST_ROWS


def _before(path: str) -> str:
    """A name that sorts right before this one."""
    return path.removesuffix(".zip")


def next_month(instant_us: int) -> int:
    """The first instant of the month that follows an instant."""
    grid = Grid.of("1M")
    return grid.step(grid.floor(instant_us), 1)


def next_day(instant_us: int) -> int:
    """The midnight that follows an instant."""
    return instant_us - instant_us % DAY_US + DAY_US
