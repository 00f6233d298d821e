"""The key guard: a key that could move money is not used, whatever it is meant for.

Only a literal `false` is a no. Every other value, and every permission this file has no name for, counts as granted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from connectors.binance.answers import misprint
from connectors.binance.client import Client
from connectors.binance.clock import instant_us
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.endpoints.spot import ACCOUNT
from connectors.binance.endpoints.wallet import API_RESTRICTIONS
from connectors.binance.errors import NoSuchCall
from schemas.config.values import PERMISSION
from schemas.model.errors import AccessRefused

TRADE = "trade"
READING = "enableReading"
_FIX_READING = "enableFixReadOnly"
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
_YOUNG = frozenset({"enablePortfolioMarginTrading", "enableFixApiTrade"})  # not every exchange prints these yet
_NO_PERMISSIONS = frozenset({"ipRestrict", "createTime", "tradingAuthorityExpirationTime"})
_KNOWN = frozenset({READING, _FIX_READING, *_MOVES_MONEY, *_TRADES, *_NO_PERMISSIONS})
_RIGHT = re.compile(r"^(?i:can|may|has|is)(?=[A-Z_])|(?i:enable|permit|allow|withdraw|transfer|trad)")
_INSTANT_MS = 10**12  # 2001, as milliseconds
_SHOWN_NAMES, _SHOWN_LETTERS = 5, 64  # of what the exchange calls its permissions
_SETTINGS = "Change the key's permissions on the exchange, or make a key that only reads."
T = TypeVar("T")

Verdict = Literal["needed", "harmless", "allowed", "refused"]
Printed = Mapping[str, Any]  # what the exchange prints about a key


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """Whose key it is, what it may do, and what its owner should know.

    What the exchange does not say, or not in a way that can be read, is None.
    """

    uid: int
    permissions: frozenset[str]
    warnings: tuple[str, ...] = ()
    ip_restricted: bool | None = None
    created_us: int | None = None
    expires_us: int | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """The facts of a key, what each permission it has means here, and why it is refused, if it is."""

    facts: KeyFacts
    verdicts: Mapping[str, Verdict]
    refusal: AccessRefused | None = None


class _Account(msgspec.Struct):
    uid: int


async def check_key(client: Client, allow: Collection[str]) -> KeyFacts:
    """Whose key this is, unless it may do more than read and `allow` does not cover that."""
    printed = await _restrictions(client)
    if printed is not None and (refusal := next(_refusals(printed, allow), None)):
        raise refusal
    return await _facts(client, printed)


async def examine_key(client: Client, allow: Collection[str]) -> Examined:
    """What there is to say of a key, also of one that `check_key` refuses."""
    printed = await _restrictions(client)
    facts = await _facts(client, printed)
    if printed is None:
        return Examined(facts, {})
    verdicts = {name: _verdict(name, allow) for name in sorted(facts.permissions)}
    return Examined(facts, verdicts, next(_refusals(printed, allow), None))


async def _facts(client: Client, printed: Printed | None) -> KeyFacts:
    if printed is None:
        note = f"The exchange `{client.site.environment}` does not tell what a key may do: not checked."
        return KeyFacts(await _uid(client), frozenset(), (note,))
    granted = frozenset(name for name in printed.keys() - _NO_PERMISSIONS if _is_permission(name, printed[name]))
    restricted = printed.get("ipRestrict")
    return KeyFacts(
        await _uid(client),
        granted,
        tuple(_warnings(printed)),
        restricted if isinstance(restricted, bool) else None,
        _instant(printed, "createTime"),
        _instant(printed, "tradingAuthorityExpirationTime"),
    )


def _refusals(printed: Printed, allow: Collection[str]) -> Iterator[AccessRefused]:
    """Every reason to refuse a key, the gravest first. Its owner may allow trading as a whole or each kind by name."""
    if printed.get(READING) is not True:
        yield AccessRefused("This key may not read.", _SETTINGS)
    yield from _unsaid(printed, _MOVES_MONEY, "")
    if moves := _granted(printed, _MOVES_MONEY):
        yield AccessRefused(f"This key may {', '.join(moves.values())}: it is never used here.", _SETTINGS)
    limited = {} if TRADE in allow else {name: what for name, what in _TRADES.items() if name not in allow}
    anyway = f" To use it all the same: `allow: [{TRADE}]`."
    if trades := _granted(printed, limited):
        yield AccessRefused(f"This key may {', '.join(trades.values())}.", f"{_SETTINGS}{anyway}")
    yield from _unsaid(printed, {name: what for name, what in limited.items() if name not in _YOUNG}, anyway)
    if unknown := [name for name in _unknown(printed) if name not in allow]:
        what = f"This key has permissions unknown to binlake: {_listed(unknown)}."
        yield AccessRefused(what, f"{_SETTINGS} {_allowing(unknown)}")


def _unsaid(printed: Printed, decisive: Mapping[str, str], otherwise: str) -> Iterator[AccessRefused]:
    if unsaid := [what for name, what in decisive.items() if name not in printed]:
        what = f"The exchange does not say whether this key may {', '.join(unsaid)}."
        yield AccessRefused(what, f"It is not used.{otherwise}")


def _verdict(name: str, allow: Collection[str]) -> Verdict:
    """What a permission that is granted means here."""
    if name == READING:
        return "needed"
    if name == _FIX_READING:
        return "harmless"
    allowed = name not in _MOVES_MONEY and (name in allow or (name in _TRADES and TRADE in allow))
    return "allowed" if allowed else "refused"


def _instant(printed: Printed, name: str) -> int | None:
    value = printed.get(name)
    return instant_us(value) if type(value) is int else None


def asked_of_key() -> tuple[Endpoint, ...]:
    """What `check_key` asks for: what the key may do, and whose it is."""
    return API_RESTRICTIONS, ACCOUNT


async def _restrictions(client: Client) -> Printed | None:
    """What the exchange prints about the key; None on testnet, which has no such call."""
    testnet = client.site.environment == "testnet"
    if testnet and API_RESTRICTIONS.family not in client.site.urls:
        return None
    try:
        return _read(await client.body(API_RESTRICTIONS), API_RESTRICTIONS, dict[str, Any])
    except NoSuchCall:
        if testnet:
            return None
        raise


async def _uid(client: Client) -> int:
    return _read(await client.body(ACCOUNT, omitZeroBalances="true"), ACCOUNT, _Account).uid


def _read(body: bytes, endpoint: Endpoint, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise misprint(endpoint, error) from None


def _allowing(unknown: Sequence[str]) -> str:
    """How the owner lets these permissions pass; flows.yaml takes no name that cannot be one of the exchange's."""
    if all(re.fullmatch(PERMISSION, name) for name in unknown):
        return f"If they are harmless, name them: `allow: [{_listed(unknown)}]`."
    return "A newer binlake may know them."


def _unknown(printed: Printed) -> list[str]:
    return [name for name in sorted(printed.keys() - _KNOWN) if _is_permission(name, printed[name])]


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _SHOWN_NAMES} more"] if len(names) > _SHOWN_NAMES else []
    return ", ".join([name[:_SHOWN_LETTERS] for name in names[:_SHOWN_NAMES]] + more)


def _granted(printed: Printed, meanings: Mapping[str, str]) -> dict[str, str]:
    """Of these permissions all that are printed and are not plainly `false`."""
    return {name: what for name, what in meanings.items() if name in printed and printed[name] is not False}


def _is_permission(name: str, value: object) -> bool:
    """Whether a field may grant something: it is not plainly `false`, nor an instant that is not named like a right."""
    instant = type(value) is int and value > _INSTANT_MS and _RIGHT.search(name) is None
    return value is not False and not instant


def _warnings(printed: Printed) -> Iterator[str]:
    if printed.get("ipRestrict") is not True:
        yield "The key works from any address: restrict it to yours on the exchange."
    if allowed := _unknown(printed):
        yield f"flows.yaml allows permissions of the key that are unknown to binlake: {_listed(allowed)}."
