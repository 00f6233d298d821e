"""The last price and the rolling 24 hours of a symbol, from the same candles that `klines` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from connectors.simulator.market.candles import Candles, joined
from connectors.simulator.market.crowd import Crowd, crowds
from connectors.simulator.market.history import History, Kept
from connectors.simulator.market.intervals import DAY_MS, MINUTE_MS
from connectors.simulator.market.listings import DECIMALS, Listing

_MINI = (
    *("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume"),
    *("openTime", "closeTime", "firstId", "lastId", "count"),
)
_SUMS = ("volume", "quote", "trades", "taker_volume", "taker_quote")
_PRICES_KEPT = 8192
_CROWDS_KEPT = 16
_BLOCK_MINUTES = 10  # of a crowd's day, kept together
_BLOCKS_KEPT = 2048


def printed(value: int, decimals: int) -> str:
    """An integer of so many decimals as text with eight."""
    sign, digits = "-" if value < 0 else "", str(abs(value)).zfill(decimals + 1)
    whole, fraction = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    return f"{sign}{whole}.{fraction.ljust(DECIMALS, '0')}"


class Tickers:
    """What the ticker endpoints say of each symbol."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._prices = Kept(_PRICES_KEPT)
        self._days = Kept(_PRICES_KEPT)
        self._rows = Kept(_PRICES_KEPT)
        self._prepared = Kept(_CROWDS_KEPT)
        self._crowds = Kept(_CROWDS_KEPT)
        self._seconds = Kept(_CROWDS_KEPT)
        self._blocks = Kept(_BLOCKS_KEPT)

    def prepare_prices(self, listings: Iterable[Listing], now_ms: int) -> None:
        """Reckon the last prices of many symbols at once, to be asked for one by one."""
        for crowd in self._many(listings, now_ms):
            self._prepared.get((crowd, "prices", now_ms // 1000), partial(self._fill_prices, crowd, now_ms))

    def prepare_days(self, listings: Iterable[Listing], now_ms: int) -> None:
        """Reckon the rolling 24 hours of many symbols at once, to be asked for one by one."""
        for crowd in self._many(listings, now_ms):
            self._prepared.get((crowd, "days", now_ms // 1000), partial(self._fill_days, crowd, now_ms))

    def _fill_prices(self, crowd: Crowd, now_ms: int) -> None:
        closes = self._until_now(crowd, now_ms)[-1].close.tolist()
        for listing, close in zip(crowd.listings, closes, strict=True):
            self._prices.put((listing, now_ms // 1000), close)

    def _fill_days(self, crowd: Crowd, now_ms: int) -> None:
        parts = [*self._day_blocks(crowd, now_ms // MINUTE_MS), *self._until_now(crowd, now_ms)]
        rows = np.stack(_across(parts).columns(), axis=1).tolist()
        for listing, row in zip(crowd.listings, rows, strict=True):
            self._rows.put((listing, now_ms // 1000), row)

    def _many(self, listings: Iterable[Listing], now_ms: int) -> Iterator[Crowd]:
        for group in crowds(listings, now_ms):
            yield self._crowds.get(group, partial(Crowd, group))

    def _day_blocks(self, crowd: Crowd, minute: int) -> Iterator[Candles]:
        """The whole minutes of the last 24 hours as a few candles of each symbol, kept as long as they last."""
        first = minute + 1 - DAY_MS // MINUTE_MS
        while first < minute:
            last = min((first // _BLOCK_MINUTES + 1) * _BLOCK_MINUTES, minute)
            yield self._blocks.get((crowd, first, last), partial(self._history.together, crowd, first, last))
            first = last

    def _until_now(self, crowd: Crowd, now_ms: int) -> list[Candles]:
        """The running minute second by second, the last of them the one that is on."""
        minute = now_ms // MINUTE_MS
        seconds = self._seconds.get((crowd, minute), partial(self._history.seconds_together, crowd, minute))
        passed = range(now_ms % MINUTE_MS // 1000 + 1)
        return [seconds.pick(slice(second, None, MINUTE_MS // 1000)) for second in passed]

    def price(self, listing: Listing, now_ms: int) -> dict[str, str]:
        return {"symbol": listing.symbol, "price": printed(self._last(listing, now_ms), listing.tick_decimals)}

    def book(self, listing: Listing, now_ms: int) -> dict[str, str]:
        """The best bid and ask, a tick below and above the last price; zeros where a symbol does not trade."""
        last = self._last(listing, now_ms) if listing.ends_ms(now_ms) == now_ms else 0
        bid, ask = (printed(max(price, 0), listing.tick_decimals) for price in (last - 1, last + 1 if last else 0))
        quantity = printed(1 if last else 0, listing.step_decimals)
        return {"symbol": listing.symbol, "bidPrice": bid, "bidQty": quantity, "askPrice": ask, "askQty": quantity}

    def day(self, listing: Listing, now_ms: int, *, micro: bool, mini: bool) -> dict[str, Any]:
        """The last 24 hours, of which the running minute is the last."""
        trades = listing.ends_ms(now_ms) == now_ms
        day = self._rows.get((listing, now_ms // 1000), lambda: self._window(listing, now_ms)) if trades else None
        factor = 1000 if micro else 1
        times = {"openTime": (now_ms - DAY_MS) * factor, "closeTime": now_ms * factor}
        full = {**_statistics(listing, day, now_ms), **times}
        return {name: full[name] for name in _MINI} if mini else full

    def _last(self, listing: Listing, now_ms: int) -> int:
        now_ms = listing.ends_ms(now_ms)
        return self._prices.get((listing, now_ms // 1000), lambda: self._close(listing, now_ms))

    def _close(self, listing: Listing, now_ms: int) -> int:
        minute = self._history.since(listing, now_ms // MINUTE_MS * MINUTE_MS, now_ms)
        if len(minute):
            return int(minute.close[-1])
        before = self._history.minutes(listing, now_ms // MINUTE_MS - DAY_MS // MINUTE_MS, now_ms // MINUTE_MS)
        return int(before.close[-1]) if len(before) else 0

    def _window(self, listing: Listing, now_ms: int) -> list[int] | None:
        """The columns of one candle of 24 hours; its whole minutes are kept until the next begins."""
        minute = now_ms // MINUTE_MS
        since = minute + 1 - DAY_MS // MINUTE_MS
        whole = self._days.get((listing, minute), lambda: _one(self._history.minutes(listing, since, minute)))
        day = joined([whole, self._history.since(listing, minute * MINUTE_MS, now_ms)])
        return [int(column[0]) for column in _one(day).columns()] if len(day) else None


def _one(candles: Candles) -> Candles:
    return candles.merged(candles.opened * 0)


def _across(parts: list[Candles]) -> Candles:
    """Candles that follow one another as one, of each symbol of a crowd."""
    sums = [[getattr(part, name) for part in parts] for name in _SUMS]
    return Candles(
        parts[0].opened,
        parts[0].open,
        np.maximum.reduce([part.high for part in parts]),
        np.minimum.reduce([part.low for part in parts]),
        parts[-1].close,
        *(np.add.reduce(columns) for columns in sums),
    )


def _statistics(listing: Listing, day: list[int] | None, now_ms: int) -> dict[str, Any]:
    """The fields of `ticker/24hr` from the one candle that the day makes; zeros when nothing was printed."""
    _, first, high, low, last, volume, quote, trades, *_ = day if day is not None else [0] * 10
    tick, step = listing.tick_decimals, listing.step_decimals
    quantity = printed(1 if trades else 0, step)
    return {
        "symbol": listing.symbol,
        "priceChange": printed(last - first, tick),
        "priceChangePercent": f"{(last - first) * 100 / first if first else 0:.3f}",
        "weightedAvgPrice": printed(quote * 10**step // volume if volume else 0, DECIMALS),
        "prevClosePrice": printed(first, tick),
        "lastPrice": printed(last, tick),
        "lastQty": quantity,
        "bidPrice": printed(max(last - 1, 0), tick),
        "bidQty": quantity,
        "askPrice": printed(last + 1 if last else 0, tick),
        "askQty": quantity,
        "openPrice": printed(first, tick),
        "highPrice": printed(high, tick),
        "lowPrice": printed(low, tick),
        "volume": printed(volume, step),
        "quoteVolume": printed(quote, DECIMALS),
        "openTime": 0,
        "closeTime": 0,
        "firstId": now_ms - trades + 1 if trades else -1,
        "lastId": now_ms if trades else -1,
        "count": trades,
    }
