"""The minutes in which an account traded or paid a fee: single candles, asked for where a price is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from connectors.lake import Lake
from pipelines.archive.inventory import PUBLISHED_US, shelf_of, with_unlisted
from pipelines.candles.answer import LAG_US, QUIET_US
from pipelines.candles.fetching import Fetcher
from pipelines.candles.windows import page_rows
from pipelines.concurrency import AHEAD, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.store.account_symbols import undecided_minutes
from pipelines.store.filters import between
from pipelines.store.gaps import CONFIRM_AFTER_US, Gap
from pipelines.store.rows import column, rows_of, with_instants
from schemas.config.flows import AccountSymbols
from schemas.datasets.market import KLINES
from schemas.datasets.valuation import MINUTE_CLOSES
from schemas.model.errors import Problem
from schemas.model.grid import MINUTE_US
from schemas.model.series import Series


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


@dataclass(frozen=True, slots=True)
class MinuteAnswer:
    """What came for a window that was asked for when it `began`, and had come when it `ended`."""

    window: MinuteWindow
    rows: pa.Table
    began: int
    ended: int
    unanswered: Sequence[Gap] = ()

    def closes(self) -> Iterator[tuple[int, object]]:
        """The close of each minute that was needed; None where no candle came, and its time was over long enough."""
        closes: Mapping[int, object] = dict(
            zip(column(self.rows, "open_time"), column(self.rows, "close"), strict=True)
        )
        for minute in self.window.minutes:
            if minute in closes or (minute + MINUTE_US + QUIET_US <= self.began and self._speaks_of(minute)):
                yield minute, closes.get(minute)

    def _speaks_of(self, minute: int) -> bool:
        return not any(gap.since <= minute < (gap.until or minute + 1) for gap in self.unanswered)


@dataclass(frozen=True, slots=True)
class MinutesWanted:
    """Whose minutes are wanted. Of symbols that are `gone` only the archive can be asked, where there is one."""

    account: AccountSymbols
    gone: frozenset[str]
    archived: bool

    def windows(
        self, lake: Lake, now: int, asked: Collection[tuple[str, int]] = (), *, keep: bool = False
    ) -> list[MinuteWindow]:
        """What has to be asked for so that each fill and fee has a price: minutes in reach of one another at once.

        The minutes of symbols that were `asked` for are left out, and those of files that may still come. With `keep`,
        that none is left is remembered.
        """
        due = {
            symbol: [one for one, before in minutes.items() if self._is_due(symbol, one, before, now)]
            for symbol, minutes in undecided_minutes(lake, self.account, now, keep=keep).items()
        }
        return [
            MinuteWindow(series, some)
            for symbol, minutes in due.items()
            for series in [Series.of(KLINES, market="spot", symbol=symbol, interval="1m")]
            for some in _gathered([one for one in minutes if (symbol, one) not in asked], page_rows(series) * MINUTE_US)
        ]

    def _is_due(self, symbol: str, minute: int, asked_at: int | None, now: int) -> bool:
        """Whether a minute that was asked for then, or never, is to be asked for now."""
        again = asked_at is None or now - asked_at >= CONFIRM_AFTER_US
        if symbol not in self.gone:
            return again and minute + MINUTE_US + LAG_US < now
        return again and self.archived and minute < now - PUBLISHED_US


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
    wanted: MinutesWanted
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
        """What was not asked for yet."""
        now = self.session.client.now_us()
        return await asyncio.to_thread(self.wanted.windows, self.session.lake, now, self._asked, keep=True)

    async def _wave(self, wave: Sequence[MinuteWindow]) -> None:
        """Fetch these windows at once and commit what came; one that fails stops no other."""
        answers: list[MinuteAnswer] = []
        try:
            async with prefetch(wave, self._fetch, self.session.stop) as fetched:
                async for window, answer in fetched:
                    if isinstance(answer, Problem):
                        self.tally.fail(window.series.name, answer)
                    else:
                        answers.append(answer)
        finally:
            if answers:
                self.tally.add(await asyncio.to_thread(self._store, answers))
        for one in answers:
            if one.unanswered:
                self.tally.fail(one.window.series.name, _not_given(one.unanswered[0]))

    async def _fetch(self, window: MinuteWindow) -> MinuteAnswer:
        series, archive, now_us = window.series, self.session.archive, self.session.client.now_us
        began = now_us()
        if not self.fetcher.strict(series) or archive is None:
            rows = await self.fetcher.returned(series, window.since, window.until)
            return MinuteAnswer(window, rows, began, now_us())
        shelf = await shelf_of(archive, series, window.since, only=True)
        inside = max(window.since, shelf.first_us or 0), min(window.until, shelf.last_us or 0)
        shelf = await with_unlisted(archive, shelf, [inside])
        loaded = await self.fetcher.from_shelf(shelf, window.since, window.until)
        return MinuteAnswer(window, loaded.rows, began, now_us(), loaded.asked.unanswered)

    def _store(self, answers: Sequence[MinuteAnswer]) -> int:
        """Commit what is news; two processes may have asked for the same."""
        table = self.session.lake.table(MINUTE_CLOSES)
        span = (min(one.window.since for one in answers), max(one.window.until for one in answers))
        with self.session.lake.alone(MINUTE_CLOSES.table):
            stored = table.scan(["symbol", "open_time", "close", "asked_at"], between("open_time", *span))
            last = {(row["symbol"], row["open_time"]): row for row in with_instants(stored.sort_by("asked_at"))}
            fresh = [
                {"market": "spot", "symbol": symbol, "open_time": minute, "close": close, "asked_at": one.ended}
                for one in answers
                for symbol in [one.window.series["symbol"]]
                for minute, close in one.closes()
                if says_more(last.get((symbol, minute)), close, one.began)
            ]
            return table.commit(rows_of(MINUTE_CLOSES, fresh), []).rows if fresh else 0


def says_more(before: Mapping[str, Any] | None, close: object, began: int) -> bool:
    """Whether an answer says more than what is stored: a candle that came later, or once more that there is none."""
    if before is None:
        return True
    return before["close"] is None and (close is not None or began - before["asked_at"] >= CONFIRM_AFTER_US)


def _not_given(gap: Gap) -> Problem:
    """What to say of minutes whose file the archive lists, and did not give so that it can be read."""
    told = gap.evidence
    return Problem(f"{told['asked']} is {gap.reason} ({told['reason']}): {told['detail']}.", "Run again.")
