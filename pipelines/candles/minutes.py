"""The minutes in which an account traded or paid a fee: single candles, asked for where a price is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa

from connectors.lake import Lake
from pipelines.archive.inventory import shelf_of
from pipelines.candles.answer import LAG_US
from pipelines.candles.fetching import Fetcher
from pipelines.candles.windows import page_rows
from pipelines.concurrency import AHEAD, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.store.account_symbols import unasked_minutes
from pipelines.store.filters import between
from pipelines.store.rows import column, rows_of
from schemas.config.flows import AccountSymbols
from schemas.datasets.market import KLINES
from schemas.datasets.valuation import MINUTE_CLOSES
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US, MINUTE_US
from schemas.model.series import Series

_SETTLED_US = HOUR_US  # a minute that had no candle so long after its end has none


@dataclass(frozen=True, slots=True)
class MinuteWindow:
    """Minutes of one symbol that a single answer holds, ascending, in microseconds."""

    series: Series
    minutes: Sequence[int]

    @property
    def since(self) -> int:
        return self.minutes[0]

    @property
    def until(self) -> int:
        return self.minutes[-1] + MINUTE_US


def minute_windows(
    lake: Lake, wanted: AccountSymbols, now: int, asked: Collection[tuple[str, int]] = ()
) -> list[MinuteWindow]:
    """What has to be asked for so that each fill and fee has a price: minutes in reach of one another at once.

    The minutes of symbols that were `asked` for are left out.
    """
    unasked = unasked_minutes(lake, wanted, now - LAG_US - MINUTE_US)
    return [
        MinuteWindow(series, some)
        for symbol, minutes in unasked.items()
        for series in [Series.of(KLINES, market="spot", symbol=symbol, interval="1m")]
        for some in _gathered([one for one in minutes if (symbol, one) not in asked], page_rows(series) * MINUTE_US)
    ]


def _gathered(minutes: Sequence[int], reach_us: int) -> Iterator[list[int]]:
    """Ascending instants in groups, each shorter than `reach_us`."""
    group: list[int] = []
    for minute in minutes:
        if group and minute - group[0] >= reach_us:
            yield group
            group = []
        group.append(minute)
    if group:
        yield group


@dataclass(slots=True, kw_only=True)
class MinutePull:
    """One pull of the minutes that value an account. What is stored of an answer is what was needed of it."""

    session: Session
    tally: Tally
    wanted: AccountSymbols
    fetcher: Fetcher
    _asked: set[tuple[str, int]] = field(default_factory=set)

    async def run(self) -> None:
        """Ask for each minute; where one has no candle, for that of the next way to the quote asset."""
        while windows := await self._due():
            self._asked.update((one.series["symbol"], minute) for one in windows for minute in one.minutes)
            self.session.progress.expect(requests=len(windows), rows=sum(len(one.minutes) for one in windows))
            remaining = iter(windows)
            while wave := list(islice(remaining, AHEAD)):
                await self._wave(wave)
                if self.session.stop.is_set():
                    return

    async def _due(self) -> list[MinuteWindow]:
        """What was not asked for yet; of what only the archive knows, nothing where there is none."""
        now = self.session.client.now_us()
        windows = await asyncio.to_thread(minute_windows, self.session.lake, self.wanted, now, self._asked)
        silent = self.fetcher.forgotten if self.session.archive is None else frozenset()
        return [one for one in windows if one.series["symbol"] not in silent]

    async def _wave(self, wave: Sequence[MinuteWindow]) -> None:
        """Fetch these windows at once and commit what came; one that fails stops no other."""
        answers: list[tuple[MinuteWindow, pa.Table]] = []
        try:
            async with prefetch(wave, self._fetch, self.session.stop) as fetched:
                async for window, answer in fetched:
                    if isinstance(answer, Problem):
                        self.tally.fail(window.series.name, answer)
                    else:
                        answers.append((window, answer))
        finally:
            if answers:
                self.tally.add(await asyncio.to_thread(self._store, answers))

    async def _fetch(self, window: MinuteWindow) -> pa.Table:
        series, archive = window.series, self.session.archive
        if not self.fetcher.strict(series) or archive is None:
            return await self.fetcher.returned(series, window.since, window.until)
        shelf = await shelf_of(archive, series, window.since, only=True)
        loaded = await self.fetcher.from_shelf(shelf, window.since, window.until)
        if loaded.asked.unanswered:
            raise Problem(f"The archive did not give the minutes of {series['symbol']}.", "Run again.")
        return loaded.rows

    def _store(self, answers: Sequence[tuple[MinuteWindow, pa.Table]]) -> int:
        """Commit what is not stored; two processes may have asked for the same."""
        table = self.session.lake.table(MINUTE_CLOSES)
        now = self.session.client.now_us()
        news = {
            (window.series["symbol"], minute): close
            for window, rows in answers
            for minute, close in _closes(window, rows, now)
        }
        span = (min(window.since for window, _ in answers), max(window.until for window, _ in answers))
        with self.session.lake.alone(MINUTE_CLOSES.table):
            stored = table.scan(["symbol", "open_time"], between("open_time", *span))
            known = set(zip(column(stored, "symbol"), column(stored, "open_time"), strict=True))
            fresh = [
                {"market": "spot", "symbol": symbol, "open_time": minute, "close": close, "asked_at": now}
                for (symbol, minute), close in news.items()
                if (symbol, minute) not in known
            ]
            return table.commit(rows_of(MINUTE_CLOSES, fresh), []).rows if fresh else 0


def _closes(window: MinuteWindow, rows: pa.Table, now: int) -> Iterator[tuple[int, object]]:
    """The close of each minute that was needed; None where there is no candle, and no more to come."""
    closes: Mapping[int, object] = dict(zip(column(rows, "open_time"), column(rows, "close"), strict=True))
    for minute in window.minutes:
        if minute in closes or minute + MINUTE_US + _SETTLED_US <= now:
            yield minute, closes.get(minute)
