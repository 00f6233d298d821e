"""The key guard: a key that could move money is not used, whatever it is meant for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from connectors.binance.client import Client
from connectors.binance.endpoints import ACCOUNT, API_RESTRICTIONS, Endpoint
from connectors.binance.errors import Rejected, Unreadable
from schemas.errors import AccessRefused

TRADE = "trade"
_READS = frozenset({"enableReading", "enableFixReadOnly"})
_MOVES_MONEY = {
    "enableWithdrawals": "withdraw",
    "enableInternalTransfer": "transfer to other accounts",
    "permitsUniversalTransfer": "transfer between wallets",
}
_TRADES = {
    "enableSpotAndMarginTrading": "trade spot and margin",
    "enableMargin": "borrow and repay on margin",
    "enableFutures": "trade futures",
    "enableVanillaOptions": "trade options",
    "enablePortfolioMarginTrading": "trade with portfolio margin",
    "enableFixApiTrade": "trade over FIX",
}
_SETTINGS = "Change the key's permissions on the exchange, or make a key that only reads."
_HTTP_NOT_FOUND = 404
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """Whose key it is, what it may do, and what its owner should know."""

    uid: int
    permissions: frozenset[str]
    warnings: tuple[str, ...] = ()


class _Account(msgspec.Struct):
    uid: int


async def check_key(client: Client, allow: frozenset[str]) -> KeyFacts:
    """Whose key this is, unless it may do more than read and `allow` does not cover that."""
    printed = await _restrictions(client)
    if printed is None:
        note = f"The exchange `{client.site.environment}` does not tell what a key may do: not checked."
        return KeyFacts(await _uid(client), frozenset(), (note,))
    permissions = frozenset(name for name, value in printed.items() if value is True and name != "ipRestrict")
    _refuse(permissions, printed, allow)
    return KeyFacts(await _uid(client), permissions, tuple(_warnings(permissions, printed)))


async def _restrictions(client: Client) -> dict[str, Any] | None:
    """What the exchange prints about the key; None on testnet, which has no such call."""
    testnet = client.site.environment == "testnet"
    if testnet and API_RESTRICTIONS.family not in client.site.urls:
        return None
    try:
        return _read(await client.body(API_RESTRICTIONS), API_RESTRICTIONS, dict[str, Any])
    except Rejected as problem:
        if testnet and problem.status == _HTTP_NOT_FOUND:
            return None
        raise


async def _uid(client: Client) -> int:
    return _read(await client.body(ACCOUNT, omitZeroBalances="true"), ACCOUNT, _Account).uid


def _read(body: bytes, endpoint: Endpoint, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreadable(
            f"The answer of {endpoint.name} does not match its declaration: {error}.", path=endpoint.path
        ) from None


def _refuse(permissions: frozenset[str], printed: dict[str, Any], allow: frozenset[str]) -> None:
    if "enableWithdrawals" not in printed:
        raise AccessRefused("The exchange does not say whether this key may withdraw.", "It is not used.")
    moves = [what for name, what in _MOVES_MONEY.items() if name in permissions]
    if moves:
        raise AccessRefused(f"This key may {', '.join(moves)}: it is never used here.", _SETTINGS)
    trades = [what for name, what in _TRADES.items() if name in permissions]
    if trades and TRADE not in allow:
        raise AccessRefused(
            f"This key may {', '.join(trades)}.", f"{_SETTINGS} To use it all the same: `allow: [trade]`."
        )
    if "enableReading" not in permissions:
        raise AccessRefused("This key may not read.", _SETTINGS)


def _warnings(permissions: frozenset[str], printed: dict[str, Any]) -> Iterator[str]:
    if printed.get("ipRestrict") is not True:
        yield "The key works from any address: restrict it to yours on the exchange."
    unknown = sorted(permissions - _READS - _TRADES.keys() - _MOVES_MONEY.keys())
    if unknown:
        yield f"The key has permissions unknown here: {', '.join(unknown)}."
