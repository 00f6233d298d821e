"""Which orders of an account do not have the fills yet that they say they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake, Stale
from pipelines.idpages import AccountSeries, move_of, within
from pipelines.journal import column, with_instants
from pipelines.standing import last_of, stands_of
from schemas.fields import TIME
from schemas.intervals import DAY_US
from schemas.orders import ALLOCATIONS, FILLS, ORDER_LIFE, ORDERS, PREVENTED_MATCHES

SETTLED_US = DAY_US  # how long after its end an order's fills may still turn up

_COLUMNS = (
    "symbol", "order_id", "version", "status", "executed_qty", "used_sor", "prevented_match_id", "time", "update_time",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An order, as it is since its fills were last compared with it."""

    order_id: int
    status: str | None
    executed_qty: Decimal
    used_sor: bool
    prevented_match_id: int | None
    time: int
    update_time: int | None

    def settled(self, now: int) -> bool:
        """Whether what is missing now is missing for good; a check names it then."""
        return self.status in ORDER_LIFE.final and (self.update_time or self.time) < now - SETTLED_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A series whose orders changed, up to `changed_at`, or whose fills were never walked to their end."""

    series: AccountSeries
    never_walked: bool
    changed_at: int
    orders: Sequence[Changed]


Orders = Mapping[AccountSeries, Sequence[Changed]]


def due(lake: Lake, account: str, market: str, symbols: Iterable[str], *, gone_before: int) -> list[Due]:
    """The series to look at; one whose symbol the exchange did not know is left alone until `gone_before` passes it."""
    filled, ordered = (stands_of(lake, dataset, account, market) for dataset in (FILLS, ORDERS))
    found = []
    for symbol in symbols:
        fill, order = filled.get(symbol, {}), ordered.get(symbol, {})
        never_walked = "probed_at" not in fill  # to the end: `until_id` alone is of a walk that was cut
        changed_at, matched_at = order.get("changed_at", 0), fill.get("matched_at", 0)
        if fill.get("gone_at", 0) < gone_before and (never_walked or changed_at > matched_at):
            series = AccountSeries(account, market, symbol)
            orders = _changed(lake, series, matched_at) if changed_at > matched_at else []
            found.append(Due(series=series, never_walked=never_walked, changed_at=changed_at, orders=orders))
    return found


def lacking(lake: Lake, series: Sequence[Due]) -> dict[AccountSeries, list[Changed]]:
    """The orders of which less is stored than was executed, by series."""
    found = {}
    for one in series:
        orders = [order for order in one.orders if order.executed_qty]
        stored = _received(lake, one.series, orders) if orders else {}
        short = [order for order in orders if stored.get(order.order_id) != order.executed_qty]
        if short:
            found[one.series] = short
    return found


def still_lacking(lake: Lake, series: Sequence[Due]) -> list[tuple[AccountSeries, Changed]]:
    """The same after a walk, one by one: their fills lie below where the walk began, or are not told yet."""
    return [(one, order) for one, orders in lacking(lake, series).items() for order in orders]


def unexplained(lake: Lake, series: Sequence[Due]) -> list[tuple[AccountSeries, Changed]]:
    """The orders that point to a prevented match which is not stored."""
    pointing = [(one.series, order) for one in series for order in one.orders if order.prevented_match_id is not None]
    if not pointing:
        return []
    oldest = min(order.time for _, order in pointing)
    where = within(PREVENTED_MATCHES, {one for one, _ in pointing}, oldest)
    rows = lake.table(PREVENTED_MATCHES).scan(["symbol", "prevented_match_id"], where)
    stored = set(zip(column(rows, "symbol"), column(rows, "prevented_match_id"), strict=True))
    return [(one, order) for one, order in pointing if (one.symbol, order.prevented_match_id) not in stored]


def note_matched(lake: Lake, series: Sequence[Due], now: int) -> None:
    """Remember up to which change the orders of each series have their fills; not where any may still come."""
    late = {one for one, orders in lacking(lake, series).items() if not all(order.settled(now) for order in orders)} | {
        one for one, order in unexplained(lake, series) if not order.settled(now)
    }
    table = lake.table(FILLS)
    bounds = table.bounds()
    moves = [
        move_of(FILLS, one.series, {"matched_at": one.changed_at}, bounds)
        for one in series
        if one.series not in late and bounds.get(f"{FILLS.series_id(one.series.values)}#matched_at", 0) < one.changed_at
    ]
    try:
        if moves:
            table.commit(None, moves)
    except Stale:
        return  # another process moved on; what it left is compared by the next run


def _changed(lake: Lake, series: AccountSeries, since: int) -> list[Changed]:
    """The orders of which a version was seen after `since`, each as it is now."""
    seen: Any = pa.scalar(since, TIME.arrow)
    rows = last_of(lake.table(ORDERS).scan(_COLUMNS, within(ORDERS, [series]) & (pc.field("seen_at") > seen)))
    return [
        Changed(used_sor=bool(row.pop("used_sor")), **{name: row[name] for name in row.keys() - {"symbol", "version"}})
        for row in with_instants(rows)
    ]


def _received(lake: Lake, series: AccountSeries, orders: Sequence[Changed]) -> dict[int, Decimal]:
    """What each order received: its fills and its allocations."""
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    oldest, ids = min(order.time for order in orders), {order.order_id for order in orders}
    for dataset in (FILLS, ALLOCATIONS):
        rows = lake.table(dataset).scan(["order_id", "qty"], within(dataset, [series], oldest))
        for order_id, qty in zip(column(rows, "order_id"), column(rows, "qty"), strict=True):
            if order_id in ids:
                sums[order_id] += qty
    return dict(sums)
