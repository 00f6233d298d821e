"""What a story of an account's life has to hand: two minutes of the market, dice, and the account's book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from connectors.simulator.account.account_book import Book
from connectors.simulator.account.accounts import Account
from connectors.simulator.account.orders import ZERO, Order
from connectors.simulator.market.candles import Candles
from connectors.simulator.market.listings import Listing
from connectors.simulator.protocol.rules import Refusal

# What one order is usually worth, and what a unit is worth in USDT, by quote asset.
USUAL = {"USDT": Decimal(120), "BTC": Decimal("0.002"), "ZAR": Decimal(2_000), "N": Decimal(120), "456": Decimal(120)}
_WORTH = {"USDT": Decimal(1), "BTC": Decimal(64_000), "ZAR": Decimal("0.055")}
_BNB_WORTH, _BNB_FEE = Decimal(600), Decimal("0.00075")
_PAYS_IN_BNB = 0.4
_UNIT = Decimal("1e-8")
_LATE_MS = (0, 0, 3, 1)  # by how much the time of each fill lies before the moment it got its id


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of a symbol; prices in ticks."""

    opened_ms: int
    low: int
    high: int
    close: int


@dataclass(frozen=True)
class Scene:
    """`now` is the minute in which the story begins, `later` one in which something may come of it."""

    account: Account
    listing: Listing
    now: Minute
    later: Minute
    roll: Callable[[], float]  # the next number in [0, 1)
    hours: Callable[[int], Candles]  # all minutes of so many hours from `now` on

    # Prices, quantities, instants

    @property
    def book(self) -> Book:
        return self.account.book

    @property
    def symbol(self) -> str:
        return self.listing.symbol

    def tick(self, price: int) -> Decimal:
        return Decimal(price).scaleb(-self.listing.tick_decimals)

    def price(self, minute: Minute) -> Decimal:
        """A price at which the symbol traded in that minute."""
        return self.tick(minute.low + int(self.roll() * (minute.high - minute.low + 1)))

    def away(self, share: float, side: str) -> Decimal:
        """A price that is so far from the market that an order of this side rests there."""
        factor = 1 - share if side == "BUY" else 1 + share
        return self.tick(max(int(self.now.close * factor), 1))

    def side(self, price: Decimal) -> str:
        """The side on which an order at this price rests for now."""
        return "BUY" if price <= self.tick(self.now.close) else "SELL"

    def either(self, qty: Decimal, price: Decimal) -> str:
        """Any side that the account can afford."""
        first, second = ("BUY", "SELL") if self.chance(0.5) else ("SELL", "BUY")
        return first if self.affords(first, qty, price) else second

    def chance(self, share: float) -> bool:
        return self.roll() < share

    def qty(self, price: Decimal) -> Decimal:
        """A usual quantity, in whole steps."""
        step = Decimal(1).scaleb(-self.listing.step_decimals)
        worth = USUAL.get(self.listing.quote, USUAL["USDT"]) * Decimal(0.3 + 1.4 * self.roll())
        return max((worth / price) // step * step, step)

    def split(self, qty: Decimal, parts: int) -> list[Decimal]:
        """A quantity in so many parts of whole steps, or in fewer when it has not enough."""
        step = Decimal(1).scaleb(-self.listing.step_decimals)
        part = max(qty / parts // step * step, step)
        whole = min(parts, int(qty / part))
        return [*[part] * (whole - 1), qty - part * (whole - 1)]

    def within(self, minute: Minute) -> int:
        """An instant of that minute, with time left in it."""
        return minute.opened_ms + 1_000 + int(self.roll() * 55_000)

    # Acting

    def place(self, side: str, qty: Decimal, price: Decimal, **terms: Any) -> int:
        """An order at a price, or one without (`type` MARKET and the like) that is expected to trade near it."""
        self._must_afford(side, qty, price)
        priced = terms.get("type", "LIMIT") not in ("MARKET", "STOP_LOSS", "TAKE_PROFIT")
        return self.book.place(self.symbol, side, qty, price if priced else ZERO, **terms)

    def place_list(self, contingency: str, first: dict[str, Any], second: dict[str, Any]) -> list[int]:
        """Two orders under a list, of which the account must afford the first."""
        self._must_afford(first["side"], first["qty"], first["price"])
        return self.book.place_list(contingency, self.symbol, first, second)

    def open(self, number: int) -> bool:
        return self._order(number).open

    def left(self, number: int) -> Decimal:
        return self._order(number).left

    def _order(self, number: int) -> Order:
        order = self.book.orders[self.symbol].last(number)
        assert order is not None  # noqa: S101 - placed by this story
        return order

    def _must_afford(self, side: str, qty: Decimal, price: Decimal) -> None:
        if not self.affords(side, qty, price):
            raise Refusal(-2010, "Account has insufficient balance for requested action.")

    def affords(self, side: str, qty: Decimal, price: Decimal) -> bool:
        asset, needed = (self.listing.quote, qty * price) if side == "BUY" else (self.listing.base, qty)
        return self.free(asset) >= needed

    def free(self, asset: str) -> Decimal:
        return self.account.free(asset)

    def fill(self, number: int, price: Decimal, parts: list[Decimal], *, is_maker: bool) -> None:
        """Trade these parts at once: ids ascend, times do not quite."""
        for part, late_ms in zip(parts, _LATE_MS, strict=False):
            told = {"fee": self.fee(part * price), "time_ms": self.book.now_ms - late_ms}
            self.book.fill(self.symbol, number, part, price, is_maker=is_maker, **told)

    def fee(self, quote_qty: Decimal) -> tuple[Decimal, str] | None:
        """In BNB, if the account happens to pay so; else None, and it is taken from what is received."""
        worth = _WORTH.get(self.listing.quote)
        if worth is None or not self.chance(_PAYS_IN_BNB):
            return None
        fee = (quote_qty * worth * _BNB_FEE / _BNB_WORTH).quantize(_UNIT)
        return (fee, "BNB") if self.free("BNB") > fee else None


def touching(candles: Candles, price: int) -> list[int]:
    """Three minutes in which a symbol traded at a price: the first, one between and the last; or none."""
    opened = candles.opened[np.flatnonzero((candles.low <= price) & (candles.high >= price))]
    return [int(opened[place]) for place in (0, len(opened) // 2, -1)] if len(opened) else []
