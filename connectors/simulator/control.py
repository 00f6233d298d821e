"""How a test steers a simulator that runs as a process: JSON over the same loopback port, below /simulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from connectors.simulator.archive.faults import AnyArchiveFault
from connectors.simulator.exchange import Exchange
from connectors.simulator.protocol.faults import AnyFault

PREFIX = "/simulator/"
_SIGNATURE = re.compile(r"signature=[^&]*")


class _Delist(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    forget: bool = False


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    skew_s: float


class _Balance(msgspec.Struct, forbid_unknown_fields=True):
    uid: int
    asset: str
    free: str
    locked: str = "0"


class _Spend(msgspec.Struct, forbid_unknown_fields=True):
    weight: int


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    """What of a key changes. A new one needs `uid` and either `secret` or `public_key`."""

    api_key: str
    uid: int | None = None
    secret: str | None = None
    public_key: str | None = None
    permissions: list[str] | None = None
    addresses: list[str] | None = None
    trading_until_ms: int | None = None


def _inject(exchange: Exchange, body: bytes) -> None:
    exchange.inject(msgspec.json.decode(body, type=AnyFault | AnyArchiveFault))


def _heal(exchange: Exchange, _body: bytes) -> None:
    exchange.heal()


def _delist(exchange: Exchange, body: bytes) -> None:
    order = msgspec.json.decode(body, type=_Delist)
    (exchange.remove if order.forget else exchange.delist)(order.symbol)


def _clock(exchange: Exchange, body: bytes) -> None:
    exchange.skew_s = msgspec.json.decode(body, type=_Clock).skew_s


def _balance(exchange: Exchange, body: bytes) -> None:
    order = msgspec.json.decode(body, type=_Balance)
    exchange.set_balance(order.uid, order.asset, order.free, order.locked)


def _key(exchange: Exchange, body: bytes) -> None:
    order = msgspec.json.decode(body, type=_Key)
    if order.uid is not None:
        exchange.add_account(order.uid, order.api_key, secret=order.secret, public_key_pem=order.public_key)
    exchange.change_key(
        order.api_key,
        permissions=order.permissions,
        addresses=order.addresses,
        trading_until_ms=order.trading_until_ms,
    )


def _delete_key(exchange: Exchange, body: bytes) -> None:
    exchange.delete_key(msgspec.json.decode(body, type=_Key).api_key)


def _spend(exchange: Exchange, body: bytes) -> None:
    exchange.spend(msgspec.json.decode(body, type=_Spend).weight)


def _requests(exchange: Exchange, _body: bytes) -> list[dict[str, Any]]:
    """What was asked, without keys and signatures."""
    return [
        {
            "at_ms": seen.at_ms,
            "method": seen.method,
            "target": _SIGNATURE.sub("signature=hidden", seen.target),
            "status": seen.status,
            "weight": seen.weight,
            "used": seen.used,
        }
        for seen in exchange.requests
    ]


def _spent(exchange: Exchange, _body: bytes) -> dict[str, int]:
    """Weight by minute, as epoch seconds."""
    return {str(minute * 60): weight for minute, weight in exchange.limits.spent.items()}


_ORDERS: dict[tuple[str, str], Callable[[Exchange, bytes], Any]] = {
    ("POST", "faults"): _inject,
    ("DELETE", "faults"): _heal,
    ("POST", "delist"): _delist,
    ("POST", "clock"): _clock,
    ("POST", "balance"): _balance,
    ("POST", "key"): _key,
    ("DELETE", "key"): _delete_key,
    ("POST", "spend"): _spend,
    ("GET", "requests"): _requests,
    ("GET", "spent"): _spent,
}


async def handle(exchange: Exchange, request: web.BaseRequest) -> web.Response:
    """Carry out one order; a wrong one is answered with what is wrong about it."""
    order = _ORDERS.get((request.method, request.path.removeprefix(PREFIX)))
    if order is None:
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in _ORDERS)
        return web.Response(status=404, text=f"no such order; known: {known}\n")
    try:
        result = order(exchange, await request.read())
    except (msgspec.MsgspecError, KeyError, ValueError, ArithmeticError) as problem:
        return web.Response(status=400, text=f"{problem}\n")
    return web.Response(body=msgspec.json.encode(result), content_type="application/json")
