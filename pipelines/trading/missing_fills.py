"""Which orders of an account do not have the fills yet that they say they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

import msgspec
import pyarrow.compute as pc

from connectors.lake import Lake, Move
from pipelines.store.filters import among, timestamp, within
from pipelines.store.id_cursor import symbol_of
from pipelines.store.news import note
from pipelines.store.rows import column, last_of, with_instants
from pipelines.trading.cursors import stands_of
from schemas.datasets.orders import ALLOCATIONS, FILLS, ORDER_LIFE, ORDERS, PREVENTED_MATCHES
from schemas.model.grid import HOUR_US
from schemas.model.series import Series

TOLD_US = HOUR_US  # by then even an answer that lags has an order's fills; from then on the checks name what is lacking

_COLUMNS = (
    "symbol", "order_id", "version", "status", "executed_qty", "cumulative_quote_qty", "used_sor", "working_floor",
    "prevented_match_id", "time", "update_time", "extra",
)  # fmt: skip

_Sums = tuple[Decimal, Decimal | None]  # in the base and in the quote asset; None where a row does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the last version of an order tells of its fills."""

    order_id: int
    status: str | None
    executed_qty: Decimal
    cumulative_quote_qty: Decimal | None
    routed: bool  # or it may have been: what should say so is misprinted
    prevented_match_id: int | None
    match_misprinted: bool
    time: int
    update_time: int | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Told:
        """What a version tells; what is misprinted there stands in its `extra`."""
        more: dict[str, Any] = msgspec.json.decode(row.pop("extra") or "{}")
        used_sor, floor = row.pop("used_sor"), row.pop("working_floor")
        return cls(
            routed=bool(used_sor)
            or floor not in {None, "EXCHANGE"}
            or not more.keys().isdisjoint(("usedSor", "workingFloor")),
            match_misprinted="preventedMatchId" in more,
            **{name: row[name] for name in row.keys() - {"symbol", "version"}},
        )

    @property
    def changed(self) -> int:
        """When it changed last, as far as the exchange says so."""
        return self.update_time or self.time

    def differs(self, received: _Sums) -> bool:
        """Whether fills and allocations are not what was executed; an open order may have more by now, not less."""
        qty, quote_qty = received
        if self.status not in ORDER_LIFE.final:
            return qty < self.executed_qty
        told = quote_qty is not None  # else only the base asset can be compared
        return qty != self.executed_qty or (told and (self.cumulative_quote_qty or quote_qty) != quote_qty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A series whose orders changed, up to `changed_at`, whose fills were never walked to their end, or both."""

    series: Series
    never_walked: bool
    changed_at: int
    orders: Sequence[Told]
    overdue: bool = False  # compared with all its orders anew, of which `orders` has those that lack something


def due(
    lake: Lake,
    account: str,
    market: str,
    symbols: Iterable[str],
    *,
    gone_before: int,
    overdue: Mapping[Series, Collection[int]],
) -> list[Due]:
    """The series to look at; one whose symbol the exchange did not know is left alone until `gone_before` passes it.

    `overdue` has the incomplete orders of those that are looked at in any case.
    """
    filled, ordered = (stands_of(lake, dataset, account, market) for dataset in (FILLS, ORDERS))
    found = []
    for symbol in symbols:
        fill, order = filled.get(symbol, {}), ordered.get(symbol, {})
        series = Series.of(FILLS, account=account, market=market, symbol=symbol)
        never_walked = "probed_at" not in fill  # to the end: `until_id` alone is of a walk that was cut
        changed_at, matched_at = order.get("changed_at", 0), fill.get("matched_at", 0)
        wanted = never_walked or changed_at > matched_at or series in overdue
        if wanted and fill.get("gone_at", 0) < gone_before:
            orders = _told(lake, series, matched_at if changed_at > matched_at else None, overdue.get(series, ()))
            found.append(
                Due(
                    series=series,
                    never_walked=never_walked,
                    changed_at=changed_at,
                    orders=orders,
                    overdue=series in overdue,
                )
            )
    return found


def lacking(lake: Lake, series: Sequence[Due]) -> dict[Series, list[Told]]:
    """The orders whose fills are not what was executed, by series."""
    found = {}
    for one in series:
        stored = _received(lake, one.series, one.orders)
        short = [order for order in one.orders if order.differs(stored[order.order_id])]
        if short:
            found[one.series] = short
    return found


def still_lacking(lake: Lake, series: Sequence[Due]) -> list[tuple[Series, Told]]:
    """The same after a walk, one by one: their fills lie below where the walk began, or are not told yet."""
    return [(one, order) for one, orders in lacking(lake, series).items() for order in orders]


def unexplained(lake: Lake, series: Sequence[Due]) -> list[tuple[Series, Told]]:
    """The orders that point to a prevented match which is not stored; where a misprint hides which, to any."""
    pointing = [
        (one.series, order)
        for one in series
        for order in one.orders
        if order.prevented_match_id is not None or order.match_misprinted
    ]
    if not pointing:
        return []
    names = ["symbol", "prevented_match_id", "taker_order_id", "maker_order_id"]
    rows = lake.table(PREVENTED_MATCHES).scan(names, within({one.in_dataset(PREVENTED_MATCHES) for one, _ in pointing}))
    symbols, ids, takers, makers = (column(rows, name) for name in names)
    stored = set(zip(symbols, ids, strict=True))
    matched = {*zip(symbols, takers, strict=True), *zip(symbols, makers, strict=True)}

    def explained(symbol: str, order: Told) -> bool:
        if order.match_misprinted:
            return (symbol, order.order_id) in matched
        return (symbol, order.prevented_match_id) in stored

    return [(one, order) for one, order in pointing if not explained(symbol_of(one), order)]


def note_matched(lake: Lake, series: Sequence[Due], now: int) -> None:
    """Remember up to which change each of these series, answered whole, was compared with its orders.

    Not where an order changed just now and lacks something: the next run asks again. What is lacking for longer, checks
    name, and so it is asked for at a slow rate.
    """
    missing = [*still_lacking(lake, series), *unexplained(lake, series)]
    late = {one for one, order in missing if order.changed >= now - TOLD_US}
    table = lake.table(FILLS)
    bounds = table.bounds()
    moves = [
        Move.of(one.series, new, bounds)
        for one in series
        if (new := _marks(one, bounds, now, matched=one.series not in late))
    ]
    note(table, moves)


def _marks(one: Due, bounds: Mapping[str, int], now: int, *, matched: bool) -> dict[str, int]:
    """Which marks of a series move, and where to."""
    new = {"matched_at": one.changed_at} if matched else {}
    first = matched and one.series.bound("matched_at", bounds) is None  # which compared all orders there are
    if one.overdue or first:
        new["reconciled_at"] = now
    return {name: value for name, value in new.items() if (one.series.bound(name, bounds) or 0) < value}


def _told(lake: Lake, series: Series, since: int | None, ids: Collection[int]) -> list[Told]:
    """The orders with these ids, and those of which a version was seen after an instant, each as it is now."""
    clauses = [among("order_id", ids)] if ids else []
    clauses += [] if since is None else [pc.field("seen_at") > timestamp(since)]
    if not clauses:
        return []
    rows = last_of(
        ORDERS, lake.table(ORDERS).scan(_COLUMNS, within([series.in_dataset(ORDERS)]) & reduce(or_, clauses))
    )
    return [Told.of(row) for row in with_instants(rows)]


def _received(lake: Lake, series: Series, orders: Sequence[Told]) -> defaultdict[int, _Sums]:
    """What each order received: its fills and its allocations."""
    zero = Decimal(0)
    sums = defaultdict[int, _Sums](lambda: (zero, zero))
    ids = {order.order_id for order in orders}
    for dataset in (FILLS, ALLOCATIONS) if ids else ():
        where = within([series.in_dataset(dataset)]) & among("order_id", ids)
        rows = lake.table(dataset).scan(["order_id", "qty", "quote_qty"], where)
        for order_id, qty, quote_qty in zip(*(column(rows, name) for name in rows.column_names), strict=True):
            base, quote = sums[order_id]
            sums[order_id] = base + qty, None if None in {quote, quote_qty} else quote + quote_qty
    return sums
