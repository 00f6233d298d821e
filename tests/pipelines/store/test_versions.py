"""What is stored of things seen again: nothing, unless they changed; and never an older state after a newer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.lakes import order_series, rows_of, small_lake

from connectors.lake import Lake
from pipelines.store.append import add_rows
from pipelines.store.id_cursor import Page, tail_of
from pipelines.store.rows import column, with_instants
from pipelines.store.versions import Seen, add_versions
from pipelines.trading.cursors import open_orders
from schemas.datasets.orders import FILLS, ORDERS
from schemas.model.grid import DAY_US, HOUR_US
from schemas.model.series import Series

NOW = 1_793_620_830_000_000
BTC, ETH = (order_series(symbol) for symbol in ("BTCUSDT", "ETHUSDT"))
YOUNG, OLD = "2026-11-01", "2024-11-01"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def order(series: Series, time: str = YOUNG, **state: Any) -> Mapping[str, Any]:
    row = {**series.values, "order_id": 5, "status": "NEW", "time": time, "update_time": YOUNG, "seen_at": YOUNG}
    return with_instants(rows_of(ORDERS, {**row, "executed_qty": Decimal(0), **state}))[0]


def store(lake: Lake, *rows: Mapping[str, Any], now: int = NOW) -> int:
    seen = [Seen(series=order_series(row["symbol"]), rows=[row]) for row in rows]
    return add_versions(lake, ORDERS, seen, now).rows


def test_an_id_means_something_else_in_another_symbol(lake: Lake) -> None:
    """Two symbols share an order id, years apart: both are known again."""
    assert store(lake, order(BTC), order(ETH, OLD)) == 2
    assert store(lake, order(BTC), order(ETH, OLD)) == 0
    assert store(lake, order(ETH, OLD), order(BTC)) == 0


def test_fills_share_ids_too(lake: Lake) -> None:
    """The same of fills: each is added once, whichever page is asked for first."""

    def page(series: Series, time: str) -> Page:
        series = series.in_dataset(FILLS)
        rows = rows_of(FILLS, {**series.values, "trade_id": 7, "time": time})
        instants = dict(zip([7], column(rows, "time"), strict=True))
        return Page(series=series, rows=rows, instants=instants, tail=tuple(instants.items()))

    pages = [page(BTC, YOUNG), page(ETH, OLD)]
    assert add_rows(lake, FILLS, pages).rows == 2
    assert add_rows(lake, FILLS, pages).rows == 0


@pytest.mark.parametrize(
    ("state", "stored"),
    [
        ({"client_order_id": "amended"}, 1),
        ({"executed_qty": Decimal("0.5"), "status": "PARTIALLY_FILLED"}, 1),
        ({"update_time": "2026-10-31", "client_order_id": "older"}, 0),
        ({"update_time": "2026-11-02"}, 1),
        ({}, 0),
    ],
)
def test_a_version_is_a_change(lake: Lake, state: dict[str, Any], stored: int) -> None:
    """Any field that differs makes a version, unless the state is older than the stored one."""
    store(lake, order(BTC))
    assert store(lake, order(BTC, **state)) == stored


def test_what_has_ended_does_not_reopen(lake: Lake) -> None:
    """A lagging answer that shows a filled order as open, at the same instant, changes nothing."""
    store(lake, order(BTC, status="FILLED", executed_qty=Decimal(1)))
    assert store(lake, order(BTC, status="PARTIALLY_FILLED", executed_qty=Decimal(1))) == 0
    assert store(lake, order(BTC, status="FILLED", executed_qty=Decimal("0.5"), client_order_id="x")) == 0


def test_one_state_printed_in_two_ways_is_stored_twice_at_most(lake: Lake) -> None:
    """Endpoints that do not agree on a field make one version each, not one a run; what changes later is one more."""
    ways = order(BTC), order(BTC, is_working=False), order(BTC, extra='{"a":1}')
    assert [store(lake, way) for way in ways * 3] == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert store(lake, order(BTC, update_time="2026-11-02")) == 1
    assert store(lake, order(BTC, update_time="2026-11-02", is_working=False)) == 1
    assert store(lake, order(BTC, update_time="2026-11-02")) == 0


def test_a_state_is_back_after_the_exchange_did_not_know_it(lake: Lake) -> None:
    """An order that was gone and is shown again as it was is a version, since it is not gone."""
    store(lake, order(BTC))
    instant = with_instants(lake.table(ORDERS).scan())[0]["time"]
    assert add_versions(lake, ORDERS, [Seen(series=BTC, unknown={5: instant})], NOW).rows == 1
    assert [store(lake, order(BTC)) for _ in range(2)] == [1, 0]


def test_a_state_without_a_time_is_no_older_one(lake: Lake) -> None:
    """Where the exchange does not say when an order changed, what is filled and what has ended still tells."""
    assert store(lake, order(BTC, update_time=None)) == 1
    assert store(lake, order(BTC, update_time=None, status="FILLED", executed_qty=Decimal(1))) == 1
    assert store(lake, order(BTC, update_time=None)) == 0
    assert store(lake, order(BTC, update_time=None, status="NEW", executed_qty=Decimal(1))) == 0


def test_an_unknown_word_after_an_end_is_kept(lake: Lake) -> None:
    """A later state under a word that is not known is a version, and the order counts as open again."""
    store(lake, order(BTC, status="FILLED", executed_qty=Decimal(1)))
    later = {"status": "REVIEWED", "executed_qty": Decimal(1), "update_time": "2026-11-02"}
    assert store(lake, order(BTC, **later)) == 1
    assert [one.order_id for one in open_orders(lake, "main", "spot")] == [5]


def test_versions_of_a_series_are_seen_one_after_the_other(lake: Lake) -> None:
    """Each change of a series has an instant of its own, also when a clock stands still."""
    store(lake, order(BTC))
    store(lake, order(BTC, client_order_id="a"))
    rows = with_instants(lake.table(ORDERS).scan().sort_by("version"))
    assert rows[0]["seen_at"] < rows[1]["seen_at"]


@pytest.mark.parametrize(
    ("ages", "begin"),
    [
        ([DAY_US] * 5, 1),
        ([DAY_US] * 15, 6),
        ([DAY_US] * 2 + [HOUR_US // 2] + [DAY_US] * 12, 3),
        ([DAY_US] * 14 + [HOUR_US // 2], 6),
        ([0] * 30, 1),
    ],
)
def test_the_overlap_is_an_hour_and_ten_rows(ages: list[int], begin: int) -> None:
    """The next walk begins at the smallest id younger than an hour, and at least ten rows back."""
    instants = {number: NOW - age for number, age in enumerate(ages, start=1)}
    assert tail_of((), instants, [False] * len(ages), NOW)[0][0] == begin
    half = len(ages) // 2
    first = tail_of((), dict(list(instants.items())[:half]), [False] * half, NOW)
    rest = dict(list(instants.items())[half:])
    assert tail_of(first, rest, [False] * len(rest), NOW)[0][0] == begin, "also when it came in two pages"
