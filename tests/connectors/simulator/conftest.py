"""Asking the exchange without a network."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from connectors.simulator import Exchange, gateway
from connectors.simulator.account.account_book import Book
from connectors.simulator.protocol.messages import Answer, Asked

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"  # published by the exchange's docs
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published

Ask = Callable[..., Answer]


@pytest.fixture
def ask(exchange: Exchange) -> Ask:
    """Ask for a target; other keywords become headers."""

    def ask(target: str, *, address: str = "127.0.0.1", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.answer(exchange, Asked("GET", target, named, address))

    return ask


@pytest.fixture
def get(ask: Ask) -> Callable[..., Any]:
    """Ask for a target and give the JSON, which must be a success."""

    def get(target: str, **headers: str) -> Any:
        answer = ask(target, **headers)
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body)

    return get


@pytest.fixture
def code(ask: Ask) -> Callable[..., tuple[int, int]]:
    """Ask for a target and give status and code of the refusal."""

    def code(target: str, **headers: str) -> tuple[int, int]:
        answer = ask(target, **headers)
        return answer.status, msgspec.json.decode(answer.body)["code"]

    return code


@pytest.fixture
def signed(exchange: Exchange) -> Callable[..., str]:
    """The signed target of a path and query, with the exchange's own time unless another is given."""

    def signed(path: str, query: str = "", timestamp: int | None = None) -> str:
        stamp = f"timestamp={exchange.now_ms if timestamp is None else timestamp}"
        payload = f"{query}&{stamp}" if query else stamp
        return f"{path}?{payload}&signature={hmac.new(SECRET.encode(), payload.encode(), 'sha256').hexdigest()}"

    return signed


@pytest.fixture
def api_key(exchange: Exchange) -> str:
    """The key of an account that the exchange knows."""
    balances = {"BTC": ("1.5", "0.25"), "USDT": ("100", "0"), "ETH": ("0", "0"), "LDBNB": ("0.123456789012", "0")}
    exchange.add_account(7, API_KEY, secret=SECRET, balances=balances)
    return API_KEY


@pytest.fixture
def book(exchange: Exchange, api_key: str) -> Book:
    """The orders of the account that the key belongs to."""
    assert api_key
    return exchange.book(7)


@pytest.fixture
def read(api_key: str, signed: Callable[..., str], get: Callable[..., Any]) -> Callable[..., Any]:
    """What a signed endpoint of /api/v3 answers to parameters."""

    def read(path: str, **parameters: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return get(signed(f"/api/v3/{path}", query), x_mbx_apikey=api_key)

    return read
