"""What binlake stores is what ccxt and the official clients read: the same candles, tickers and account, to the digit."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from owner import Stored, ask, spot_api, wallet_api
from support.desks import AS_PRINTED

from connectors.binance.budget import Budget
from connectors.binance.client import Client
from connectors.binance.key_guard import check_key
from connectors.binance.sites import resolve
from connectors.simulator import MovableClock
from pipelines.settings.credentials import key_of
from pipelines.settings.loader import load

SYMBOL = "币安人生USDT"


@pytest.fixture(autouse=True)
async def _models_accept(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """The official models never fall back to raw data."""
    yield
    assert not [record for record in caplog.records if "Failed to parse" in record.getMessage()]


def _plain(value: Any) -> Any:
    return getattr(value, "actual_instance", value)


async def test_the_lake_holds_what_the_clients_read_of_the_market(
    stored: Stored, served: Any, ccxt_client: Any
) -> None:
    """Two hours of candles and the rolling day of a symbol with a non-ASCII name, value by value."""
    served.exchange.clock = MovableClock(time.time())  # so that prices stand still
    await stored.pull("market")
    candles = [list(row.values()) for row in stored.rows(AS_PRINTED)]
    assert len(candles) >= 119
    spot = spot_api(stored.sdk)
    window = {"start_time": candles[0][0], "end_time": candles[-1][6], "limit": 1000}
    official = await ask(spot.klines, symbol=SYMBOL, interval="1m", **window)
    assert [[_plain(value) for value in row] for row in official] == candles
    floats = await ccxt_client.fetch_ohlcv("币安人生/USDT", "1m", since=candles[0][0], limit=len(candles))
    assert floats == [[row[0], *map(float, row[1:6])] for row in candles]

    [ticker] = stored.rows("SELECT * FROM tickers")
    official = (await ask(spot.ticker24hr, symbol=SYMBOL)).actual_instance
    assert _ticker_of(official.to_dict()) == {name: value for name, value in ticker.items() if name in TICKER_FIELDS}
    floating = await ccxt_client.fetch_ticker("币安人生/USDT")
    for name, column in {
        "last": "last_price",
        "high": "high_price",
        "low": "low_price",
        "baseVolume": "volume",
    }.items():
        assert floating[name] == float(ticker[column])


TICKER_FIELDS = {
    "price_change": "priceChange", "weighted_avg_price": "weightedAvgPrice", "prev_close_price": "prevClosePrice",
    "last_price": "lastPrice", "last_qty": "lastQty", "bid_price": "bidPrice", "bid_qty": "bidQty",
    "ask_price": "askPrice", "ask_qty": "askQty", "open_price": "openPrice", "high_price": "highPrice",
    "low_price": "lowPrice", "volume": "volume", "quote_volume": "quoteVolume", "count": "count",
    "first_id": "firstId", "last_id": "lastId",
}  # fmt: skip


def _ticker_of(printed: dict[str, Any]) -> dict[str, Any]:
    """The official model's fields under our names; money as decimals."""
    values = {name: printed[wire] for name, wire in TICKER_FIELDS.items()}
    return {name: Decimal(value) if isinstance(value, str) else value for name, value in values.items()}


async def test_the_lake_holds_what_the_clients_read_of_the_account(stored: Stored, ccxt_client: Any) -> None:
    """Balances, whose account it is, and what the key may do: three clients, one answer, with each type of key."""
    await stored.pull("wallet")
    held = {row["asset"]: (row["free"], row["locked"]) for row in stored.rows("SELECT * FROM balances")}

    account = await ask(spot_api(stored.sdk).get_account, omit_zero_balances=True)
    assert {each.asset: (Decimal(each.free), Decimal(each.locked)) for each in account.balances} == held
    assert stored.lake.accounts == {"main": account.uid}
    floating = await ccxt_client.fetch_balance()
    nonzero = {asset: value for asset, value in floating["free"].items() if value or floating["used"][asset]}
    assert nonzero == {asset: float(free) for asset, (free, _) in held.items()}

    rights = await ask(wallet_api(stored.sdk).get_api_key_permission)
    granted = {name for name, value in rights.to_dict().items() if value is True}
    config = load(stored.config)
    budget = Budget(stored.state, "simulator")
    async with Client(resolve(config.exchange), budget, key_of(config.accounts["main"])) as client:
        facts = await check_key(client, frozenset())
    assert (facts.permissions, facts.uid) == (granted, account.uid)
