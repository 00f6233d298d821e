"""A lake that the owner of a key fills, beside the hands-on clients that ask the same exchange with the same key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binance_common.configuration import ConfigurationRestAPI
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from pipelines.settings.loader import load

UID = 4242
HMAC_SECRET = "h" * 64
FLOWS = """\
exchange: {{spot: '{url}'}}
accounts:
  main: {{api_key: file:api.key, {signer}}}
flows:
  market: {{kind: market, market: spot, datasets: [klines, tickers], symbols: [{symbol}], intervals: [1m],
            since: '{since}'}}
  wallet: {{kind: account, account: main, datasets: [balances], values: false}}
  trading: {{kind: account, account: main, datasets: [orders, fills], symbols: traded, values: false}}
"""


# Each worker of the suite imports every test; these clients take two seconds of that, and one worker needs them.


def spot_api(configuration: ConfigurationRestAPI) -> Any:
    from binance_sdk_spot.spot import Spot  # noqa: PLC0415 - as above

    return Spot(config_rest_api=configuration).rest_api


def wallet_api(configuration: ConfigurationRestAPI) -> Any:
    from binance_sdk_wallet.wallet import Wallet  # noqa: PLC0415 - as above

    return Wallet(config_rest_api=configuration).rest_api


def ccxt_clients() -> Any:
    import ccxt.async_support  # noqa: PLC0415 - as above

    return ccxt


@dataclass
class Stored:
    """A lake that a key's owner filled, the exchange it came from, and that exchange's hands-on clients."""

    config: Path
    url: str
    credentials: Any
    session: DuckDBPyConnection | None = None  # over what the last pull left

    @property
    def lake(self) -> Lake:
        return Lake.at(load(self.config).lake)

    @property
    def state(self) -> Path:
        return self.config.parent / "budget.sqlite"

    async def pull(self, flow: str) -> None:
        self.session = None
        receipts = await run_flow(load(self.config), flow, progress=Silent(), stop=asyncio.Event(), state=self.state)
        assert [receipt.outcome for receipt in receipts] == ["done"] * len(receipts)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        self.session = self.session or connect(self.lake)
        return run(self.session, sql).to_pylist()

    @property
    def sdk(self) -> ConfigurationRestAPI:
        secret = "api_secret" if self.credentials.kind == "hmac" else "private_key"
        return ConfigurationRestAPI(
            api_key=self.credentials.api_key, base_path=self.url, timeout=10_000, **{secret: self.credentials.secret}
        )


async def ask(method: Any, **parameters: Any) -> Any:
    """The data of one call of an official client; it blocks, so it runs in a thread."""
    return await asyncio.to_thread(lambda: method(**parameters).data())
