"""What the public archive holds of a series, and which stretches of time are worth fetching from there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.binance.archive import Archive
from connectors.binance.archive_listing import Remote
from connectors.binance.archive_paths import KlineFile
from pipelines.candles import Series
from schemas.intervals import DAY_US, Grid

WORTH_PAGES = 2  # a file that saves fewer requests than this is not fetched; it takes two requests itself
MOST_ROWS = 200_000  # a larger file (a month of seconds) is taken as its days, which keeps memory flat

Source = Literal["auto", "rest", "archive"]
# Pages of missing history from which on the archive is looked at.
WORTH: dict[Source, float] = {"auto": 10, "archive": 0, "rest": math.inf}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of what is wanted: [since, until), from a file of the archive or, without one, from the exchange."""

    since: int
    until: int
    remote: Remote | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files of one series by path, monthly and daily."""

    series: Series
    files: Mapping[str, Remote]

    @classmethod
    def of(cls, series: Series, remotes: Sequence[Remote]) -> Shelf:
        return cls(series, {remote.path: remote for remote in remotes})

    @property
    def first_us(self) -> int | None:
        """Where the archive begins."""
        return min((KlineFile.at(path).since_us for path in self.files), default=None)

    def monthly(self, instant_us: int) -> Remote | None:
        """The file of the month that holds an instant."""
        return self.files.get(KlineFile.monthly(*_names(self.series), instant_us).path)

    def daily(self, instant_us: int) -> Remote | None:
        """The file of the day that holds an instant."""
        return self.files.get(KlineFile.daily(*_names(self.series), instant_us).path)

    def worth(self, instant_us: int, since: int, until: int, page_rows: int) -> Remote | None:
        """The file to fetch for an instant: monthly before daily, if it spares requests and ends by `until`."""
        grid = Grid.of(self.series.interval)
        for remote in filter(None, (self.monthly(instant_us), self.daily(instant_us))):
            file = KlineFile.at(remote.path)
            rows = grid.count(max(file.since_us, since), min(file.until_us, until))
            if file.until_us <= until and rows <= MOST_ROWS and -(-rows // page_rows) >= WORTH_PAGES:
                return remote
        return None

    def stretches(self, since: int, until: int, page_rows: int) -> Iterator[Stretch]:
        """[since, until) in order and without a seam: months, days, and what only the exchange has."""
        asked_since = since
        while since < until:
            remote = self.worth(since, since, until, page_rows)
            end = KlineFile.at(remote.path).until_us if remote else min(_next_day(since), until)
            if remote is not None:
                if asked_since < since:
                    yield Stretch(asked_since, since)
                yield Stretch(since, end, remote)
                asked_since = end
            since = end
        if asked_since < until:
            yield Stretch(asked_since, until)


async def shelf_of(archive: Archive, series: Series, since: int) -> Shelf:
    """List what the archive holds of a series from an instant on."""
    files: list[Remote] = []
    for first in (KlineFile.monthly(*_names(series), since), KlineFile.daily(*_names(series), since)):
        files += await archive.list(first.folder, after=_before(first.path))
    return Shelf.of(series, files)


def _before(path: str) -> str:
    """A name that sorts right before this one."""
    return path.removesuffix(".zip")


def _names(series: Series) -> tuple[str, str, str]:
    return series.market, series.symbol, series.interval


def _next_day(instant_us: int) -> int:
    return instant_us - instant_us % DAY_US + DAY_US
