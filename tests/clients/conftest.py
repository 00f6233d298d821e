"""A simulator that keeps real time, with one key of each kind, for clients that bring their own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from owner import FLOWS, HMAC_SECRET, UID, Stored, ccxt_clients
from pointing import OPTIONS, pointed_at
from support.trade_desk import UNLIMITED

from connectors.binance.budget import Budget
from connectors.binance.pools import SPOT
from connectors.simulator import Exchange, Life, serve
from connectors.simulator.account.account_book import Book
from connectors.simulator.market.kline_pages import Wanted
from connectors.simulator.protocol.limits import Limits

BALANCES = {"BTC": ("0.5", "0.25"), "USDT": ("1234.56789012", "0"), "币安人生": ("1000", "0"), "ETH": ("0", "0")}


@dataclass(frozen=True)
class Credentials:
    """A key as a user holds it: `secret` is the HMAC secret or the PEM of the private key."""

    kind: str
    api_key: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Served:
    """An exchange and where it listens."""

    exchange: Exchange
    url: str


def _pem(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public(key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="session")
def private_keys() -> dict[str, RSAPrivateKey | Ed25519PrivateKey]:
    """Keys made for this run alone."""
    return {"rsa": generate_private_key(65537, 2048), "ed25519": Ed25519PrivateKey.generate()}


@pytest.fixture
async def served(private_keys: dict[str, RSAPrivateKey | Ed25519PrivateKey]) -> AsyncIterator[Served]:
    """One account with three keys, behind a socket."""
    exchange = Exchange(limits=Limits(enforced=False, weight=UNLIMITED))
    exchange.add_account(UID, "hmac".ljust(64, "0"), secret=HMAC_SECRET, balances=BALANCES)
    for kind, key in private_keys.items():
        exchange.add_account(UID, kind.ljust(64, "0"), public_key_pem=_public(key))
    async with serve(exchange) as url:
        yield Served(exchange, url)


@pytest.fixture(params=["hmac", "rsa", "ed25519"])
def credentials(
    request: pytest.FixtureRequest, private_keys: dict[str, RSAPrivateKey | Ed25519PrivateKey]
) -> Credentials:
    """A key of each kind in turn."""
    kind = request.param
    secret = HMAC_SECRET if kind == "hmac" else _pem(private_keys[kind])
    return Credentials(kind, kind.ljust(64, "0"), secret)


@pytest.fixture
def candles(served: Served) -> list[list[Any]]:
    """The last hundred closed minutes of the symbol with a non-ASCII name, as the exchange itself makes them."""
    exchange, end = served.exchange, served.exchange.now_ms // 60_000 * 60_000 - 1
    listing = exchange.listing("币安人生USDT", end)
    page = exchange.charts.page(listing, "1m", Wanted(end - 100 * 60_000 + 1, end, 1000, exchange.now_ms))
    return msgspec.json.decode(page, type=list[list[Any]])


@pytest.fixture
def book(served: Served) -> Book:
    """The orders of the account, which has traded three symbols for six weeks, and now trades one by hand."""
    exchange = served.exchange
    life = Life(
        since_ms=exchange.now_ms - 42 * 86_400_000,
        stories_a_day=5,
        traded={"BTCUSDT": 4, "币安人生USDT": 1, "BTCZAR": 1},
        watched={},
    )
    exchange.add_account(UID, "life".ljust(64, "0"), secret=HMAC_SECRET, orders=life)
    book = exchange.book(UID)
    book.agenda.advance()
    book.agenda.clear()  # nothing happens by itself between two readings
    number = book.place("ETHBTC", "BUY", "2", "0.05", more={"strategyId": 7, "strategyType": 1_000_000})
    book.amend("ETHBTC", number, "1.5")
    book.fill("ETHBTC", number, "0.5", fee=("0.00001", "BNB"))
    return book


@pytest.fixture
def stored(tmp_path: Path, served: Served, credentials: Credentials) -> Stored:
    """A flows.yaml with a key of one type in private files, and a lake yet to be filled."""
    since = datetime.now(UTC) - timedelta(hours=2)
    for name, content in {"api.key": credentials.api_key, "signer": credentials.secret}.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    signer = "secret" if credentials.kind == "hmac" else "private_key"
    config = tmp_path / "flows.yaml"
    config.write_text(
        FLOWS.format(
            url=served.url, signer=f"{signer}: file:signer", symbol="币安人生USDT", since=f"{since:%Y-%m-%dT%H:%M}"
        )
    )
    whole = Stored(config, served.url, credentials)
    Budget(whole.state, "simulator").learn(SPOT, UNLIMITED)  # so that not even the first run is paced
    return whole


@pytest.fixture
async def ccxt_client(stored: Stored) -> AsyncIterator[Any]:
    """The third client, ccxt, with the same key at the same exchange."""
    settings = {"apiKey": stored.credentials.api_key, "secret": stored.credentials.secret, "options": OPTIONS}
    client = pointed_at(stored.url, ccxt_clients().async_support.binance(settings))
    yield client
    await client.close()
