"""Checks that hold candles of one kind or length against those of another."""

from __future__ import annotations

from typing import Any

import pytest
from support.lakes import at
from support.tables import Tables, offending

from schemas.datasets.market import INDEX_KLINES, KLINES, MARK_KLINES

NOW = at("2026-03-05")
MARKETS = {"spot": "BTCUSDT", "usdm": "BTCUSDT", "coinm": "BTCUSD_PERP"}


def candle(market: str, symbol: str, minute: int, interval: str = "1m", **more: Any) -> dict[str, Any]:
    named = {"market": market, "symbol": symbol, "interval": interval}
    opens = f"2026-03-01T05:{minute:02}"
    prices = {"open": "100", "high": "101", "low": "99", "close": "100", "volume": "1", "trade_count": 2}
    return {**named, "open_time": opens, "close_time": opens, **prices, **more}


@pytest.mark.parametrize("market", MARKETS)
def test_hours_are_made_of_their_minutes(market: str, tables: Tables) -> None:
    """On every market an hour that differs from its sixty minutes is named; one that lacks a minute is left alone."""
    symbol = MARKETS[market]
    minutes = [candle(market, symbol, minute) for minute in range(60)]
    minutes[7] |= {"high": "180"}
    minutes[59] |= {"close": "120"}
    whole = {"high": "180", "close": "120", "volume": "60", "quote_volume": "60", "trade_count": 120}
    tables.put(KLINES, *minutes[:-1], candle(market, symbol, 0, "1h", **whole | {"volume": "61"}))
    assert tables.check("candles_of_minutes", NOW).passed
    tables.put(KLINES, minutes[59])
    [row] = offending(tables.check("candles_of_minutes", NOW))
    assert (row["market"], row["symbol"], row["volume"], row["made_volume"]) == (market, symbol, 61, 60)


@pytest.mark.parametrize("changed", ["open", "high", "low", "close", "quote_volume", "trade_count"])
def test_every_value_of_an_hour_counts(changed: str, tables: Tables) -> None:
    """An hour that agrees passes, and one of which a single value differs does not."""
    minutes = [candle("usdm", "BTCUSDT", minute) for minute in range(60)]
    whole = {"volume": "60", "quote_volume": "60", "trade_count": 120}
    tables.put(KLINES, *minutes, candle("usdm", "BTCUSDT", 0, "1h", **whole))
    assert tables.check("candles_of_minutes", NOW).passed
    other = whole | {changed: 77 if changed == "trade_count" else "77"}
    tables.put(KLINES, *(one | {"symbol": "ETHUSDT"} for one in minutes), candle("usdm", "ETHUSDT", 0, "1h", **other))
    assert [row["symbol"] for row in offending(tables.check("candles_of_minutes", NOW))] == ["ETHUSDT"]


@pytest.mark.parametrize(
    ("market", "symbol", "pair"), [("usdm", "BTCUSDT", "BTCUSDT"), ("coinm", "BTCUSD_PERP", "BTCUSD")]
)
def test_mark_prices_are_near_the_index(market: str, symbol: str, pair: str, tables: Tables) -> None:
    """A mark price that is further than a tenth from the index is named, above or below it."""
    index = {"open": "100", "high": "101", "low": "99", "close": "100"}
    far = {"open": "112", "high": "113", "low": "112", "close": "112"}
    low = {"open": "88", "high": "89", "low": "87", "close": "88"}
    tables.put(INDEX_KLINES, *(candle(market, pair, minute, **index) for minute in range(4)))
    near = index | {"high": "109", "low": "108"}
    tables.put(MARK_KLINES, *(candle(market, symbol, n, **one) for n, one in enumerate([index, near, far, low])))
    found = offending(tables.check("mark_near_index", NOW))
    assert [row["open_time"][14:16] for row in found] == ["02", "03"]


def test_nothing_is_said_of_deliveries(tables: Tables) -> None:
    """A contract with a day of delivery may be far from the index, and another pair's index is none of a contract's."""
    tables.put(INDEX_KLINES, candle("coinm", "BTCUSD", 0), candle("coinm", "ETHUSD", 0, low="1", high="2"))
    far = {"low": "150", "high": "160"}
    tables.put(MARK_KLINES, candle("coinm", "BTCUSD_261225", 0, **far), candle("coinm", "BTCUSD_PERP", 0))
    assert tables.check("mark_near_index", NOW).passed
