"""Real recorded answers, served again exactly as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.simulator import Exchange
from connectors.simulator.protocol.messages import Answer

Get = Callable[..., Any]
ONE = "GET_api_v3_klines__endTime=1591880400000_interval=1h_limit=1000_startTime=1588280400000_symbol=BTCUSDT.json"
NEXT = "GET_api_v3_klines__endTime=1593572400000_interval=1h_limit=1000_startTime=1591880400000_symbol=BTCUSDT.json"


@pytest.fixture
def hours(recorded: Path) -> list[list[Any]]:
    """Two adjoining pages of real hours, the row they share once."""
    pages = [
        json.loads((recorded / "rest-json" / "gocryptotrader" / name).read_text())["response"] for name in (ONE, NEXT)
    ]
    return list({row[0]: row for page in pages for row in page}.values())


def test_real_candles_come_back_byte_for_byte(exchange: Exchange, ask: Callable[..., Answer], hours: Any) -> None:
    """The JSON of a page is the JSON of the recording."""
    exchange.replay_klines("BTCUSDT", "1h", hours)
    start = hours[0][0]
    answer = ask(f"/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1000&startTime={start}")
    assert answer.body == msgspec.json.encode(hours[:1000])


def test_real_candles_are_paged_like_any(exchange: Exchange, get: Get, hours: Any) -> None:
    """Walking by pages shows every recorded row once."""
    exchange.replay_klines("BTCUSDT", "1h", hours)
    walked: list[Any] = []
    while page := get(f"/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime={walked[-1][0] + 1 if walked else 0}"):
        walked += page
    assert walked == hours


def test_a_real_exchange_info_is_served_whole(exchange: Exchange, recorded: Path, get: Get) -> None:
    """1,695 symbols come back field by field, and each has candles and a price."""
    info = json.loads((recorded / "exchange-info" / "spot_2021-10-12.json").read_text())
    exchange.replay_exchange_info(info)
    served = get("/api/v3/exchangeInfo")["symbols"]
    assert len(served) == 1695
    assert served == info["symbols"]
    last = info["symbols"][-1]["symbol"]
    assert len(get(f"/api/v3/klines?symbol={last}&interval=1m&limit=3")) == 3
    assert get(f"/api/v3/ticker/price?symbol={last}")["symbol"] == last
