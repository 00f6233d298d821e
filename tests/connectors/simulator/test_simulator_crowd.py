"""Thousands of symbols at once: what is reckoned together is what is reckoned alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.simulator import Exchange, MovableClock, gateway
from connectors.simulator.futures import Contract
from connectors.simulator.market.listings import DECIMALS, generated
from connectors.simulator.protocol.messages import Asked

NOW_S = 1_795_900_200.0  # a full minute
COUNT = 24


def _exchange(now_s: float) -> Exchange:
    exchange = Exchange(clock=MovableClock(now_s), extra_symbols=COUNT, limits=False)
    for one in generated(COUNT):
        exchange.futures.add(_contract(one.symbol, one.base, one.price))
    return exchange


def _contract(symbol: str, base: str, price: int) -> Contract:
    return Contract(
        symbol=symbol, base=base, quote="USDT", price=price, turnover=30_000, tick_decimals=4, step_decimals=1,
        listed_ms=1_600_000_000_000,
    )  # fmt: skip


def _get(exchange: Exchange, target: str) -> Any:
    answer = gateway.answer(exchange, Asked("GET", target, {}))
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body)


@pytest.mark.parametrize(
    ("path", "second"),
    [
        ("/api/v3/ticker/price", 0.0),
        ("/api/v3/ticker/bookTicker", 59.9),
        ("/api/v3/ticker/24hr", 617.5),
        ("/fapi/v2/ticker/price", 59.9),
        ("/fapi/v1/ticker/24hr", 0.0),
    ],
)
def test_a_symbol_says_the_same_alone_and_among_all(path: str, second: float):
    """Whether one symbol or all are asked for, and whatever was asked before, each value of a symbol is the same."""
    together, apart = _exchange(NOW_S - 60), _exchange(NOW_S + second)
    _get(together, path)
    together.clock.advance(60 + second)  # type: ignore[attr-defined]  # it is movable
    rows = {row["symbol"]: row for row in _get(together, path)}
    for one in list(generated(COUNT))[::5]:
        assert rows[one.symbol] == _get(apart, f"{path}?symbol={one.symbol}")


def test_prices_among_all_are_those_of_candles():
    """What the tickers of all symbols say last, and of the day, are the closes, highs and lows of their candles."""
    exchange = _exchange(NOW_S + 30)
    rows = {row["symbol"]: row for row in _get(exchange, "/api/v3/ticker/24hr")}
    for one in list(generated(COUNT))[::7]:
        candles = _get(exchange, f"/api/v3/klines?symbol={one.symbol}&interval=1m&limit=1000")
        candles += _get(
            exchange, f"/api/v3/klines?symbol={one.symbol}&interval=1m&limit=440&endTime={candles[0][0] - 1}"
        )
        assert rows[one.symbol]["lastPrice"] == candles[999][4]
        assert rows[one.symbol]["highPrice"] == max((row[2] for row in candles), key=float)
        assert rows[one.symbol]["lowPrice"] == min((row[3] for row in candles), key=float)


def test_a_symbol_is_as_long_as_a_recorded_one():
    """`exchangeInfo` of generated symbols prints as many bytes a symbol as the exchange does: 4.7 kB."""
    exchange = _exchange(NOW_S)
    first, again = (_get(exchange, "/api/v3/exchangeInfo") for _ in range(2))
    assert first == again
    infos = [
        each for each in first["symbols"] if each["symbol"].startswith("Z") and each["baseAssetPrecision"] == DECIMALS
    ]
    assert len(infos) == COUNT
    assert 4500 < sum(len(msgspec.json.encode(each)) for each in infos) / COUNT < 5500
    exchange.delist(infos[0]["symbol"])
    later = {each["symbol"]: each for each in _get(exchange, "/api/v3/exchangeInfo")["symbols"]}
    assert later[infos[0]["symbol"]]["status"] == "BREAK", "what was printed before is not printed for ever"
