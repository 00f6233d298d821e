"""How long it takes to append changed states to a lake full of orders, and to read the orders after it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake, Move
from connectors.lake.sql.session import connect, run
from pipelines.store.rows import with_instants
from pipelines.store.versions import Seen, add_versions, by_series
from pipelines.trading.cursors import open_orders
from schemas.datasets.orders import ORDERS
from schemas.model.series import Series

SYMBOLS = [f"SYM{number:02}USDT" for number in range(40)]
START = datetime(2024, 11, 1, tzinfo=UTC)
CHANGED = 1000
TIMES = 5


def fill(lake: Lake, versions: int, months: int) -> None:
    """Two versions of every order, placed and filled, over so many months; the last thousand are still open."""
    table, each = lake.table(ORDERS), versions // 2 // months
    for month in range(months):
        first = 1 + month * each
        rows = _orders(range(first, first + each), _begin(month), last=month == months - 1)
        table.commit(rows, _moves(month))
    table.maintain()


def _begin(month: int) -> datetime:
    return START + timedelta(days=30 * month)


def _orders(ids: range, month: datetime, *, last: bool) -> pa.Table:
    placed = [month + timedelta(seconds=number - ids[0]) for number in ids]
    new = _row(month) | {"status": "NEW", "version": 1, "executed_qty": Decimal(0), "cumulative_quote_qty": Decimal(0)}
    filled = _row(month) | {"status": "FILLED", "version": 2}
    still = len(ids) - CHANGED if last else len(ids)
    states = [(new, 0, len(ids)), (filled, 0, still)]
    return pa.concat_tables(_states(row, ids[begin:end], placed[begin:end]) for row, begin, end in states)


def _states(row: dict[str, Any], ids: range, placed: list[datetime]) -> pa.Table:
    many = pa.Table.from_pylist([row], schema=ORDERS.schema).take(pa.array([0] * len(ids), pa.int64()))
    own = {
        "order_id": list(ids),
        "symbol": [SYMBOLS[number % len(SYMBOLS)] for number in ids],
        "client_order_id": [f"x-{number * 7919:x}" for number in ids],
        "time": placed,
    }
    for name, values in own.items():
        field = ORDERS.schema.field(name)
        many = many.set_column(ORDERS.schema.get_field_index(name), field, pa.array(values, field.type))
    return many


def _row(instant: datetime) -> dict[str, Any]:
    one = Decimal(1)
    return {
        "account": "main", "market": "spot", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "price": one,
        "orig_qty": one, "executed_qty": one, "cumulative_quote_qty": one, "is_working": True, "update_time": instant,
        "working_time": instant, "self_trade_prevention_mode": "NONE", "seen_at": instant,
    }  # fmt: skip


def _moves(month: int) -> list[Move]:
    series = [Series.of(ORDERS, account="main", market="spot", symbol=symbol) for symbol in SYMBOLS]
    before, after = (int(_begin(one).timestamp() * 1e6) for one in (month - 1, month))
    expected = {"open_since": before if month else None, "revision": month or None}
    return [Move(one, expected, {"open_since": after}) for one in series]


def changed(lake: Lake) -> list[Seen]:
    """A thousand open orders, each filled a little more."""
    where = pc.field("order_id") >= max(order.order_id for order in open_orders(lake, "main", "spot")) - CHANGED + 1
    rows = with_instants(lake.table(ORDERS).scan(where=where).sort_by("version"))
    last = {row["order_id"]: row for row in rows}
    more = [{**row, "executed_qty": row["executed_qty"] + Decimal("0.0001")} for row in last.values()]
    return [Seen(series=series, rows=some) for series, some in by_series(ORDERS, more).items()]


def measured(lake: Lake) -> dict[str, float]:
    appending, reading = [], []
    for number in range(TIMES):
        states = changed(lake)
        now = int((START + timedelta(days=800 + number)).timestamp() * 1e6)
        appending.append(_took(partial(add_versions, lake, ORDERS, states, now)))
        reading.append(_took(partial(_read, lake)))
    return {"append_s": min(appending), "read_s": min(reading)}


def _read(lake: Lake) -> None:
    run(connect(lake), "SELECT symbol, status, count(*), sum(executed_qty) FROM orders GROUP BY ALL")


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("versions", type=int)
    parser.add_argument("months", type=int)
    options = parser.parse_args()
    lake = Lake.open(options.folder / "lake", "simulator")
    fill(lake, options.versions, options.months)
    print(json.dumps(measured(lake)))


if __name__ == "__main__":
    main()
