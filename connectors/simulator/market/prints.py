"""Trades as the exchange prints them: rows of its answers, and lines of the archive's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.simulator.market.intervals import MINUTE_MS
from connectors.simulator.market.listings import DECIMALS, Listing
from connectors.simulator.market.trades import Tape, Trades

_CONTRACT_USD = {"BTCUSD_PERP": 100}  # what one contract of COIN-M is worth, 10 for most others


@dataclass(frozen=True, slots=True)
class Print:
    """How the trades of a symbol are printed: those of spot with eight decimals, others with those of the symbol."""

    tape: Tape
    listing: Listing
    market: str
    micro: bool

    def price(self, ticks: int) -> str:
        return _decimal(ticks, self.listing.tick_decimals, padded=self.market == "spot")

    def qty(self, steps: int) -> str:
        return _decimal(steps, self.listing.step_decimals, padded=self.market == "spot")

    def time(self, time_us: int) -> int:
        return time_us if self.micro else time_us // 1000

    def other_side(self, ticks: int, steps: int) -> tuple[str, str]:
        """What a trade comes to: in the quote asset, or where contracts are counted in the base asset."""
        if self.market == "coinm":
            usd = steps * _CONTRACT_USD.get(self.listing.symbol, 10)
            base = Decimal(usd) / Decimal(ticks).scaleb(-self.listing.tick_decimals)
            return "baseQty", f"{base:.8f}"
        decimals = self.listing.tick_decimals + self.listing.step_decimals
        exact = _decimal(ticks * steps, decimals, padded=self.market == "spot")
        return "quoteQty", exact[: exact.index(".") + 1 + DECIMALS] if "." in exact else exact


def aggregated(trades: Trades, printed: Print) -> Iterator[dict[str, Any]]:
    """Aggregates of two trades each, as `aggTrades` prints them; some ids are never shown, or as placeholders."""
    unprinted = printed.tape.unprinted.get((printed.listing.symbol, "agg_trades"), ())
    voided = printed.tape.voided.get(printed.listing.symbol, ())
    best = {"M": True} if printed.market == "spot" else {}
    columns = (trades.id, trades.price, trades.qty, trades.time_us, trades.sold)
    first, second = ([column[place::2].tolist() for column in columns] for place in (0, 1))
    for number, price, qty, time_us, sold, other in zip(*first, second[2], strict=True):
        if number // 2 in unprinted:
            continue
        row = {"a": number // 2, "p": printed.price(price), "q": printed.qty(qty + other), "f": number, "l": number + 1}
        if number // 2 in voided:
            row |= {"p": "0", "q": "0", "f": -1, "l": -1}
        yield row | {"T": printed.time(time_us), "m": sold} | best


def single(trades: Trades, printed: Print) -> Iterator[dict[str, Any]]:
    """Trades as `historicalTrades` prints them."""
    unprinted = printed.tape.unprinted.get((printed.listing.symbol, "trades"), ())
    best = {"isBestMatch": True} if printed.market == "spot" else {}
    columns = (trades.id, trades.price, trades.qty, trades.time_us, trades.sold)
    for number, price, qty, time_us, sold in zip(*(column.tolist() for column in columns), strict=True):
        if number in unprinted:
            continue
        name, other = printed.other_side(price, qty)
        row = {"id": number, "price": printed.price(price), "qty": printed.qty(qty), name: other}
        yield row | {"time": printed.time(time_us), "isBuyerMaker": sold} | best


def _decimal(value: int, decimals: int, *, padded: bool) -> str:
    """A number of so many decimals, filled up to eight when `padded`."""
    shown = max(decimals, DECIMALS) if padded else decimals
    digits = str(value * 10 ** (shown - decimals)).rjust(shown + 1, "0")
    return f"{digits[:-shown]}.{digits[-shown:]}" if shown else digits


_MICRO_FROM_MS = 1_735_689_600_000  # 2025-01-01, from when on files of spot have microseconds


def lines(tape: Tape, listing: Listing, market: str, span: tuple[int, int], *, aggregates: bool) -> list[bytes]:
    """The trades of [since, until), in milliseconds, as lines of the archive's files."""
    since_ms, until_ms = span
    printed = Print(tape, listing, market, micro=market == "spot" and since_ms >= _MICRO_FROM_MS)
    trades = tape.span(listing, since_ms // MINUTE_MS, -(-until_ms // MINUTE_MS))
    rows = aggregated(trades, printed) if aggregates else single(trades, printed)
    spelt = {True: "True", False: "False"} if market == "spot" else {True: "true", False: "false"}
    order = "apqflTm" if aggregates else ("id", "price", "qty", "quoteQty", "baseQty", "time", "isBuyerMaker")
    names = (*order, "M" if aggregates else "isBestMatch")
    return [
        ",".join(
            str(spelt.get(row[name], row[name]) if name in _FLAGS else row[name]) for name in names if name in row
        ).encode()
        for row in rows
    ]


_FLAGS = frozenset({"m", "M", "isBuyerMaker", "isBestMatch"})
