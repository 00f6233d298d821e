"""What the fields of one line move: so much of an asset each, with its sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipelines.statements.layouts import Layout
from pipelines.statements.values import DOT, MOST_DECIMALS, MOST_DIGITS, Unreadable, number, quoted, too_fine
from schemas.statements.exports import BOUGHT, GLUED, MINUS, PLUS, PRINTED, SIDE, SOLD, Leg

NO_AMOUNT, TOO_FINE = "no amount", "more decimals than the exchange prints"
_NO_SIDE = "neither a buy nor a sell"
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


Legs = Callable[[list[str], str], Sequence[Moved]]


def leg_reader(layout: Layout, mark: str) -> Legs:
    """What reads the legs of each line; it raises Unreadable with the field that cannot be read."""
    side_at = layout.first(*_SIDES)
    pair_at = layout.place("pair")
    readers = [_leg(layout, leg, mark) for leg in layout.export.legs]

    def read(fields: list[str], operation: str) -> list[Moved]:
        side = fields[side_at].strip().casefold() if side_at is not None else ""
        pair = fields[pair_at].strip().replace("/", "") if pair_at is not None else ""
        assets = _split(pair, fields, layout) if pair else ()
        return [moved for reader in readers if (moved := reader(fields, operation, side, assets)) is not None]

    return read


_LegReader = Callable[[list[str], str, str, Sequence[str]], Moved | None]


def _leg(layout: Layout, leg: Leg, mark: str) -> _LegReader:
    amount_at, asset_at = layout.export.columns.index(leg.amount), layout.place(leg.asset)
    column = layout.columns[amount_at].strip()
    as_printed = leg.sign == PRINTED and leg.asset != GLUED and mark == DOT

    def read(fields: list[str], operation: str, side: str, assets: Sequence[str]) -> Moved | None:
        printed = fields[amount_at].strip()
        operation = leg.operation or operation
        if as_printed and _PLAIN.fullmatch(printed) and (asset := fields[asset_at or 0].strip()):
            return Moved(operation, asset, printed)
        if printed in _BLANK:
            return None if leg.operation in {"fee", "withdrawal_fee"} else Moved(operation, None, None, NO_AMOUNT)
        digits, asset = (
            _taken_apart(printed, assets) if leg.asset == GLUED else (printed, fields[asset_at or 0].strip())
        )
        try:
            plain = number(digits, mark)
        except Unreadable as error:
            raise Unreadable(f"{column} {quoted(printed)} {error}") from None
        return _moved(operation, asset or None, plain, _sign(leg.sign, side))

    return read


def _moved(operation: str, asset: str | None, plain: str, sign: int | None) -> Moved | None:
    if operation in {"fee", "withdrawal_fee"} and not plain.strip("+-0."):
        return None
    if too_fine(plain):
        return Moved(operation, asset, None, TOO_FINE)
    if asset is None:
        return Moved(operation, None, None, NO_AMOUNT)
    if sign is None:
        return Moved(operation, asset, None, _NO_SIDE)
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
