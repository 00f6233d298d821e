"""Rewriting changes files, never rows: merging, sorting, replacing, deleting what nobody can hold."""

from __future__ import annotations

import fcntl
import os
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.lakes import candle_series, rows_of, small_lake, us

from connectors.lake import Lake, Move, Stale, Table
from connectors.lake.files.data_files import DataFile, write_file
from connectors.lake.log.delta_log import Log
from connectors.lake.upkeep import compact
from connectors.lake.upkeep.vacuum import RETENTION
from schemas.datasets.market import KLINES
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData

MINUTE_US = 60_000_000
MONTH = us("2026-01-01")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=2)  # when a closed partition has come to rest


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


@pytest.fixture
def table(lake: Lake) -> Table:
    return lake.table(KLINES)


def again(table: Table) -> Table:
    """The same table as another process sees it."""
    return Table(table.root, KLINES, table.root.parent / ".locks")


def candles(symbol: str, minutes: range, start: int = MONTH, close: str = "1") -> pa.Table:
    row = {"market": "spot", "symbol": symbol, "interval": "1m", "close_time": start, "close": close}
    return rows_of(KLINES, *(row | {"open_time": start + n * MINUTE_US} for n in minutes))


def rows(table: Table) -> list[tuple[str, int, int]]:
    stored = table.scan(["symbol", "open_time", "close"])
    times = stored["open_time"].cast(pa.int64()).to_pylist()
    return sorted(zip(stored["symbol"].to_pylist(), times, map(int, stored["close"].to_pylist()), strict=True))


def correct(table: Table, symbol: str, minutes: range, close: str = "2") -> None:
    new = candles(symbol, minutes, close=close)
    revision = table.bounds().get(f"spot/{symbol}/1m#revision")
    table.replace(new.select(KLINES.key), new, [Move(candle_series(symbol), {"revision": revision})])


def test_a_closed_month_becomes_sorted_files_with_disjoint_symbols(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At rest, a closed month is files of about the target size, no symbol in two of them, and every row there."""
    monkeypatch.setattr(compact, "TARGET", 20_000)
    monkeypatch.setattr(compact, "ROW_GROUP", 64)
    shuffled = random.Random(1)
    for _ in range(5):
        symbols = shuffled.sample("ABCDEFGHIJ", 6)
        table.commit(pa.concat_tables([_noise(symbol, shuffled) for symbol in symbols]), [])
    before = rows(table)
    assert table.maintain(NOW).merged == 0  # it may still be written to
    assert table.maintain(LATER).written > 1
    assert rows(table) == before
    ranges = sorted((pc.min(s).as_py(), pc.max(s).as_py()) for s in map(_symbols, table.files()))
    assert all(left[1] < right[0] for left, right in pairwise(ranges))
    assert table.maintain(LATER).merged == 0


def _noise(symbol: str, source: random.Random) -> pa.Table:
    start = {"market": "spot", "symbol": symbol, "interval": "1m", "close_time": MONTH}
    numbers = (
        {"open_time": MONTH + source.randrange(40_000) * MINUTE_US, "close": str(source.random())[:10]}
        for _ in range(200)
    )
    return rows_of(KLINES, *(start | number for number in numbers))


def _symbols(file: str) -> pa.ChunkedArray:
    return pq.read_table(file, columns=["symbol"], partitioning=None)["symbol"]


def test_small_files_of_an_open_month_are_merged_in_steps(table: Table) -> None:
    """However many commits, the live files stay few, and a row is rewritten a few times, not each time."""
    start = int(NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000
    merged = 0
    for number in range(64):
        table.commit(candles("A", range(number, number + 1), start), [])
        if number % 8 == 7:
            merged += table.maintain(NOW).merged
    assert len(table.files()) < 16
    assert merged < 64 * 5
    assert rows(table) == [("A", start + n * MINUTE_US, 1) for n in range(64)]


def test_merging_that_would_change_a_row_is_refused(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count and the hash of the rows are compared before the swap; a difference leaves everything as it was."""
    for number in range(2):
        table.commit(candles("A", range(number, number + 1)), [])
    before = set(table.files())

    def spoilt(part: pa.Table) -> pa.Table:
        at = part.schema.get_field_index("trade_count")
        return part.set_column(at, part.schema.field(at), pc.add(part["trade_count"], 1))

    def writing(root: Path, dataset: Dataset, of: Mapping[str, str], parts: Iterable[pa.Table], codec: str) -> DataFile:
        return write_file(root, dataset, of, map(spoilt, parts), codec)

    monkeypatch.setattr(compact, "write_file", writing)
    with pytest.raises(CorruptData, match="would have changed rows"):
        table.maintain(LATER)
    assert set(table.files()) == before == {str(path) for path in table.root.rglob("*.parquet")}


def test_a_replaced_row_is_there_once(table: Table) -> None:
    """The new version stands in place of the old, all others stay, and files that hold no such key are not touched."""
    table.commit(candles("A", range(5)), [])
    table.commit(candles("B", range(5)), [])
    untouched = [file for file in table.files() if "B" in _symbols(file).to_pylist()]
    correct(table, "A", range(1, 3))
    expected = [("A", MONTH + n * MINUTE_US, 2 if n in {1, 2} else 1) for n in range(5)]
    assert rows(table) == [*expected, *(("B", MONTH + n * MINUTE_US, 1) for n in range(5))]
    assert set(untouched) <= set(table.files())


def test_a_rewrite_leaves_nothing_but_series_among_the_bounds(table: Table) -> None:
    """What the log notes of a rewritten partition is no series, before and after a checkpoint, here and elsewhere."""
    table.commit(
        candles("A", range(5)), [Move(candle_series("A"), {"since": None, "until": None}, {"since": 0, "until": 5})]
    )
    table.commit(candles("A", range(5, 6)), [])
    correct(table, "A", range(1, 3))
    assert table.maintain(LATER).merged
    expected = [(candle_series("A"), {"since": 0, "until": 5, "revision": 2})]
    assert table.series() == again(table).series() == expected
    assert set(table.bounds()) == {"spot/A/1m#since", "spot/A/1m#until", "spot/A/1m#revision"}


def test_a_file_that_loses_all_rows_has_no_successor(table: Table) -> None:
    """Rows can be taken out without others in their place, and a file emptied that way is gone."""
    table.commit(candles("A", range(2)), [])
    keys = candles("A", range(2)).select(KLINES.key)
    table.replace(keys, KLINES.schema.empty_table(), [])
    assert rows(table) == []
    assert table.files() == []


def test_a_stale_replacement_changes_nothing(table: Table) -> None:
    """Of two that replace the same row from the same plan only the first does."""
    table.commit(candles("A", range(3)), [Move(candle_series("A"), {"until": None}, {"until": 3})])
    keys = candles("A", range(1)).select(KLINES.key)
    plan = [Move(candle_series("A"), {"revision": 1})]
    table.replace(keys, candles("A", range(1), close="2"), plan)
    before = rows(table), set(table.root.rglob("*.parquet"))
    with pytest.raises(Stale):
        again(table).replace(keys, candles("A", range(1), close="3"), plan)
    assert (rows(table), set(table.root.rglob("*.parquet"))) == before


@pytest.mark.parametrize("first", ["merge", "replace"])
def test_merging_and_replacing_meet_in_either_order(first: str, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has read its files keeps the other waiting until its swap is in: no row is lost or doubled.

    This is what plain Delta gets wrong: it accepts both, and every row of the files is there twice.
    """
    for number in range(3):
        table.commit(candles("A", range(number * 3, number * 3 + 3)), [])
    actions: dict[str, Callable[[], object]] = {
        "merge": lambda: again(table).maintain(LATER),
        "replace": lambda: correct(again(table), "A", range(4, 5)),
    }
    second = actions[({"merge", "replace"} - {first}).pop()]
    thread = threading.Thread(target=second)
    taken: list[bool] = []

    def meet() -> None:
        taken.append(_is_taken(table.root.parent / ".locks" / f"{KLINES.table}.rewrite"))
        thread.start()

    _when_files_are_written(monkeypatch, meet)
    actions[first]()
    thread.join()
    assert taken == [True]
    assert rows(table) == [("A", MONTH + n * MINUTE_US, 2 if n == 4 else 1) for n in range(9)]
    table.maintain(LATER)
    assert len(table.files()) == 1


def _is_taken(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _when_files_are_written(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Do something once, between the reading of the old files and the commit."""
    land, todo = Log.commit, [then]

    def landing(self: Log, *args: object, **options: object) -> int:
        if todo:
            todo.pop()()
        return land(self, *args, **options)

    monkeypatch.setattr(Log, "commit", landing)


def test_a_foreign_compaction_between_refuses_the_swap(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that takes no lock may compact between our reading and our commit: then ours is refused, not doubled."""
    from deltalake import DeltaTable  # noqa: PLC0415 - only here

    for number in range(2):
        table.commit(
            candles("A", range(number, number + 1)),
            [Move(candle_series("A"), {"until": number or None}, {"until": number + 1})],
        )
    _when_files_are_written(monkeypatch, DeltaTable(str(table.root)).optimize.compact)
    with pytest.raises(Stale):
        correct(table, "A", range(1))
    assert rows(table) == [("A", MONTH + n * MINUTE_US, 1) for n in range(2)]
    correct(table, "A", range(1))
    assert rows(table) == [("A", MONTH, 2), ("A", MONTH + MINUTE_US, 1)]


def test_replaced_files_stay_for_a_day(table: Table) -> None:
    """What an open reader may still hold is kept; then it goes, with orphans and drafts of dead writers."""
    for number in range(2):
        table.commit(candles("A", range(number, number + 1)), [])
    held = table.files()
    folder = Path(held[0]).parent
    litter = [folder / "orphan.parquet", folder / ".tmp-dead.parquet", table.root / ".tmp-spill"]
    litter[0].write_bytes(b"")
    litter[1].write_bytes(b"")
    litter[2].mkdir()
    assert table.maintain(LATER).merged == 2
    assert pq.read_table(held, partitioning=None).num_rows == 2
    assert all(path.exists() for path in litter)
    assert table.maintain(LATER + RETENTION).deleted == 4
    assert not any(Path(path).exists() for path in [*held, *litter])
    assert len(rows(table)) == 2


def test_a_file_replaced_today_outlives_its_own_age(table: Table) -> None:
    """The day is counted from when a file left the table, not from when it was written."""
    for number in range(2):
        table.commit(candles("A", range(number, number + 1)), [])
    held = table.files()
    for path in held:
        os.utime(path, (0, 0))
    table.maintain(LATER)
    assert table.maintain(LATER).deleted == 0
    assert all(Path(path).exists() for path in held)


def test_a_table_never_written_needs_no_upkeep(table: Table) -> None:
    """Upkeep of a table never written is nothing to do."""
    assert again(table).maintain(LATER).merged == 0
    assert table.version() == -1
