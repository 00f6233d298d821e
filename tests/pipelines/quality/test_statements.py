"""Statements about what a lake holds: the same rows, the same hash, and what differs is named."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lakes import at, put, rows_of, small_lake
from support.sampled import some_of

from connectors.lake import Lake
from pipelines.quality import statement_diff as compare
from pipelines.quality.month_counts import Key, Want, wants
from pipelines.quality.statements import Statement, prove
from schemas.config.flows import FlowsFile
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS, RUNS
from schemas.datasets.market import KLINES
from schemas.datasets.trades import TRADES
from schemas.derived.canonical import records
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData, Problem, UsageProblem
from schemas.model.instants import micros

PAGE = Path(__file__).parents[3] / "PROOF.md"
NOW = at("2026-06-01")
HOUR = timedelta(hours=1)
ALL = [Want()]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def copied(lake: Lake, folder: Path) -> Lake:
    """The same lake once more, to be changed."""
    return Lake.at(shutil.copytree(lake.path, folder / lake.path.name))


def candle(opens: datetime, symbol: str = "BTCUSDT", interval: str = "1h", **values: Any) -> dict[str, Any]:
    price = str(opens.day * 1000 + opens.hour)
    return {
        "market": "spot", "symbol": symbol, "interval": interval, "open_time": f"{opens:%Y-%m-%dT%H:%M:%S}",
        "close_time": opens + HOUR - timedelta(milliseconds=1),
        "open": price, "high": price, "low": price, "close": price, "volume": "12.00000001", **values,
    }  # fmt: skip


def hours(since: str, until: str, symbol: str = "BTCUSDT", leave: Iterable[int] = ()) -> list[dict[str, Any]]:
    """A candle an hour, without those of some numbers."""
    total = int((at(until) - at(since)) / HOUR)
    return [candle(at(since) + number * HOUR, symbol) for number in range(total) if number not in leave]


def cover(lake: Lake, rows: list[dict[str, Any]], since: str, until: str, symbol: str = "BTCUSDT") -> None:
    series = f"spot/{symbol}/1h"
    put(lake, KLINES, *rows, since={series: since}, until={series: until})


def change(lake: Lake, opens: str, **values: Any) -> None:
    """Store one candle differently."""
    stored = rows_of(KLINES, candle(at(opens)))
    lake.table(KLINES).replace(stored.select(KLINES.key), rows_of(KLINES, candle(at(opens), **values)), [])


def stated(lake: Lake, wanted: list[Want] | None = None, **options: Any) -> dict[Key, Statement]:
    return {one.key: one for one in prove(lake, wanted or ALL, NOW, **options)}


def key(month: str, symbol: str = "BTCUSDT") -> Key:
    return Key("klines", "spot", "1h", month, symbol)


def program() -> str:
    """The program that stands in PROOF.md."""
    page = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert page is not None
    return page[1]


def verified(lake: Lake, one: Key) -> str:
    """The hash that the page's own program finds, with nothing but its words."""
    words = ["verify.py", str(lake.path), one.market, one.symbol, one.interval, one.month]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setattr(sys, "argv", words)
        exec(program(), {})  # noqa: S102 - in this process, which has imported what it imports
    return printed.getvalue().strip()


def test_the_page_verifies_what_is_stated(lake: Lake) -> None:
    """The program of PROOF.md, which knows the Parquet files alone, finds the stated hash of each month."""
    cover(lake, hours("2026-01-30", "2026-02-03"), "2026-01-30", "2026-02-03")
    cover(lake, hours("2026-01-30", "2026-02-02", "ETHUSDT"), "2026-01-30", "2026-02-02", "ETHUSDT")
    change(lake, "2026-01-30T07:00", volume="123456789012345678901234567.12345678", low="0.00000001")
    found = stated(lake)
    assert len(found) == 4
    assert {one: verified(lake, one) for one in found} == {one: statement.sha256 for one, statement in found.items()}


def test_the_program_of_the_page_is_short() -> None:
    """A stranger reads it before running it: twenty lines, none of them long, and nothing of ours."""
    lines = [line for line in program().splitlines() if line.strip()]
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 120
    assert not re.search(r"^(import|from) (binlake|schemas|connectors|pipelines)", program(), re.MULTILINE)


def test_the_page_verifies_years(lake: Lake) -> None:
    """Intervals that are stored by the year are verified by the month like all others."""
    rows = [candle(at("2026-01-01") + number * 24 * HOUR, interval="1d") for number in range(40)]
    put(lake, KLINES, *rows, since={"spot/BTCUSDT/1d": "2026-01-01"}, until={"spot/BTCUSDT/1d": "2026-02-10"})
    found = stated(lake)
    assert [one.rows for one in found.values()] == [31, 9]
    assert {one: verified(lake, one) for one in found} == {one: statement.sha256 for one, statement in found.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_way_rows_came_does_not_matter(tmp_path: Path, seed: int) -> None:
    """Rows committed in any order, in any number of commits, give the same statement."""
    rows = hours("2026-01-31", "2026-02-02T12:00")
    whole, pieces = small_lake(tmp_path / "whole"), small_lake(tmp_path / "pieces")
    cover(whole, rows, "2026-01-31", "2026-02-02T12:00")
    chance = Random(seed)
    cuts = [0, *sorted(chance.sample(range(1, len(rows)), 4)), len(rows)]
    shuffled = chance.sample(rows, len(rows))
    for start, end in pairwise(cuts):
        put(pieces, KLINES, *shuffled[start:end])
    cover(pieces, [], "2026-01-31", "2026-02-02T12:00")
    assert stated(pieces) == stated(whole)


def test_upkeep_changes_no_hash(lake: Lake) -> None:
    """Merging and sorting the files of a month leaves every statement as it was."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for day in range(1, 13):
            rows = hours(f"2026-01-{day:02}", f"2026-01-{day + 1:02}", symbol)
            put(lake, KLINES, *rows, until={f"spot/{symbol}/1h": f"2026-01-{day + 1:02}"})
        put(lake, KLINES, since={f"spot/{symbol}/1h": "2026-01-01"})
    before = stated(lake)
    done = lake.table(KLINES).maintain(at("2027-01-01"))
    assert (done.merged, done.written) == (24, 1)
    assert stated(lake) == before


def test_a_lake_may_change_while_it_is_proven(lake: Lake) -> None:
    """Upkeep that rewrites files, and runs that add candles, change no statement that was begun before."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for day in range(1, 10):
            rows = hours(f"2026-01-{day:02}", f"2026-01-{day + 1:02}", symbol)
            put(lake, KLINES, *rows, until={f"spot/{symbol}/1h": f"2026-01-{day + 1:02}"})
        put(lake, KLINES, since={f"spot/{symbol}/1h": "2026-01-01"})
    before = list(stated(lake).values())
    begun = prove(lake, ALL, NOW, piece_rows=200)
    first = next(begun)
    lake.table(KLINES).maintain(at("2027-01-01"))
    put(lake, KLINES, *hours("2026-01-10", "2026-01-12", "ETHUSDT"), until={"spot/ETHUSDT/1h": "2026-01-12"})
    assert [first, *begun] == before


def test_damage_is_named(lake: Lake) -> None:
    """A flipped bit in a data file is found by the checksum of its page, and the file is named."""
    cover(lake, hours("2026-01-01", "2026-02-01"), "2026-01-01", "2026-02-01")
    path = Path(lake.table(KLINES).files()[0])
    whole = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(KLINES.file_schema.names.index("volume"))
    whole[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CorruptData, match=path.name):
        stated(lake)


@dataclass(frozen=True)
class Stated:
    """A lake that no test changes, and what is stated of it."""

    lake: Lake
    before: dict[Key, Statement]


@pytest.fixture(scope="module")
def _two_symbols(tmp_path_factory: pytest.TempPathFactory) -> Stated:
    lake = small_lake(tmp_path_factory.mktemp("symbols"))
    cover(lake, hours("2026-01-30", "2026-02-03"), "2026-01-30", "2026-02-03")
    cover(lake, hours("2026-01-30", "2026-02-02", "ETHUSDT"), "2026-01-30", "2026-02-02", "ETHUSDT")
    return Stated(lake, stated(lake))


@pytest.fixture
def two_symbols(_two_symbols: Stated, tmp_path: Path) -> Stated:
    """Two months of two symbols, to be changed, and what was stated of them."""
    return Stated(copied(_two_symbols.lake, tmp_path), _two_symbols.before)


def without_a_file(path: Path) -> None:
    path.unlink()


def without_a_footer(path: Path) -> None:
    path.write_bytes(b"not Parquet at all")


def without_a_page(path: Path, column: str = "open_time") -> None:
    """Spoil a column; the footer, and the length, are as they were."""
    whole = bytearray(path.read_bytes())
    found = pq.read_metadata(path).row_group(0).column(KLINES.file_schema.names.index(column))
    whole[found.data_page_offset + found.total_compressed_size - 3] ^= 1
    path.write_bytes(whole)


def without_a_volume(path: Path) -> None:
    without_a_page(path, "volume")


def refused(path: Path) -> None:
    """Have the disk refuse to read a file."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", some_of([without_a_file, without_a_footer, without_a_page, without_a_volume, refused], most=2)
)
def test_a_damaged_file_costs_no_other_month(damage: Callable[[Path], None], two_symbols: Stated) -> None:
    """Other months, and series in other files of the month, are stated as before; the damaged month is named."""
    lake, before, damaged = two_symbols.lake, two_symbols.before, dict[Key | str, Problem]()
    path = next(Path(file) for file in lake.table(KLINES).files() if holds(file, "ETHUSDT", "2026-01"))
    damage(path)
    assert stated(Lake.at(lake.path), on_damage=damaged.__setitem__) == {
        one: statement for one, statement in before.items() if one != key("2026-01", "ETHUSDT")
    }
    assert list(damaged) == [key("2026-01", "ETHUSDT")]
    assert path.name in str(damaged[key("2026-01", "ETHUSDT")])


def holds(file: str, symbol: str, month: str) -> bool:
    """Whether a file is of the month and has rows of the symbol."""
    return f"month={month}" in file and symbol in pq.ParquetFile(file).read(["symbol"])["symbol"].to_pylist()


def part_of(lake: Lake, dataset: Dataset, place: str) -> Path:
    """The log of a table, or its data file."""
    log = lake.path / dataset.table / "_delta_log" / f"{0:020}.json"
    return log if place == "log" else Path(lake.table(dataset).files()[0])


GAP = {
    "dataset": "klines", "market": "spot", "symbol": "BTCUSDT", "interval": "1h", "since": "2026-01-30T05:00",
    "until": "2026-01-30T06:00", "reason": "exchange_outage", "evidence": '{"asked":"GET /api/v3/klines"}',
    "first_seen": "2026-02-01", "confirmed_at": "2026-02-02", "seen_at": "2026-02-02",
}  # fmt: skip
FILE = GAP | {"path": "data/monthly/a.zip", "rows": 47, "since": "2026-01-01", "until": "2026-02-01"}


@pytest.fixture(scope="module")
def _explained(tmp_path_factory: pytest.TempPathFactory) -> Stated:
    lake = small_lake(tmp_path_factory.mktemp("explained"))
    cover(lake, hours("2026-01-30", "2026-02-02", leave=[5]), "2026-01-30", "2026-02-02")
    put(lake, GAPS, GAP)
    put(lake, ARCHIVE_FILES, FILE)
    put(
        lake,
        RUNS,
        {"dataset": "klines", "market": "spot", "outcome": "done", "started": "2026-02-01", "ended": "2026-02-02"},
    )
    return Stated(lake, stated(lake))


@pytest.fixture
def before(_explained: Stated) -> dict[Key, Statement]:
    """What is stated of `explained` while nothing of it is damaged."""
    return _explained.before


@pytest.fixture
def explained(_explained: Stated, tmp_path: Path) -> Lake:
    """A month that a gap explains, one that is complete, a file that some of it came from, and a run."""
    return copied(_explained.lake, tmp_path)


DAMAGED = [(damage, place) for damage in (without_a_footer, refused) for place in ("log", "data")]
BROKEN = some_of([*DAMAGED, (without_a_file, "data")])


@pytest.mark.parametrize(("damage", "place"), BROKEN)
def test_gaps_that_cannot_be_examined_explain_nothing(
    damage: Callable[[Path], None], place: str, explained: Lake, before: dict[Key, Statement]
) -> None:
    """A month that lacks candles is neither explained nor missing; the complete one is stated without a word on gaps."""
    damaged = dict[Key | str, Problem]()
    damage(part_of(explained, GAPS, place))
    after = stated(Lake.at(explained.path), on_damage=damaged.__setitem__)
    assert after == {key("2026-02"): msgspec.structs.replace(before[key("2026-02")], gaps=None)}
    assert list(damaged) == [GAPS.name, key("2026-01")]
    assert all(str(explained.path / GAPS.table) in str(problem) for problem in damaged.values())


@pytest.mark.parametrize(("damage", "place"), BROKEN)
def test_files_that_cannot_be_examined_leave_sources_unsaid(
    damage: Callable[[Path], None], place: str, explained: Lake, before: dict[Key, Statement]
) -> None:
    """Where candles came from is not known without `archive_files`; all else is stated as before."""
    damaged = dict[Key | str, Problem]()
    damage(part_of(explained, ARCHIVE_FILES, place))
    assert stated(Lake.at(explained.path), on_damage=damaged.__setitem__) == {
        one: msgspec.structs.replace(statement, sources=None) for one, statement in before.items()
    }
    assert list(damaged) == [ARCHIVE_FILES.name]


def test_each_table_that_cannot_be_examined_is_told(explained: Lake) -> None:
    """Several tables may be damaged at once, one by a missing file."""
    for dataset in (GAPS, ARCHIVE_FILES):
        without_a_file(part_of(explained, dataset, "data"))
    damaged = dict[Key | str, Problem]()
    [statement] = stated(Lake.at(explained.path), on_damage=damaged.__setitem__).values()
    assert (statement.month, statement.gaps, statement.sources) == ("2026-02", None, None)
    assert list(damaged) == [GAPS.name, ARCHIVE_FILES.name, key("2026-01")]


@pytest.mark.parametrize(("damage", "place"), BROKEN)
def test_a_table_that_says_nothing_of_candles_is_not_asked(
    damage: Callable[[Path], None], place: str, explained: Lake, before: dict[Key, Statement]
) -> None:
    """Damage of `runs` changes no statement."""
    damage(part_of(explained, RUNS, place))
    assert stated(Lake.at(explained.path)) == before


@pytest.mark.parametrize("damage", [without_a_footer, refused])
def test_without_the_log_of_the_candles_nothing_is_stated(damage: Callable[[Path], None], explained: Lake) -> None:
    """The table is told by name, and not taken for empty."""
    damage(part_of(explained, KLINES, "log"))
    damaged = dict[Key | str, Problem]()
    assert stated(Lake.at(explained.path), on_damage=damaged.__setitem__) == {}
    assert list(damaged) == [KLINES.name]


@pytest.mark.parametrize("column", [name for name in KLINES.schema.names if name not in KLINES.series])
def test_every_value_counts(two_symbols: Stated, column: str) -> None:
    """One unit more in any column of one row is another hash, of its day and month alone."""
    lake, before = two_symbols.lake, two_symbols.before
    [stored] = rows_of(KLINES, candle(at("2026-01-31T05:00"))).to_pylist()
    value = stored[column]
    step = {datetime: timedelta(microseconds=1), int: 1, Decimal: Decimal("0.00000001")}[type(value)]
    old = rows_of(KLINES, candle(at("2026-01-31T05:00")))
    new = pa.Table.from_pylist([stored | {column: value + step}], schema=KLINES.schema)
    lake.table(KLINES).replace(old.select(KLINES.key), new, [])
    after = stated(lake)
    assert {one for one in before if after[one].sha256 != before[one].sha256} == {key("2026-01")}
    days = before[key("2026-01")].days
    assert {day for day, digits in after[key("2026-01")].days.items() if digits != days[day]} == {"2026-01-31"}


def test_records_hold_every_digit() -> None:
    """The largest and smallest values of every type come out of the canonical form as they went in."""
    most = f"{'9' * 30}.{'9' * 8}"
    rows = rows_of(
        KLINES, candle(at("2026-01-01"), open=most, high=f"-{most}", low="0.00000001", trade_count=2**63 - 1)
    )
    words = records(KLINES, pa.concat_tables([rows, rows]).slice(1))
    assert words.shape == (1, 19)
    whole = words.tobytes()
    prices = [int.from_bytes(whole[start : start + 16], "little", signed=True) for start in (8, 24, 40)]
    assert prices == [10**38 - 1, 1 - 10**38, 1]
    assert int.from_bytes(whole[112:120], "little", signed=True) == 2**63 - 1


def test_records_tell_what_is_not_there_from_every_value() -> None:
    """A flag is 1 or 0, and a NULL is a number that no value is, so that rows that differ in it differ in their bytes."""
    row = {"market": "coinm", "symbol": "BTCUSD_PERP", "trade_id": 1, "price": "1", "qty": "2", "base_qty": "3"}
    rows = rows_of(TRADES, row | {"time": "2026-01-01", "is_buyer_maker": True})
    (words,) = records(TRADES, rows)
    assert words.tolist() == [
        1, *(10**8, 0), *(2 * 10**8, 0), *(0, -(2**63)), *(3 * 10**8, 0), micros(at("2026-01-01")), 1, -(2**63),
    ]  # fmt: skip


def test_pieces_and_days_join(lake: Lake) -> None:
    """A month too long to be read at once, and symbols too many, give the same statements as read in one go."""
    for symbol in ("BTCUSDT", "ETHUSDT", "O'HARAUSDT"):
        cover(lake, hours("2026-01-30", "2026-02-05", symbol), "2026-01-30", "2026-02-05", symbol)
    whole = stated(lake)
    assert len(whole) == 6
    for most in (30, 150):
        assert stated(lake, piece_rows=most) == whole


def test_a_statement_counts_and_explains(lake: Lake) -> None:
    """Rows, slots, gaps with their evidence, and the offending rows of each check are all there."""
    cover(lake, hours("2026-01-30", "2026-02-02", leave=[5]), "2026-01-30", "2026-02-02")
    put(lake, GAPS, GAP)
    change(lake, "2026-01-31T05:00", low="99999")
    january, february = stated(lake).values()
    counts = (january.rows, january.expected_rows, january.explained_rows, january.missing_rows)
    assert (counts, january.status, january.sources) == ((47, 48, 1, 0), "explained", ("rest",))
    assert [(gap.since, gap.evidence) for gap in january.gaps or ()] == [
        (at("2026-01-30T05:00"), {"asked": "GET /api/v3/klines"})
    ]
    assert {name: rows for name, rows in january.checks.items() if rows} == {"ohlc_sane": 1}
    assert (january.sound, february.sound, february.gaps) == (False, True, ())


def test_a_row_that_is_there_twice_is_told(lake: Lake) -> None:
    """A repeated row makes up for no missing one."""
    rows = hours("2026-01-30", "2026-01-31", leave=[5])
    cover(lake, [*rows, rows[3]], "2026-01-30", "2026-01-31")
    (statement,) = stated(lake).values()
    assert (statement.checks["unique_key"], statement.sound) == (1, False)


def test_what_a_flow_promises_and_the_lake_lacks(lake: Lake) -> None:
    """Months before coverage, and series that were never pulled, are missing."""
    cover(lake, hours("2026-02-10", "2026-02-12"), "2026-02-10", "2026-02-12")
    flow = {"kind": "market", "market": "spot", "datasets": ["klines"], "intervals": ["1h"]}
    config = FlowsFile.model_validate({
        "flows": {
            "named": flow | {"symbols": ["BTCUSDT", "ETHUSDT"], "since": "2026-01-31"},
            "all": flow | {"symbols": "all", "since": "2026-02-01"},
        }
    })  # fmt: skip
    found = stated(lake, wants(config, ["named"]))
    assert {
        one: (statement.rows, statement.missing_rows) for one, statement in found.items() if one.symbol == "BTCUSDT"
    } == {
        key("2026-01"): (0, 24),
        key("2026-02"): (48, 9 * 24),
    }
    assert [one.month for one in found if one.symbol == "ETHUSDT"] == [f"2026-0{month}" for month in range(1, 6)]
    assert {statement.status for statement in found.values()} == {"missing"}
    assert [(one.month, each.missing_rows) for one, each in stated(lake, wants(config, ["all"])).items()] == [
        ("2026-02", 9 * 24)
    ]


def test_a_part_of_a_month_without_slots_promises_nothing(lake: Lake) -> None:
    """No week opens in the last days of January 2026, so a flow since then lacks nothing of it."""
    put(lake, KLINES, candle(at("2026-02-02"), interval="1w"), since={"spot/BTCUSDT/1w": "2026-02-02"},
        until={"spot/BTCUSDT/1w": "2026-02-09"})  # fmt: skip
    assert [one.month for one in stated(lake, [Want("klines", "spot", "BTCUSDT", "1w", at("2026-01-28"))])] == [
        "2026-02"
    ]


def test_only_what_is_wanted(lake: Lake) -> None:
    """Other series and months are neither read nor stated."""
    cover(lake, hours("2026-01-30", "2026-02-05"), "2026-01-30", "2026-02-05")
    cover(lake, hours("2026-01-30", "2026-02-05", "ETHUSDT"), "2026-01-30", "2026-02-05", "ETHUSDT")
    assert list(stated(lake, [Want("klines", "spot", "ETHUSDT", "1h")])) == [
        key("2026-01", "ETHUSDT"),
        key("2026-02", "ETHUSDT"),
    ]
    assert list(stated(lake, pick=lambda one: one.month == "2026-02")) == [key("2026-02"), key("2026-02", "ETHUSDT")]


def held_against(here: Lake, there: Lake, *, candles: bool) -> list[compare.Difference]:
    mine, theirs = (stated(lake, detailed=lambda _: candles) for lake in (here, there))
    return [each for one in mine for each in compare.differences(mine[one], theirs[one])]


def two_lakes(tmp_path: Path) -> tuple[Lake, Lake]:
    here = small_lake(tmp_path / "here")
    cover(here, hours("2026-01-30", "2026-02-03"), "2026-01-30", "2026-02-03")
    return here, copied(here, tmp_path / "there")


def shown(found: Iterable[compare.Difference]) -> list[tuple[Any, ...]]:
    return [(one.month, one.what, one.since, one.until, one.count, one.place) for one in found]


def test_the_candles_that_differ_are_named(tmp_path: Path) -> None:
    """Where both statements name their candles, exactly those that differ are told, neighbours as one."""
    here, there = two_lakes(tmp_path)
    assert held_against(here, there, candles=True) == []
    for opens in ("2026-01-31T05:00", "2026-01-31T06:00", "2026-02-01T00:00"):
        change(there, opens, trade_count=7)
    there.table(KLINES).replace(rows_of(KLINES, candle(at("2026-02-02"))).select(KLINES.key), rows_of(KLINES), [])
    assert shown(held_against(here, there, candles=True)) == [
        ("2026-01", "candle", "2026-01-31T05:00:00Z", "2026-01-31T06:00:00Z", 2, "differs"),
        ("2026-02", "candle", "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", 1, "differs"),
        ("2026-02", "candle", "2026-02-02T00:00:00Z", "2026-02-02T00:00:00Z", 1, "only here"),
    ]


def test_the_days_that_differ_are_named(tmp_path: Path) -> None:
    """Statements without candles name the days."""
    here, there = two_lakes(tmp_path)
    change(there, "2026-01-31T05:00", trade_count=7)
    assert shown(held_against(here, there, candles=False)) == [
        ("2026-01", "day", "2026-01-31", "2026-01-31", 1, "differs")
    ]


@pytest.mark.parametrize("candles", some_of([True, False]))
def test_what_only_one_covers_is_no_difference(tmp_path: Path, candles: bool) -> None:
    """Two lakes that were pulled at different times are compared where both cover."""
    here, there = two_lakes(tmp_path)
    put(there, KLINES, *hours("2026-02-03", "2026-02-04T12:00"), until={"spot/BTCUSDT/1h": "2026-02-04T12:00"})
    assert held_against(here, there, candles=candles) == []
    change(there, "2026-02-02T05:00", trade_count=7)
    assert [one.what for one in held_against(here, there, candles=candles)] == ["candle" if candles else "day"]


def test_a_statement_that_contradicts_itself(tmp_path: Path) -> None:
    """A forged hash of a month is told although its days agree."""
    here, _ = two_lakes(tmp_path)
    one = stated(here)[key("2026-01")]
    forged = msgspec.structs.replace(one, sha256="0" * 64)
    assert shown(compare.differences(one, forged)) == [("2026-01", "month", "2026-01-30", "2026-02-01", 1, "differs")]


def test_statements_survive_their_file(lake: Lake, tmp_path: Path) -> None:
    """What is written as JSON lines is read back as it was."""
    cover(lake, hours("2026-01-30", "2026-02-02", leave=[5]), "2026-01-30", "2026-02-02")
    found = stated(lake, detailed=lambda _: True)
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in found.values()))
    assert compare.load(path) == (found, {}, {})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"x\n", "Line 1 .* is not a statement"),
        (b'{"form": 1}\n', "Line 1 .* is not a statement"),
    ],
)
def test_a_file_that_is_no_proof(tmp_path: Path, content: bytes | None, says: str) -> None:
    """The file and the line are named, and how such files are made."""
    path = tmp_path / "theirs.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageProblem, match=says):
        compare.load(path)


def test_a_later_form_is_refused(lake: Lake, tmp_path: Path) -> None:
    """Hashes of another canonical form are not compared."""
    cover(lake, hours("2026-01-30", "2026-01-31"), "2026-01-30", "2026-01-31")
    one: Mapping[str, Any] = msgspec.to_builtins(stated(lake)[key("2026-01")])
    (tmp_path / "theirs.jsonl").write_bytes(msgspec.json.encode({**one, "form": 2}))
    with pytest.raises(UsageProblem, match="form 2"):
        compare.load(tmp_path / "theirs.jsonl")
