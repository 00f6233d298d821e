"""How each wallet prints what it holds, as rows of balances: free and locked come to what the wallet holds.

Amounts are added exactly. What is not taken apart here goes on as it was printed, and stands in `extra`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any

import msgspec

from connectors.binance.endpoints.model import Printed
from schemas.model.wallets import ISOLATED

_EXACT = Context(prec=76, traps=[Inexact, InvalidOperation])
_ZERO = Decimal(0)
_DAILY = ("balances", "userAssets", "assets")  # of spot, margin, futures


def funding(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """What is frozen is still held; what is being withdrawn is gone, as its withdrawal says."""
    for row in rows:
        yield {**row, "locked": _text(_sum(_amount(row, "locked"), _amount(row, "freeze")))}


def flexible(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """All products of an asset are one balance."""
    for asset, positions in _by_asset(rows):
        yield _positions(asset, positions, free=_sum(*(_amount(one, "totalAmount") for one in positions)))


def locked(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """All positions in an asset are one balance, and locked."""
    for asset, positions in _by_asset(rows):
        yield _positions(asset, positions, locked=_sum(*(_amount(one, "amount") for one in positions)))


def margin(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """Assets and debt are wallets of their own."""
    for row in rows:
        yield {"wallet": "margin", **row}
        yield _debt("margin_debt", row)


def isolated_margin(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """Each pair has two assets, and each of these a debt; what is told of the pair stands with the assets."""
    for pair in rows:
        symbol = _word(pair, "symbol")
        around = {name: value for name, value in pair.items() if name not in {"baseAsset", "quoteAsset"}}
        for side in ("baseAsset", "quoteAsset"):
            row = msgspec.json.decode(_field(pair, side), type=dict[str, msgspec.Raw])
            yield {**around, **row, "wallet": f"{ISOLATED}{symbol}"}
            yield _debt(f"isolated_margin_debt:{symbol}", row)


def futures(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """The wallet balance without unrealised profit. Profit adds to what is available, but not to what is held."""
    for row in rows:
        held, available = _amount(row, "balance"), _amount(row, "availableBalance")
        free = min(max(available, _ZERO), held)
        yield {**row, "free": _text(free), "locked": _text(_EXACT.subtract(held, free))}


def daily(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """One row for each asset of a day, with what is told of the whole account. The type comes lower-case."""
    for row in rows:
        data = msgspec.json.decode(_field(row, "data"), type=dict[str, msgspec.Raw])
        name = next((one for one in _DAILY if one in data), _DAILY[0])
        told = {**row, **{one: value for one, value in data.items() if one != name}, "type": _word(row, "type").upper()}
        del told["data"]
        for asset in msgspec.json.decode(_field(data, name), type=list[dict[str, msgspec.Raw]]):
            yield {**told, **asset}


def _debt(wallet: str, row: Printed) -> Mapping[str, Any]:
    owed = _EXACT.minus(_sum(_amount(row, "borrowed"), _amount(row, "interest")))
    told = {name: row[name] for name in ("asset", "borrowed", "interest") if name in row}
    return {**told, "wallet": wallet, "free": _text(owed), "locked": "0"}


def _positions(
    asset: str, positions: Sequence[Printed], free: Decimal = _ZERO, locked: Decimal = _ZERO
) -> Mapping[str, Any]:
    return {"asset": asset, "free": _text(free), "locked": _text(locked), "positions": positions}


def _by_asset(rows: Sequence[Printed]) -> Iterable[tuple[str, list[Printed]]]:
    found: dict[str, list[Printed]] = {}
    for row in rows:
        found.setdefault(_word(row, "asset"), []).append(row)
    return found.items()


def _sum(*amounts: Decimal) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def _amount(row: Printed, name: str) -> Decimal:
    text = _word(row, name)
    try:
        return _EXACT.create_decimal(text)
    except DecimalException:
        raise msgspec.ValidationError(f"{text[:60]!r} is no amount - at `$.{name}`") from None


def _word(row: Printed, name: str) -> str:
    return msgspec.json.decode(_field(row, name), type=str)


def _field(row: Printed, name: str) -> msgspec.Raw:
    if name not in row:
        raise msgspec.ValidationError(f"Object missing required field `{name}`")
    return row[name]


def _text(amount: Decimal) -> str:
    return format(amount, "f")
