"""Any single row that is taken away behind the tool's back is named, but where nothing says how many there should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import instant, us
from support.tables import Tables, empty_session

from connectors.lake import Lake
from connectors.simulator.market.listings import LISTINGS
from pipelines.quality.checks import run_queries
from schemas.datasets import DATASETS
from schemas.derived.queries import checks
from schemas.model.dataset import Dataset

if TYPE_CHECKING:
    from support.desks import Desk

pytestmark = pytest.mark.soak

# PROOF.md says of these that nothing tells how many there should be; the first funding is one of them.
UNTOLD = {"symbols", "prices", "premium_index", "delivery_prices", "archive_files", "runs", "api_requests"}
NAMING = ("candle_grid", "trade_ids_contiguous", "time_grid", "funding_grid", "rows_of_files", "unconfirmed_gaps")
STATING = ("completeness", "id_completeness", "time_completeness")
NOW = instant("2026-11-02T14:05")


@pytest.fixture
async def pulled(desk: Desk) -> Lake:
    """What two runs pulled of every way to pull, with ids and counts that the exchange never showed."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url, "usdm": desk.url}
    desk.exchange.add_symbol(replace(LISTINGS[0], symbol="QUIET", quiet=0.9999, listed_ms=us("2026-09-01") // 1000))
    tape = desk.exchange.tapes["spot"]
    first = tape.first_from(desk.exchange.listing("QUIET", 2**42), us("2026-11-02T06:00")) // 2
    tape.unprinted["QUIET", "agg_trades"] = {first + 3}
    futures = ["funding_rates", "open_interest", "long_short_ratios", "delivery_prices", "premium_index"]
    wanting(desk, "ticks", "spot", ["agg_trades", "trades"], "QUIET", "2026-11-02T04:00")
    wanting(desk, "candles", "spot", ["klines", "prices"], "BTCUSDT", "2026-11-02T06:00", intervals=["1m", "1h"])
    wanting(desk, "along", "usdm", futures, "BTCUSDT", "2026-10-31")
    wanting(desk, "files", "usdm", ["metrics", "book_depth"], "BTCUSDT", "2026-11-01", source="archive")
    for _ in range(2):
        for flow in desk.flows:
            assert {receipt.outcome for receipt in await desk.run(flow)} == {"done"}
        desk.clock.advance(7200)
    return desk.lake


def wanting(desk: Desk, flow: str, market: str, datasets: list[str], symbol: str, since: str, **more: Any) -> None:
    desk.flows[flow] = {
        "kind": "market", "market": market, "datasets": datasets, "symbols": [symbol], "since": since,
        **({"source": "rest"} | more),
    }  # fmt: skip


@contextmanager
def in_memory(lake: Lake) -> Iterator[Tables]:
    with empty_session() as connection:
        tables = Tables(connection)
        for dataset in DATASETS.values():
            tables.insert(dataset, lake.table(dataset).scan())
            for series, bounds in lake.table(dataset).series():
                tables.note(series, **bounds)
        yield tables


def said(tables: Tables) -> dict[str, Any]:
    """What the checks that name what is missing say, and the statements by month."""
    named = run_queries(tables.ready(), [one for one in checks() if one.name in NAMING], [], NOW)
    found: dict[str, Any] = {one.name: one.sample for one in named}
    return found | {view: tables.tuples(f"FROM {view} ORDER BY ALL") for view in STATING}


def places(tables: Tables, dataset: Dataset) -> list[int]:
    """The first rows, the last ones and one between; of gaps those that stand."""
    names = ", ".join(f'"{name}"' for name in dataset.key)
    last = "QUALIFY lead(seen_at) OVER (PARTITION BY dataset, symbol, kind, since ORDER BY seen_at) IS NULL"
    rows = tables.tuples(f"SELECT rowid FROM {dataset.table} {last if dataset.name == 'gaps' else ''} ORDER BY {names}")
    some = sorted({0, 1, len(rows) // 2, len(rows) - 2, len(rows) - 1} & set(range(len(rows))))
    return [rows[place][0] for place in some[dataset.name == "funding_rates" :]]


@pytest.mark.timeout(300)
async def test_a_row_that_is_taken_away_is_named(pulled: Lake):
    """Of each table whose rows can be counted each row that is gone shows in a check, or in the statement of its month."""
    unnoticed, tried = list[str](), set[str]()
    with in_memory(pulled) as tables:
        whole, connection = said(tables), tables.ready()
        for dataset in (one for one in DATASETS.values() if one.name not in UNTOLD):
            for place in places(tables, dataset):
                connection.begin()
                connection.execute(f"DELETE FROM {dataset.table} WHERE rowid = {place}")
                if said(tables) == whole:
                    unnoticed.append(f"{dataset.name}, row {place}")
                connection.rollback()
                tried.add(dataset.name)
    assert unnoticed == []
    assert tried == {
        "agg_trades", "trades", "klines", "funding_rates", "open_interest", "long_short_ratios", "metrics",
        "book_depth", "gaps",
    }  # fmt: skip
