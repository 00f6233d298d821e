"""What the archive's files are called, what time each holds, and when it appears. Days are UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

from connectors.simulator.archive.kinds import KINDS, MARKETS, Kind
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS, LENGTH_MS, Interval
from connectors.simulator.market.listings import Listing

DAILY, MONTHLY = "daily", "monthly"
_LONG = frozenset({"3d", "1w", "1M"})  # these have no daily files
_FOLDERS = {name: "1mo" if name == "1M" else name for name in LENGTH_MS}
_PATH = re.compile(
    r"data/(?P<market>spot|futures/um|futures/cm|option)/(?P<cadence>daily|monthly)/(?P<kind>\w+)/(?P<symbol>[^/]+)/"
    r"(?:(?P<spelt>\w+)/)?(?P=symbol)-(?P<what>\w+)-(?P<period>\d{4}-\d\d(?:-\d\d)?)\.zip"
)


@dataclass(frozen=True)
class Publication:
    """When files appear, and how they are written."""

    daily_lag_ms: int = 6 * HOUR_MS  # after the day is over
    monthly_lag_ms: int = 6 * HOUR_MS  # into the first Monday of the next month
    micro_from: date = date(2025, 1, 1)  # data of earlier days is in milliseconds
    header_from: date | None = None  # candles of earlier days have no header; of spot none have one
    futures_header_from: date = date(2022, 7, 1)


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
class Place:
    """A folder of files: a kind of a market, of one symbol, and of candles one interval."""

    market: str
    kind: Kind
    monthly: bool
    symbol: str
    interval: str = ""

    @property
    def folder(self) -> str:
        below = f"{_FOLDERS[self.interval]}/" if self.interval else ""
        cadence = MONTHLY if self.monthly else DAILY
        return f"data/{MARKETS[self.market]}/{cadence}/{self.kind.folder}/{self.symbol}/{below}"

    def stem(self, period: Period) -> str:
        return f"{self.symbol}-{_FOLDERS[self.interval] if self.interval else self.kind.folder}-{period}"

    def grid(self, listing: Listing) -> Interval:
        return Interval.of(self.interval or "1m", listing.listed_ms)


@dataclass(frozen=True, slots=True)
class File:
    """The rows of one kind, symbol, interval and period."""

    place: Place
    period: Period

    @property
    def symbol(self) -> str:
        return self.place.symbol

    @property
    def interval(self) -> str:
        return self.place.interval

    @property
    def stem(self) -> str:
        return self.place.stem(self.period)

    @property
    def path(self) -> str:
        return f"{self.place.folder}{self.stem}.zip"


@cache
def parse(path: str) -> File | None:
    """The file at a path, if one could be there."""
    parts = _PATH.fullmatch(path)
    if parts is None or parts["what"] != (parts["spelt"] or parts["kind"]):
        return None
    market = next(name for name, folder in MARKETS.items() if folder == parts["market"])
    kind, monthly = KINDS.get(parts["kind"]), parts["cadence"] == MONTHLY
    interval = {spelt: name for name, spelt in _FOLDERS.items()}.get(parts["spelt"] or "", "")
    if kind is None or market not in kind.markets or bool(interval) != kind.by_interval:
        return None
    if monthly != (len(parts["period"]) == len("YYYY-MM")):
        return None
    try:
        first = date.fromisoformat(f"{parts['period']}-01" if monthly else parts["period"])
    except ValueError:
        return None
    return File(Place(market, kind, monthly, parts["symbol"], interval), Period(first, monthly))


def intervals(monthly: bool, market: str = "spot") -> list[str]:
    """The intervals that have files of a cadence, in the order of their folders."""
    there = (name for name in LENGTH_MS if (monthly or name not in _LONG) and (name != "1s" or market == "spot"))
    return sorted(there, key=_FOLDERS.__getitem__)


def interval_folder(name: str) -> str:
    return _FOLDERS[name]


def periods(
    listing: Listing, place: Place, now_ms: int, rules: Publication, first: Period | None = None
) -> Iterator[Period]:
    """The days or months of which files have appeared by now, oldest first: all of them, or those from one on."""
    grid = place.grid(listing)
    period = first or _oldest(listing, place)
    end_ms = listing.ends_ms(now_ms)
    while period.since_ms <= end_ms and period.published_ms(grid, rules) <= now_ms and place.kind.lived(period.first):
        yield period
        period = period.next()


def _oldest(listing: Listing, place: Place) -> Period:
    day = max(datetime.fromtimestamp(listing.listed_ms / 1000, UTC).date(), place.kind.begins)
    return Period(day.replace(day=1) if place.monthly else day, place.monthly)


def stems(listing: Listing, place: Place, now_ms: int, rules: Publication) -> tuple[str, ...]:
    """The names of those files without their ending; what a file is called today, it is called tomorrow."""
    known, rest = _stems_by(listing, place, now_ms - now_ms % DAY_MS, rules)
    return (*known, *(place.stem(period) for period in periods(listing, place, now_ms, rules, rest)))


@lru_cache(maxsize=256)
def _stems_by(listing: Listing, place: Place, now_ms: int, rules: Publication) -> tuple[tuple[str, ...], Period]:
    """The names of an instant, and the day or month that follows them."""
    there = list(periods(listing, place, now_ms, rules))
    rest = there[-1].next() if there else _oldest(listing, place)
    return tuple(map(place.stem, there)), rest


@cache
def slots(grid: Interval, period: Period) -> int:
    """The most candles a file can hold."""
    return grid.slot(period.until_ms - 1) - grid.slot(period.since_ms - 1)


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS
