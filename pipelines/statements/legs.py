"""What the fields of one line move: so much of an asset each, with its sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipelines.statements.assets import Assets
from pipelines.statements.layouts import Layout
from pipelines.statements.values import DOT, MOST_DECIMALS, MOST_DIGITS, Unreadable, number, quoted, too_fine
from schemas.statements.exports import (
    BASE,
    BOUGHT,
    GLUED,
    MARGIN,
    MINUS,
    PLUS,
    PRINTED,
    QUOTE,
    SIDE,
    SOLD,
    WALLETS,
    Leg,
)

NO_AMOUNT, TOO_FINE = "no amount", "more decimals than the exchange prints"
_SIGNED_TWICE = "below zero in a column without signs"
_SIGNED = frozenset({PRINTED, PLUS})  # elsewhere the column or the side says which way it went; but for fees given back
_NO_SIDE, _NO_PLACE = "neither a buy nor a sell", "no wallet that binlake knows"
_NO_ASSET = {
    BASE: "its pair may be split in more ways than one",
    QUOTE: "its pair may be split in more ways than one",
    MARGIN: "which margin its contract has is not known",
}
_SILENT = frozenset({"fee", "withdrawal_fee", "realized_pnl"})  # are no leg where they are zero
_SIDES = ("side", "order type", "type")  # columns that may tell it
_UNIT = re.compile(r"(?P<number>[+-]?[\d.,]+(?:[eE][+-]?\d+)?)\s+(?P<unit>\S+)")
_TIGHT = re.compile(r"(?P<number>[+-]?[\d.,]*\d)(?P<unit>[^\d\s.,+-]\S*)")
_PLAIN = re.compile(
    rf"-?\d{{1,{MOST_DIGITS}}}(?:\.\d{{1,{MOST_DECIMALS}}})?", re.ASCII
)  # what nearly all are, and what is kept as it is
_BLANK = frozenset({"", "-", "--"})


class Moved(NamedTuple):
    """One asset of a line: in the export's words or in those of `ledger`, and why it does not count."""

    operation: str
    asset: str | None
    amount: str | None
    problem: str | None = None
    wallet: str | None = None  # where another than that of the line; empty where it is not known


Legs = Callable[[list[str], str], Sequence[Moved]]


def leg_reader(layout: Layout, mark: str, assets: Assets) -> Legs:
    """What reads the legs of each line; it raises Unreadable with the field that cannot be read."""
    readers = [_leg(layout, leg, mark) for leg in layout.export.legs]
    of_line = _line_reader(layout, assets)

    def read(fields: list[str], operation: str) -> list[Moved]:
        line = of_line(fields)
        found = [moved for reader in readers if (moved := reader(fields, operation, line)) is not None]
        if any(moved.problem is _SIGNED_TWICE for moved in found):  # half of a trade is worse than none
            return [moved._replace(amount=None, problem=_SIGNED_TWICE) for moved in found]
        return found

    return read


class _Line(NamedTuple):
    """What the legs of a line have in common."""

    side: str
    glued: Sequence[str]  # the two assets that stand behind numbers, of which only the pair tells where they begin
    derived: Mapping[str, str | None]  # what BASE, QUOTE and MARGIN are


def _line_reader(layout: Layout, assets: Assets) -> Callable[[list[str]], _Line]:
    words = {leg.asset for leg in layout.export.legs} & {BASE, QUOTE, MARGIN}
    side_at, pair_at, fee_at = layout.first(*_SIDES), layout.place("pair"), layout.place("fee")
    symbol_at = layout.first("market", "symbol", "pair") if words else None
    sides = [place for name in _SIDES if (place := layout.place(name)) is not None]

    def read(fields: list[str]) -> _Line:
        said = [fields[place].strip().casefold() for place in sides]
        side = next((each for each in said if each in BOUGHT | SOLD), said[0] if side_at is not None else "")
        pair = fields[pair_at].strip().replace("/", "") if pair_at is not None else ""
        symbol = fields[symbol_at].strip().upper() if symbol_at is not None else ""
        derived: dict[str, str | None] = {}
        if MARGIN in words:
            derived[MARGIN] = assets.margin(symbol, _unit(fields[fee_at]) if fee_at is not None else "")
        elif words:
            derived[BASE], derived[QUOTE] = known = assets.pair(symbol) or (None, None)
            return _Line(side, [each for each in known if each], derived)
        return _Line(side, _split(pair, fields, layout) if pair else (), derived)

    return read


def _unit(printed: str) -> str:
    found = _UNIT.fullmatch(printed.strip()) or _TIGHT.fullmatch(printed.strip())
    return found["unit"] if found else ""


_LegReader = Callable[[list[str], str, _Line], Moved | None]


def _leg(layout: Layout, leg: Leg, mark: str) -> _LegReader:
    amount_at, asset_at = layout.export.columns.index(leg.amount), layout.place(leg.asset)
    wallet_at, method_at = layout.place(leg.wallet), layout.place("method")
    column = layout.columns[amount_at].strip()
    as_printed = leg.sign == PRINTED and asset_at is not None and not leg.wallet and mark == DOT

    def read(fields: list[str], operation: str, line: _Line) -> Moved | None:
        asset: str | None
        printed = fields[amount_at].strip()
        operation = leg.operation or operation
        if as_printed and _PLAIN.fullmatch(printed) and (asset := fields[asset_at or 0].strip()):
            return Moved(operation, asset, printed)
        if leg.only and (method_at is None or fields[method_at].strip().casefold() not in leg.only):
            return None
        if printed in _BLANK:
            return None if leg.operation in _SILENT else Moved(operation, None, None, NO_AMOUNT)
        digits, asset = printed, line.derived.get(leg.asset, leg.asset.removeprefix("="))
        if asset_at is not None:
            asset = fields[asset_at].strip()
        elif leg.asset == GLUED:
            digits, asset = _taken_apart(printed, line.glued)
        try:
            plain = number(digits, mark)
        except Unreadable as error:
            raise Unreadable(f"{column} {quoted(printed)} {error}") from None
        unsure = _NO_ASSET.get(leg.asset, NO_AMOUNT)
        moved = _moved(operation, asset or None, plain, leg.sign, line.side, unsure)
        if moved is None or not leg.wallet:
            return moved
        return _placed(moved, leg.wallet if wallet_at is None else WALLETS.get(fields[wallet_at].strip().casefold()))

    return read


def _placed(moved: Moved, wallet: str | None) -> Moved:
    return moved._replace(wallet=wallet or "", problem=moved.problem or (None if wallet else _NO_PLACE))


def _moved(operation: str, asset: str | None, plain: str, how: str, side: str, unsure: str) -> Moved | None:
    sign = _sign(how, side)
    if operation in _SILENT and not plain.strip("+-0."):
        return None
    if too_fine(plain):
        return Moved(operation, asset, None, TOO_FINE)
    if asset is None:
        return Moved(operation, None, None, unsure)
    if sign is None:
        return Moved(operation, asset, None, _NO_SIDE)
    if how not in _SIGNED and operation != "fee" and plain.startswith("-") and plain.strip("-0."):
        return Moved(operation, asset, None, _SIGNED_TWICE)
    return Moved(operation, asset, _kept_digits(plain if sign > 0 else _negated(plain)))


def _kept_digits(plain: str) -> str:
    """Without zeros before it and beyond what is kept, and without a plus."""
    whole, dot, decimals = plain.removeprefix("+").partition(".")
    sign, whole = whole[: whole.startswith("-")], whole.lstrip("-0") or "0"
    return f"{sign}{whole}{dot}{decimals[:MOST_DECIMALS]}" if decimals else f"{sign}{whole}"


def _negated(plain: str) -> str:
    return plain[1:] if plain.startswith("-") else f"-{plain.removeprefix('+')}"


def _sign(how: str, side: str) -> int | None:
    if how in {PRINTED, PLUS}:
        return 1
    if how == MINUS:
        return -1
    if side in BOUGHT:
        return 1 if how == SIDE else -1
    if side in SOLD:
        return -1 if how == SIDE else 1
    return None


def _split(pair: str, fields: list[str], layout: Layout) -> Sequence[str]:
    """The two assets of a pair, of which one stands behind what was executed and the other behind the amount.

    0.2303 of 1INCH is printed as 0.23031INCH, so that only the pair tells where the number ends.
    """
    executed, amount = layout.place("executed"), layout.place("amount")
    if executed is None or amount is None:
        return ()
    for end in range(1, len(pair)):
        base, quote = pair[:end], pair[end:]
        if fields[executed].strip().endswith(base) and fields[amount].strip().endswith(quote):
            return base, quote
    return ()


def _taken_apart(printed: str, assets: Sequence[str]) -> tuple[str, str]:
    """The number and the asset behind it."""
    if found := _UNIT.fullmatch(printed):
        return found["number"], found["unit"]
    for asset in assets:
        if printed.endswith(asset) and re.fullmatch(r"[+-]?[\d.,]*\d", printed.removesuffix(asset)):
            return printed.removesuffix(asset), asset
    if found := _TIGHT.fullmatch(printed):
        return found["number"], found["unit"]
    raise Unreadable(f"{quoted(printed)} names no asset behind a number")
