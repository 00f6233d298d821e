"""A simulator that keeps real time, with one key of each kind, for clients that bring their own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.simulator import Exchange, Life, serve
from connectors.simulator.book import Book
from connectors.simulator.charts import Wanted

UID = 4242
HMAC_SECRET = "h" * 64
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
    exchange = Exchange()
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
    """The orders of the account, which has traded two symbols for four months, and now trades one by hand."""
    exchange = served.exchange
    life = Life(
        since_ms=exchange.now_ms - 120 * 86_400_000,
        stories_a_day=5,
        traded={"BTCUSDT": 4, "币安人生USDT": 1, "BTCZAR": 1},
        watched={},
    )
    exchange.add_account(UID, "life".ljust(64, "0"), secret=HMAC_SECRET, orders=life)
    book = exchange.book(UID)
    number = book.place("ETHBTC", "BUY", "2", "0.05", more={"strategyId": 7, "strategyType": 1_000_000})
    book.amend("ETHBTC", number, "1.5")
    book.fill("ETHBTC", number, "0.5", fee=("0.00001", "BNB"))
    return book
