"""A commit is a compare-and-set on coverage: rows and bounds land together, once, or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from support.lakes import candle_series, order_series, price_series, rows_of, small_lake, us

from connectors.lake import Lake, Move, Stale, Table
from connectors.lake.log.snapshot import CHECKPOINT_EVERY
from connectors.lake.sql.session import connect, run
from schemas.datasets.market import KLINES, PRICES
from schemas.model.cursor import rising
from schemas.model.series import Series

MINUTE_US = 60_000_000
START = us("2026-01-01")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


@pytest.fixture
def table(lake: Lake) -> Table:
    return lake.table(KLINES)


def candles(symbol: str, minutes: range, **columns: Any) -> pa.Table:
    start = {"market": "spot", "symbol": symbol, "interval": "1m"} | columns
    return rows_of(KLINES, *(start | {"open_time": START + n * MINUTE_US, "close_time": START} for n in minutes))


def move(table: Table, symbol: str, until: int) -> Move:
    """The next forward move of a series, planned on the bounds as they are now."""
    series, bounds = candle_series(symbol), table.bounds()
    return Move.of(series, {"since": series.bound("since", bounds) or 0, "until": until}, bounds)


def minutes(table: Table) -> list[tuple[str, int]]:
    rows = table.scan(["symbol", "open_time"])
    times = rows["open_time"].cast(pa.int64()).to_pylist()
    return sorted(zip(rows["symbol"].to_pylist(), [(t - START) // MINUTE_US for t in times], strict=True))


def test_rows_and_bounds_land_together(table: Table) -> None:
    """After a commit the rows are there, the bounds have moved, and the revision counts it."""
    committed = table.commit(candles("A", range(3)), [move(table, "A", 3)])
    assert committed.rows == 3
    assert table.bounds() == {"spot/A/1m#since": 0, "spot/A/1m#until": 3, "spot/A/1m#revision": 1}
    assert minutes(table) == [("A", 0), ("A", 1), ("A", 2)]


def test_a_quiet_period_is_covered_without_a_file(table: Table) -> None:
    """A commit without rows moves its bound and writes one log entry, no data file."""
    table.commit(None, [move(table, "A", 3)])
    table.commit(candles("A", range(0)), [move(table, "A", 4)])
    assert table.bounds()["spot/A/1m#until"] == 4
    assert table.files() == []


def test_a_table_never_written_reads_as_empty(lake: Lake, table: Table) -> None:
    """Asking makes no table; its answers are empty and have the declared schema."""
    assert table.bounds() == {}
    assert table.files() == []
    assert table.version() == -1
    assert table.scan(["symbol"]).schema == pa.schema([KLINES.schema.field("symbol")])
    assert not (lake.path / "klines").exists()


def test_the_second_flush_is_refused_when_another_covered_its_series(table: Table) -> None:
    """A run whose first flush refreshed the snapshot does not double rows that another process covered meanwhile."""
    mine = {symbol: move(table, symbol, 2) for symbol in "AB"}
    other = Table(table.root, KLINES, table.root.parent / ".locks")
    other.commit(candles("B", range(2)), [move(other, "B", 2)])
    table.commit(candles("A", range(2)), [mine["A"]])
    with pytest.raises(Stale) as stale:
        table.commit(candles("B", range(2)), [mine["B"]])
    assert stale.value.series == {candle_series("B")}
    assert minutes(table) == [("A", 0), ("A", 1), ("B", 0), ("B", 1)]


def test_one_stale_series_refuses_the_whole_commit_and_leaves_no_file(table: Table) -> None:
    """Nothing of a refused commit is written; the series to plan again are named, and only those."""
    plan = [move(table, "A", 1), move(table, "B", 1)]
    table.commit(candles("B", range(1)), [move(table, "B", 1)])
    before = set(table.root.rglob("*.parquet"))
    with pytest.raises(Stale) as stale:
        table.commit(pa.concat_tables([candles("A", range(1)), candles("B", range(1))]), plan)
    assert stale.value.series == {candle_series("B")}
    assert set(table.root.rglob("*.parquet")) == before


def test_late_rows_come_in_once(table: Table) -> None:
    """Two that found the same late row both name the revision they saw, and one is refused, though no bound moves."""
    table.commit(candles("A", range(2)), [move(table, "A", 5)])
    late = Move(candle_series("A"), {"revision": 1})
    table.commit(candles("A", range(3, 4)), [late])
    with pytest.raises(Stale):
        table.commit(candles("A", range(3, 4)), [late])
    assert minutes(table) == [("A", 0), ("A", 1), ("A", 3)]


def test_an_unguarded_move_is_a_bug() -> None:
    """A move that would not refuse a second writer, or would shrink coverage, is refused where it is made."""
    series = candle_series()
    with pytest.raises(AssertionError, match="nothing would refuse"):
        Move(series, {"until": 5}, {"until": 5})
    with pytest.raises(AssertionError, match="moves unseen"):
        Move(series, {}, {"until": 5})
    with pytest.raises(AssertionError, match="shrink"):
        Move(series, {"until": 5}, {"until": 4})
    with pytest.raises(AssertionError, match="shrink"):
        Move(series, {"since": 5}, {"since": 6})


def test_a_move_of_an_undeclared_field_is_a_bug() -> None:
    """What a dataset does not declare among its cursor fields is remembered of none of its series."""
    with pytest.raises(AssertionError, match="klines declares no cursor field until_id"):
        Move(candle_series(), {"until_id": None}, {"until_id": 5})


def test_a_field_that_says_how_things_stand_goes_either_way() -> None:
    """Fields declared as free are raised and lowered alike."""
    for before, after in ((5, 4), (4, 5)):
        assert Move(order_series(), {"open_since": before}, {"open_since": after}).new == {"open_since": after}


def test_a_series_of_another_table_is_a_bug(table: Table) -> None:
    """The orders of a symbol are not moved by a commit of candles."""
    with pytest.raises(AssertionError, match="another table"):
        table.commit(None, [Move.of(order_series(), {"open_since": 5}, {})])


def test_fields_that_are_no_longer_declared_are_left_alone(lake: Lake) -> None:
    """A lake written when a dataset had another cursor field is read and moved on, and keeps that field's value."""
    older = replace(KLINES, cursor_fields=(*KLINES.cursor_fields, rising("walked_at", "when it was last walked")))
    series = Series.of_row(older, candle_series("A").values)
    Table(lake.path / "klines", older, lake.path / ".locks").commit(
        candles("A", range(3)), [Move.of(series, {"since": 0, "until": 3, "walked_at": 7}, {})]
    )
    table = lake.table(KLINES)
    table.commit(candles("A", range(3, 4)), [move(table, "A", 4)])
    assert dict(table.series())[candle_series("A")] == {"since": 0, "until": 4, "walked_at": 7, "revision": 2}
    with connect(lake) as session:
        found = run(session, "SELECT epoch_us(until) AS until, revision FROM bounds").to_pylist()
    assert found == [{"until": 4, "revision": 2}]


def test_a_snapshot_must_be_newer(lake: Lake) -> None:
    """Of two snapshots of one instant only the first lands, and time never runs back."""
    prices = lake.table(PRICES)
    rows = rows_of(PRICES, {"market": "spot", "symbol": "A", "observed_at": "2026-01-01"})
    prices.commit(rows, [Move.of(price_series(), {"observed_at": 5}, {})])
    with pytest.raises(Stale):
        prices.commit(rows, [Move.of(price_series(), {"observed_at": 5}, {})])
    with pytest.raises(AssertionError, match="shrink"):
        Move.of(price_series(), {"observed_at": 4}, prices.bounds())
    prices.commit(rows, [Move.of(price_series(), {"observed_at": 6}, prices.bounds())])
    assert prices.scan().num_rows == 2


def test_rows_of_another_schema_are_a_bug(table: Table) -> None:
    """Delta would take anything; we do not."""
    with pytest.raises(AssertionError, match="other columns"):
        table.commit(candles("A", range(1)).drop_columns(["open"]), [])


def test_foreign_commits_do_not_confuse(table: Table) -> None:
    """A commit by another tool, which takes no lock, is seen by the next plan and refuses no other series."""
    table.commit(candles("A", range(1)), [move(table, "A", 1)])
    foreign = DeltaTable(str(table.root))
    foreign.optimize.compact()
    table.commit(candles("B", range(1)), [move(table, "B", 1)])
    assert minutes(table) == [("A", 0), ("B", 0)]


def test_bounds_outlive_checkpoints_and_cleanup(table: Table) -> None:
    """After many commits and a cleaned log, a new process and an old one read the same bounds as were committed."""
    watcher = Table(table.root, KLINES, table.root.parent / ".locks")
    for number in range(2 * CHECKPOINT_EVERY + 3):
        table.commit(None, [move(table, f"S{number % 7}", number + 1)])
        if number == CHECKPOINT_EVERY // 2:
            seen = len(watcher.bounds())
    assert list((table.root / "_delta_log").glob("*.checkpoint.parquet"))
    _age_log(table)
    table.maintain()
    assert len(list((table.root / "_delta_log").glob("*.json"))) < CHECKPOINT_EVERY
    fresh = Table(table.root, KLINES, table.root.parent / ".locks")
    assert seen == len(watcher.bounds())
    assert fresh.bounds() == watcher.bounds() == table.bounds()
    assert fresh.bounds()["spot/S6/1m#until"] == max(n + 1 for n in range(2 * CHECKPOINT_EVERY + 3) if n % 7 == 6)
    watcher.commit(None, [move(watcher, "S0", 10_000)])
    assert table.bounds()["spot/S0/1m#until"] == 10_000


def _age_log(table: Table) -> None:
    two_days_ago = time.time() - 2 * 86_400
    for path in (table.root / "_delta_log").iterdir():
        os.utime(path, (two_days_ago, two_days_ago))


@pytest.fixture(params=["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_months_are_of_utc(table: Table) -> None:
    """The last microsecond of a month and the first of the next lie in different folders, in every zone of the host."""
    edges = ["2024-02-29 23:59:59.999999", "2024-03-01 00:00:00", "2025-12-31 23:59:00", "2026-01-01 00:00:00"]
    row = {"market": "spot", "symbol": "A", "interval": "1m", "close_time": START}
    table.commit(rows_of(KLINES, *(row | {"open_time": edge} for edge in edges)), [])
    months = {Path(file).parent.name: pq.read_metadata(file).num_rows for file in table.files()}
    assert months == dict.fromkeys(["month=2024-02", "month=2024-03", "month=2025-12", "month=2026-01"], 1)


def test_long_candles_lie_in_years(table: Table) -> None:
    """Days and longer candles share a folder a year; shorter ones do not."""
    row = {"market": "spot", "symbol": "A", "open_time": "2024-02-29", "close_time": START}
    table.commit(rows_of(KLINES, *(row | {"interval": interval} for interval in ("1d", "1w", "1M", "12h"))), [])
    folders = {str(Path(file).parent.relative_to(table.root)) for file in table.files()}
    assert folders == {
        "market=spot/interval=1d/month=2024",
        "market=spot/interval=1w/month=2024",
        "market=spot/interval=1M/month=2024",
        "market=spot/interval=12h/month=2024-02",
    }


def test_files_are_sorted_by_symbol_and_time(table: Table) -> None:
    """Rows of one file are in the order of the key, whatever order they came in."""
    mixed = pa.concat_tables([candles("永", range(3, 0, -1)), candles("A", range(2)), candles("Z", range(2))])
    table.commit(mixed, [])
    [file] = table.files()
    stored = pq.read_table(file, partitioning=None).select(["symbol", "open_time"]).to_pylist()
    assert stored == sorted(stored, key=lambda row: (row["symbol"], row["open_time"]))
    assert len(stored) == 7


def test_threads_share_a_table(table: Table) -> None:
    """Commits of many series from many threads all land, each once."""

    def pull(symbol: str) -> None:
        for until in range(1, 4):
            table.commit(candles(symbol, range(until - 1, until)), [move(table, symbol, until)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(pull, "ABCDEF"))
    assert minutes(table) == sorted((symbol, minute) for symbol in "ABCDEF" for minute in range(3))
    assert table.version() == 18
