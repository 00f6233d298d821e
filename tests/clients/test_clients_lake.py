"""What binlake stores is what ccxt and the official clients read: the same candles, tickers and account, to the digit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support
import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_spot.spot import Spot
from binance_sdk_wallet.wallet import Wallet
from desks import AS_PRINTED
from pointing import OPTIONS, pointed_at

from connectors.binance.budget import Budget
from connectors.binance.client import Client
from connectors.binance.guard import check_key
from connectors.binance.sites import resolve
from connectors.lake import Lake
from connectors.lake.sql import connect, run
from connectors.simulator import MovableClock
from pipelines.access import key_of
from pipelines.config import load
from pipelines.progress import Silent
from pipelines.runs import run_flow

SYMBOL = "币安人生USDT"
FLOWS = """\
exchange: {{spot: '{url}'}}
accounts:
  main: {{api_key: file:api.key, {signer}}}
flows:
  market: {{kind: market, market: spot, datasets: [klines, tickers], symbols: [{symbol}], intervals: [1m],
            since: '{since}'}}
  wallet: {{kind: account, account: main, datasets: [balances]}}
"""


@dataclass
class Stored:
    """A lake that a key's owner filled, the exchange it came from, and that exchange's hands-on clients."""

    config: Path
    url: str
    credentials: Any

    @property
    def lake(self) -> Lake:
        return Lake.at(load(self.config).lake)

    async def pull(self, flow: str) -> None:
        state = self.config.parent / "budget.sqlite"
        receipts = await run_flow(load(self.config), flow, progress=Silent(), stop=asyncio.Event(), state=state)
        assert [receipt.outcome for receipt in receipts] == ["done"] * len(receipts)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return run(connect(self.lake), sql).to_pylist()

    @property
    def sdk(self) -> ConfigurationRestAPI:
        secret = "api_secret" if self.credentials.kind == "hmac" else "private_key"
        return ConfigurationRestAPI(
            api_key=self.credentials.api_key, base_path=self.url, timeout=10_000, **{secret: self.credentials.secret}
        )


@pytest.fixture
def stored(tmp_path: Path, served: Any, credentials: Any) -> Stored:
    """A flows.yaml with a key of one type in private files, on an exchange whose prices stand still."""
    served.exchange.clock = MovableClock(time.time())
    since = datetime.now(UTC) - timedelta(hours=2)
    for name, content in {"api.key": credentials.api_key, "signer": credentials.secret}.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    signer = "secret" if credentials.kind == "hmac" else "private_key"
    config = tmp_path / "flows.yaml"
    config.write_text(
        FLOWS.format(url=served.url, signer=f"{signer}: file:signer", symbol=SYMBOL, since=f"{since:%Y-%m-%dT%H:%M}")
    )
    return Stored(config, served.url, credentials)


@pytest.fixture
async def ccxt_client(stored: Stored) -> AsyncIterator[Any]:
    """The third client, ccxt, with the same key at the same exchange."""
    settings = {"apiKey": stored.credentials.api_key, "secret": stored.credentials.secret, "options": OPTIONS}
    client = pointed_at(stored.url, ccxt.async_support.binance(settings))
    yield client
    await client.close()


@pytest.fixture(autouse=True)
async def _models_accept(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """The official models never fall back to raw data."""
    yield
    assert not [record for record in caplog.records if "Failed to parse" in record.getMessage()]


async def _ask(method: Any, **parameters: Any) -> Any:
    """The data of one call of an official client; it blocks, so it runs in a thread."""
    return await asyncio.to_thread(lambda: method(**parameters).data())


def _plain(value: Any) -> Any:
    return getattr(value, "actual_instance", value)


async def test_the_lake_holds_what_the_clients_read_of_the_market(stored: Stored, ccxt_client: Any) -> None:
    """Two hours of candles and the rolling day of a symbol with a non-ASCII name, value by value."""
    await stored.pull("market")
    candles = [list(row.values()) for row in stored.rows(AS_PRINTED)]
    assert len(candles) >= 119
    spot = Spot(config_rest_api=stored.sdk).rest_api
    window = {"start_time": candles[0][0], "end_time": candles[-1][6], "limit": 1000}
    official = await _ask(spot.klines, symbol=SYMBOL, interval="1m", **window)
    assert [[_plain(value) for value in row] for row in official] == candles
    floats = await ccxt_client.fetch_ohlcv("币安人生/USDT", "1m", since=candles[0][0], limit=len(candles))
    assert floats == [[row[0], *map(float, row[1:6])] for row in candles]

    [ticker] = stored.rows("SELECT * FROM tickers")
    official = (await _ask(spot.ticker24hr, symbol=SYMBOL)).actual_instance
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


async def test_the_lake_holds_what_the_clients_read_of_the_account(
    stored: Stored, served: Any, ccxt_client: Any
) -> None:
    """Balances, whose account it is, and what the key may do: three clients, one answer, with each type of key."""
    served.exchange.clock = time.time  # signed calls are held against the clients' own clocks
    await stored.pull("wallet")
    held = {row["asset"]: (row["free"], row["locked"]) for row in stored.rows("SELECT * FROM balances")}

    account = await _ask(Spot(config_rest_api=stored.sdk).rest_api.get_account, omit_zero_balances=True)
    assert {each.asset: (Decimal(each.free), Decimal(each.locked)) for each in account.balances} == held
    assert stored.lake.accounts == {"main": account.uid}
    floating = await ccxt_client.fetch_balance()
    nonzero = {asset: value for asset, value in floating["free"].items() if value or floating["used"][asset]}
    assert nonzero == {asset: float(free) for asset, (free, _) in held.items()}

    rights = await _ask(Wallet(config_rest_api=stored.sdk).rest_api.get_api_key_permission)
    granted = {name for name, value in rights.to_dict().items() if value is True}
    config = load(stored.config)
    budget = Budget(stored.config.parent / "budget.sqlite", "simulator")
    async with Client(resolve(config.exchange), budget, key_of(config.accounts["main"])) as client:
        facts = await check_key(client, frozenset())
    assert (facts.permissions, facts.uid) == (granted, account.uid)
