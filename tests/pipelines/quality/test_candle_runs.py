"""What footers of files tell of candles is what reading them does, so that whole months need not be read."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.lakes import at, rows_of, small_lake, us

from connectors.lake import Lake, Move
from connectors.lake.files.runs import ROWS_A_RUN, has_runs
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.snapshots import stored_rows
from connectors.lake.sql.views import _set_rows
from pipelines.store.gaps import Gap, write_gaps
from schemas.datasets.market import KLINES
from schemas.derived.sql import each_its_own_run, runs_view
from schemas.model.grid import MINUTE_US
from schemas.model.series import Series

SINCE = us("2026-01-31T20:00")
SLOTS = 480  # four hours of January and four of February
SYMBOLS = ("AUSDT", "BUSDT")
COUNTED = "SELECT * FROM completeness ORDER BY ALL"
WORDS = ("exchange_outage", "not_retained", "late")


@dataclass(frozen=True)
class Story:
    """What happens to a lake: stretches of minutes that are committed, taken out or shifted, gaps, and upkeep."""

    committed: list[tuple[int, int, int]]  # symbol, first slot, how many
    taken: list[tuple[int, int, int]]
    off_grid: list[tuple[int, int]]
    gaps: list[tuple[int, int, int, str, bool]]
    merged: bool


stretch = st.tuples(st.integers(0, 1), st.integers(0, SLOTS - 1), st.integers(1, 300))
stories = st.builds(
    Story,
    committed=st.lists(stretch, max_size=4),
    taken=st.lists(st.tuples(st.integers(0, 1), st.integers(0, SLOTS - 1), st.integers(1, 5)), max_size=3),
    off_grid=st.lists(st.tuples(st.integers(0, 1), st.integers(0, SLOTS - 1)), max_size=2),
    gaps=st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(0, SLOTS - 1), st.integers(1, 90), st.sampled_from(WORDS), st.booleans()
        ),
        max_size=3,
    ),
    merged=st.booleans(),
)


def series(symbol: int) -> Series:
    return Series.of(KLINES, market="spot", symbol=SYMBOLS[symbol], interval="1m")


def minutes(symbol: int, first: int, count: int, aside_us: int = 0) -> pa.Table:
    """Candles of a stretch, as far as it lies in the eight hours."""
    instants = [SINCE + slot * MINUTE_US + aside_us for slot in range(first, min(first + count, SLOTS))]
    texts = {"market": "spot", "symbol": SYMBOLS[symbol], "interval": "1m"}
    filler = rows_of(KLINES, texts | {"open_time": "2026-01-01", "close_time": "2026-01-01"})
    whole = filler.take(pa.array([0] * len(instants)))
    return whole.set_column(3, KLINES.schema.field(3), pa.array(instants, KLINES.schema.field(3).type))


def lake_of(story: Story, path: Path) -> Lake:
    lake = small_lake(path)
    table, now = lake.table(KLINES), SINCE + 2 * SLOTS * MINUTE_US
    bounds = {"since": SINCE + 7 * MINUTE_US, "until": SINCE + (SLOTS - 11) * MINUTE_US}
    table.commit(None, [Move.of(series(symbol), bounds, {}) for symbol in (0, 1)])
    for symbol, first, count in story.committed:
        table.commit(minutes(symbol, first, count), [])
    for symbol, slot in story.off_grid:
        table.commit(minutes(symbol, slot, 1, 17_000_000), [])
    for symbol, first, count in story.taken:
        table.replace(minutes(symbol, first, count).select(KLINES.key), KLINES.schema.empty_table(), [])
    told = [
        (
            series(symbol),
            Gap(
                since=SINCE + first * MINUTE_US,
                until=SINCE + (first + count) * MINUTE_US,
                reason=reason,
                first_seen=now,
                confirmed_at=now if confirmed else None,
            ),
        )
        for symbol, first, count, reason, confirmed in story.gaps
    ]
    write_gaps(lake, told, now)
    if story.merged:
        table.maintain(at("2027-01-01"))
    return lake


def counted(lake: Lake, *, read: bool = False) -> list[dict[str, Any]]:
    """The view `completeness`; with `read`, over every candle out of the files and nothing that a footer tells."""
    with connect(lake) as session:
        rows = run(session, COUNTED).to_pylist()
        if read:
            stored = stored_rows(KLINES, lake.path, lake.table(KLINES).parts())
            _set_rows(session, runs_view(KLINES), each_its_own_run(KLINES, stored))
            rows = run(session, COUNTED).to_pylist()
    return rows


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(story=stories)
def test_what_footers_tell_is_what_reading_does(story: Story, tmp_path_factory: pytest.TempPathFactory) -> None:
    """However files overlap, lack rows or hold some off the grid, months count the same as by reading every candle."""
    lake = lake_of(story, tmp_path_factory.mktemp("lake"))
    assert counted(lake) == counted(lake, read=True)


@pytest.mark.soak
@pytest.mark.timeout(900)
@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(story=stories)
def test_what_footers_tell_is_what_reading_does_at_length(
    story: Story, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same of many lakes."""
    lake = lake_of(story, tmp_path_factory.mktemp("lake"))
    assert counted(lake) == counted(lake, read=True)


def whole_lake(path: Path) -> Lake:
    """Every minute of both symbols, in one file a month."""
    lake = small_lake(path)
    both = pa.concat_tables([minutes(0, 0, SLOTS), minutes(1, 0, SLOTS)])
    bounds = {"since": SINCE, "until": SINCE + SLOTS * MINUTE_US}
    lake.table(KLINES).commit(both, [Move.of(series(symbol), bounds, {}) for symbol in (0, 1)])
    return lake


def test_a_whole_month_is_counted_without_reading_it(tmp_path: Path) -> None:
    """Where footers tell all of it no page of a candle is read: the counts are there although the pages are not."""
    lake = whole_lake(tmp_path)
    for path in lake.table(KLINES).files():
        assert has_runs(path)
        spoil_pages(Path(path))
    found = counted(lake)
    assert [(row["month"], row["rows"], row["missing_rows"], row["status"]) for row in found] == [
        (month, 240, 0, "complete") for _ in SYMBOLS for month in ("2026-01", "2026-02")
    ]


def spoil_pages(path: Path) -> None:
    """Leave a file its footer alone."""
    body = bytearray(path.read_bytes())
    footer = int.from_bytes(body[-8:-4], "little") + 8
    body[4:-footer] = os.urandom(len(body) - footer - 4)
    path.write_bytes(body)


def test_files_that_do_not_tell_are_read(tmp_path: Path) -> None:
    """Few rows in many runs have no word in the footer, nor has a file of an earlier version or of another writer."""
    lake = small_lake(tmp_path)
    chance = random.Random(1)
    scattered = pa.concat_tables([minutes(0, slot, 1) for slot in sorted(chance.sample(range(SLOTS), ROWS_A_RUN - 1))])
    bounds = {"since": SINCE, "until": SINCE + SLOTS * MINUTE_US}
    lake.table(KLINES).commit(scattered, [Move.of(series(0), bounds, {})])
    files = lake.table(KLINES).files()
    assert not any(map(has_runs, files))
    assert not any(b"binlake.runs" in (pq.read_metadata(path).metadata or {}) for path in files)
    assert sum(row["rows"] for row in counted(lake)) == ROWS_A_RUN - 1


def test_runs_go_on_from_part_to_part(tmp_path: Path) -> None:
    """A file that upkeep wrote in pieces tells one run of each symbol."""
    lake = lake_of(Story([(0, 0, 200), (1, 100, 300), (0, 200, 280)], [], [], [], merged=True), tmp_path)
    with connect(lake) as session:
        runs = run(session, "SELECT symbol, month, rows FROM candle_runs ORDER BY ALL").to_pylist()
    assert [tuple(row.values()) for row in runs] == [
        ("AUSDT", "2026-01", 240),
        ("AUSDT", "2026-02", 240),
        ("BUSDT", "2026-01", 140),
        ("BUSDT", "2026-02", 160),
    ]
