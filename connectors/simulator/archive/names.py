"""What the archive's files are called, what time each holds, and when it appears. Days are UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

from connectors.simulator.market.intervals import DAY_MS, HOUR_MS, LENGTH_MS, Interval
from connectors.simulator.market.listings import Listing

DAILY, MONTHLY = "daily", "monthly"
_LONG = frozenset({"3d", "1w", "1M"})  # these have no daily files
_FOLDERS = {name: "1mo" if name == "1M" else name for name in LENGTH_MS}
_PATH = re.compile(r"data/spot/(daily|monthly)/klines/([^/]+)/(\w+)/\2-\3-(\d{4}-\d\d(?:-\d\d)?)\.zip")


@dataclass(frozen=True)
class Publication:
    """When files appear, and how they are written."""

    daily_lag_ms: int = 6 * HOUR_MS  # after the day is over
    monthly_lag_ms: int = 6 * HOUR_MS  # into the first Monday of the next month
    micro_from: date = date(2025, 1, 1)  # data of earlier days is in milliseconds
    header_from: date | None = None  # data of earlier days has no header; of spot no data has one


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A day or a month."""

    first: date
    monthly: bool

    def __str__(self) -> str:
        return self.first.isoformat()[: len("YYYY-MM") if self.monthly else None]

    @property
    def since_ms(self) -> int:
        return _ms(self.first)

    @property
    def until_ms(self) -> int:
        return _ms(self.next().first)

    def next(self) -> Period:
        after = self.first + timedelta(days=32 if self.monthly else 1)
        return Period(after.replace(day=1) if self.monthly else after, self.monthly)

    @cache  # noqa: B019 - a period is its own key, and there are not many
    def published_ms(self, interval: Interval, rules: Publication) -> int:
        """When its file appears: a day's on the next one, a month's on a Monday, neither before its candles close."""
        last = interval.slot(self.until_ms - 1)
        closed_ms = interval.opening(last + 1)
        if not self.monthly:
            return max(closed_ms, self.until_ms) + rules.daily_lag_ms
        first = self.next().first
        monday = first + timedelta(days=-first.weekday() % 7)
        return max(closed_ms, _ms(monday)) + rules.monthly_lag_ms


@dataclass(frozen=True, slots=True)
class File:
    """The candles of a symbol, interval and period."""

    symbol: str
    interval: str
    period: Period

    @property
    def stem(self) -> str:
        return f"{self.symbol}-{_FOLDERS[self.interval]}-{self.period}"

    @property
    def path(self) -> str:
        return f"{folder(self.period.monthly, self.symbol, self.interval)}{self.stem}.zip"


def folder(monthly: bool, symbol: str, interval: str) -> str:
    return f"data/spot/{MONTHLY if monthly else DAILY}/klines/{symbol}/{_FOLDERS[interval]}/"


@cache
def parse(path: str) -> File | None:
    """The file at a path, if one could be there."""
    parts = _PATH.fullmatch(path)
    intervals = {spelt: name for name, spelt in _FOLDERS.items()}
    if parts is None or parts[3] not in intervals or (parts[1] == MONTHLY) != (len(parts[4]) == len("YYYY-MM")):
        return None
    try:
        first = date.fromisoformat(parts[4] if parts[1] == DAILY else f"{parts[4]}-01")
    except ValueError:
        return None
    return File(parts[2], intervals[parts[3]], Period(first, parts[1] == MONTHLY))


def intervals(monthly: bool) -> list[str]:
    """The intervals that have files of a cadence, in the order of their folders."""
    return sorted((name for name in LENGTH_MS if monthly or name not in _LONG), key=_FOLDERS.__getitem__)


def interval_folder(name: str) -> str:
    return _FOLDERS[name]


def files(listing: Listing, interval: str, monthly: bool, now_ms: int, rules: Publication) -> Iterator[File]:
    """The files of a series that have appeared by now, oldest first."""
    grid = Interval.of(interval, listing.listed_ms)
    day = datetime.fromtimestamp(listing.listed_ms / 1000, UTC).date()
    period = Period(day.replace(day=1) if monthly else day, monthly)
    end_ms = listing.ends_ms(now_ms)
    while period.since_ms <= end_ms and period.published_ms(grid, rules) <= now_ms:
        yield File(listing.symbol, interval, period)
        period = period.next()


@lru_cache(maxsize=256)
def stems(listing: Listing, interval: str, monthly: bool, now_ms: int, rules: Publication) -> tuple[str, ...]:
    """The names of those files without their ending; a folder is listed more often than the clock moves."""
    return tuple(file.stem for file in files(listing, interval, monthly, now_ms, rules))


@cache
def slots(grid: Interval, period: Period) -> int:
    """The most candles a file can hold."""
    return grid.slot(period.until_ms - 1) - grid.slot(period.since_ms - 1)


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS
