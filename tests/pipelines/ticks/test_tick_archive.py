"""Trades out of the simulated archive and exchange: complete, exact, without a seam, whatever a file does."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from support.desks import instant, us
from support.sampled import some_of

from connectors.simulator.archive import faults as broken
from connectors.simulator.futures import CONTRACTS
from connectors.simulator.market.listings import LISTINGS
from pipelines.candles.commits import FLUSH_ROWS
from pipelines.context.progress import Progress
from schemas.datasets import DATASETS
from schemas.datasets.trades import AGG_TRADES
from schemas.model.grid import DAY_US

if TYPE_CHECKING:
    from support.desks import Desk

    from connectors.lake import Table

SINCE = "2026-10-28T10:00"
DAILY = "data/spot/daily/aggTrades/QUIET/QUIET-aggTrades-2026-11-01.zip"
MONTHLY = "data/spot/monthly/aggTrades/QUIET/QUIET-aggTrades-2026-10.zip"


class Renamed(broken.ArchiveFault, frozen=True):
    """The header has another name for the price, so that the columns may mean anything."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [lines[0].replace(b"price", b"cost"), *lines[1:]]


@pytest.fixture
def quiet(desk: Desk) -> Desk:
    """A desk that wants the aggregates of five days of a symbol that hardly ever trades, where there is an archive."""
    one = replace(LISTINGS[0], symbol="QUIET", quiet=0.9999, listed_ms=us("2026-09-01") // 1000)
    desk.exchange.add_symbol(one)
    desk.exchange.futures.add(replace(CONTRACTS[0], symbol="QUIET", quiet=0.9999, listed_ms=us("2026-09-01") // 1000))
    desk.addresses = {"archive": desk.url, "archive_list": desk.url, "usdm": desk.url}
    return wanting(desk)


def wanting(desk: Desk, dataset: str = "agg_trades", market: str = "spot", **more: str) -> Desk:
    desk.flows["prices"] = {
        "kind": "market", "market": market, "datasets": [dataset], "symbols": ["QUIET"], "since": SINCE, **more,
    }  # fmt: skip
    return desk


def stored(desk: Desk, dataset: str = "agg_trades") -> pa.Table:
    declared = DATASETS[dataset]
    return desk.lake.table(declared).scan().sort_by(declared.id_column)


def whole(desk: Desk, dataset: str = "agg_trades") -> bool:
    bounds = {name.rpartition("#")[2]: at for name, at in desk.lake.table(DATASETS[dataset]).bounds().items()}
    ids = stored(desk, dataset)[DATASETS[dataset].id_column].to_pylist()
    return ids == list(range(bounds["since_id"], bounds["until_id"]))


def covered_until(desk: Desk) -> int:
    """Where the aggregates end."""
    bounds = desk.lake.table(AGG_TRADES).bounds()
    return next(at for name, at in bounds.items() if name.endswith("#until"))


@pytest.mark.parametrize("dataset", some_of(["agg_trades", "trades"]))
async def test_files_and_pages_join_by_id(quiet: Desk, dataset: str):
    """Days that are over come as files, the rest by id; the lake is the one that pages alone would have made."""
    wanting(quiet, dataset)
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet, dataset)
    assert len(quiet.asked("Trades?")) < 4
    files = quiet.rows("archive_files")
    assert sum(row["rows"] for row in files) > 0
    assert {row["dataset"] for row in files} == {dataset}
    held = stored(quiet, dataset)
    quiet.folder = quiet.folder / "rest"
    wanting(quiet, dataset, source="rest")
    await quiet.run()
    assert held.equals(stored(quiet, dataset))


async def test_futures_join_files_with_their_last_days(quiet: Desk):
    """What the exchange of futures has forgotten comes from files, and nothing is missing."""
    wanting(quiet, market="usdm")
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    assert quiet.rows("gaps") == []


async def test_what_there_is_of_a_series_is_seen_before_another_is_loaded(quiet: Desk):
    """Listings of several series are asked for at once: nobody waits for them in turn, and each series is whole."""
    quiet.exchange.add_symbol(replace(LISTINGS[0], symbol="STILL", quiet=0.9999, listed_ms=us("2026-09-01") // 1000))
    wanting(quiet, source="archive")
    quiet.flows["prices"]["symbols"] = ["QUIET", "STILL"]
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    targets = [seen.target for seen in quiet.exchange.requests]
    listed = next(at for at, target in enumerate(targets) if target.startswith("/?") and "STILL" in target)
    loaded = next(at for at, target in enumerate(targets) if target.endswith(".zip"))
    assert listed < loaded
    assert {*stored(quiet)["symbol"].to_pylist()} == {"QUIET", "STILL"}


async def test_the_archive_alone_is_enough(quiet: Desk):
    """With `source: archive` no call is made, and nothing is claimed behind the last file."""
    wanting(quiet, source="archive")
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    assert quiet.asked("/api/") == []
    assert covered_until(quiet) == us("2026-11-02")


@pytest.mark.parametrize("days", some_of([0, 30]))
async def test_a_day_that_no_list_shows_is_asked_for_by_its_name(quiet: Desk, days: int):
    """Where nobody else can be asked, a list that leaves out a day between others is held against the file itself."""
    wanting(quiet, source="archive")
    quiet.clock.advance(days * 86_400)
    quiet.exchange.inject(broken.NoFile(file=MONTHLY))
    quiet.exchange.inject(broken.Unlisted(file=DAILY.replace("2026-11-01", "2026-10-31")))
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    assert (covered_until(quiet), quiet.rows("gaps")) == (us("2026-11-02") + days * DAY_US, [])


@pytest.mark.parametrize("path", some_of([DAILY, MONTHLY]))
@pytest.mark.parametrize("fault", some_of([broken.WrongChecksum, broken.CutZip, broken.NoChecksum]))
async def test_what_a_defective_file_lacks_is_looked_for(quiet: Desk, fault: type[broken.ArchiveFault], path: str):
    """A file that is set aside is told with its reason; days of its month, or the exchange, have what it should."""
    quiet.exchange.inject(fault(file=path))
    await quiet.run()
    assert path in {row["path"] for row in quiet.rows("archive_files") if row["reason"] is not None}
    assert whole(quiet)
    assert quiet.rows("gaps") == []
    assert sum("/daily/" in row["path"] for row in quiet.rows("archive_files")) == (5 if path == MONTHLY else 1)


@pytest.mark.parametrize("since", some_of([SINCE, "2026-11-01"]))
async def test_a_file_that_stays_unreadable_stops_no_other(quiet: Desk, since: str):
    """Nobody else can be asked: its ids are missing once it is a week old, whichever way it is met, until it is mended."""
    quiet.clock.advance(30 * 86_400)
    quiet.exchange.inject(broken.NoFile(file=MONTHLY))
    bad = DAILY.replace("2026-11-01", "2026-10-31")
    quiet.exchange.inject(broken.CutZip(file=bad))
    quiet.flows["upkeep"] = {"kind": "maintenance"}
    for begin in (since, SINCE):
        wanting(quiet, source="archive", since=begin)
        [receipt] = await quiet.run()
        assert receipt.outcome == "done", receipt.why()
    assert {row["reason"] for row in quiet.rows("archive_files", path=bad)} == {"truncated_zip"}
    assert (stored(quiet)["time"][0].as_py() < instant("2026-10-31"), whole(quiet)) == (True, False)
    [gap] = quiet.rows("gaps")
    lacking = [one for first, last in json.loads(gap["evidence"])["ids"] for one in range(first, last + 1)]
    held = stored(quiet)["agg_trade_id"].to_pylist()
    assert sorted([*held, *lacking]) == list(range(held[0], held[-1] + 1))
    quiet.exchange.heal()
    await quiet.run("upkeep")
    assert whole(quiet)


async def test_a_young_file_that_cannot_be_read_is_waited_for(quiet: Desk):
    """Within a week it may be mended: the run fails by its name, stops there, and the next one goes on once it is."""
    quiet.exchange.inject(broken.NoFile(file=MONTHLY))
    quiet.exchange.inject(broken.CutZip(file=DAILY.replace("2026-11-01", "2026-10-31")))
    wanting(quiet, source="archive")
    [receipt] = await quiet.run()
    assert "QUIET-aggTrades-2026-10-31.zip is truncated_zip" in receipt.why()
    assert covered_until(quiet) == us("2026-10-31")
    quiet.exchange.heal()
    [receipt] = await quiet.run()
    assert (receipt.outcome, whole(quiet), quiet.rows("gaps")) == ("done", True, [])


async def test_a_file_that_goes_back_in_time_is_read_whole(quiet: Desk, tmp_path: Path):
    """Rows that were printed late fill what looked like a hole, and a row that is printed twice counts once (D2)."""
    await quiet.run()
    held = stored(quiet)
    lines = lines_of(held, "2026-11-01")
    replay(quiet, tmp_path, {DAILY: [*lines[10:20], *lines[:10], *lines[15:]]})
    quiet.folder = quiet.folder / "again"
    await quiet.run()
    assert stored(quiet).equals(held)


async def test_what_the_next_file_brings_late_confirms_nothing(quiet: Desk, tmp_path: Path):
    """Of two ids that a file lacks the next one has the first: that the other is missing was seen once, by one file."""
    wanting(quiet, source="rest")
    await quiet.run()
    before, after = (lines_of(stored(quiet), day) for day in ("2026-10-31", "2026-11-01"))
    files = DAILY.replace("2026-11-01", "2026-10-31"), DAILY
    late, never = (before.pop(-5).split(",") for _ in range(2))
    moved = ",".join([*late[:5], after[0].split(",")[5], *late[6:]])
    replay(quiet, tmp_path, dict(zip(files, (before, [moved, *after]), strict=True)))
    quiet.folder = quiet.folder / "again"
    quiet.exchange.inject(broken.NoFile(file=MONTHLY))
    quiet.flows["prices"] |= {"source": "archive", "since": "2026-10-31"}
    await quiet.run()
    *_, gap = quiet.rows("gaps")
    assert json.loads(gap["evidence"]) == {"asked": files[0], "ids": [[int(never[0]), int(never[0])]]}
    assert (gap["reason"], gap["confirmed_at"]) == ("skipped_ids", None)


def lines_of(rows: pa.Table, day: str) -> list[str]:
    """The aggregates of a day as its file prints them."""
    return [line_of(row) for row in rows.to_pylist() if f"{row['time']:%Y-%m-%d}" == day]


def replay(desk: Desk, folder: Path, files: Mapping[str, list[str]]) -> None:
    """Have the archive hold these files, and no others."""
    for name, lines in files.items():
        path = folder / "replayed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(path.with_suffix(".csv").name, "\n".join(lines) + "\n")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}")
    desk.exchange.replay_archive(folder / "replayed")


def line_of(row: Mapping[str, Any]) -> str:
    """An aggregate as files of spot print it."""
    told = [row[name] for name in ("agg_trade_id", "price", "qty", "first_trade_id", "last_trade_id")]
    return ",".join(map(str, [*told, int(row["time"].timestamp() * 1e6), row["is_buyer_maker"], row["is_best_match"]]))


LONG = 700_000  # rows, which are several blocks of text, and more than one commit takes
MOST_OF_A_COMMIT = FLUSH_ROWS + 200_000  # rows: a commit ends with a block, which has no more than these of it


async def test_a_long_file_lands_in_parts(quiet: Desk, tmp_path: Path):
    """What is held of a file at once is bounded, however long it is: it lands in several commits, each row once."""
    show_long_file(quiet, tmp_path / "replayed", LONG)
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    table = quiet.lake.table(AGG_TRADES)
    assert table.scan(["agg_trade_id"]).num_rows == LONG
    landed = [rows for rows in rows_by_commit(table) if rows]
    assert len(landed) > 1
    assert max(landed) <= MOST_OF_A_COMMIT


class Cut(Progress):
    """Cancels the run that it watches once its first commit is on the way and rows are gathered for the second."""

    rows = 0

    def advance(self, *, rows: int = 0, **_: int) -> None:
        self.rows += rows
        if self.rows - rows < MOST_OF_A_COMMIT <= self.rows:
            running = asyncio.current_task()
            assert running is not None
            running.cancel()


@pytest.mark.soak
async def test_a_run_cut_in_the_middle_of_a_file_goes_on_there(quiet: Desk, tmp_path: Path):
    """What is cut off leaves whole commits and coverage up to their last row; the next run adds what lacks, once."""
    show_long_file(quiet, tmp_path / "replayed", 2 * LONG)
    quiet.progress = cut = Cut()
    with pytest.raises(asyncio.CancelledError):
        await quiet.run()
    table = quiet.lake.table(AGG_TRADES)
    assert MOST_OF_A_COMMIT <= cut.rows < 2 * LONG
    assert table.scan(["agg_trade_id"]).num_rows == cut.rows
    assert whole(quiet)
    await quiet.run()
    assert table.scan(["agg_trade_id"]).num_rows == cut.rows == 2 * LONG
    assert whole(quiet)


def show_long_file(desk: Desk, folder: Path, rows: int) -> None:
    """Have the archive, which is all that is asked, show a month of so many rows."""
    wanting(desk, source="archive")
    line, first_us = "{0},65000.10000000,0.00100000,{0},{0},{1},True,True\n", us(SINCE)
    target = folder / MONTHLY
    target.parent.mkdir(parents=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        text = "".join(line.format(one, first_us + one * 1000) for one in range(rows))
        archive.writestr(target.with_suffix(".csv").name, text)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_name(f"{target.name}.CHECKSUM").write_text(f"{digest}  {target.name}")
    desk.exchange.replay_archive(folder)


def rows_by_commit(table: Table) -> list[int]:
    """How many rows each entry of the log adds."""
    entries = [path.read_text().splitlines() for path in sorted((table.root / "_delta_log").glob("*.json"))]
    added = [[json.loads(line)["add"] for line in lines if line.startswith('{"add"')] for lines in entries]
    return [sum(json.loads(one["stats"])["numRecords"] for one in some) for some in added]


async def test_a_file_under_another_header_is_no_answer(quiet: Desk):
    """Nothing of such a file is taken or passed over: the run names it, and goes on from there once it is mended."""
    wanting(quiet, market="usdm", source="archive")
    quiet.exchange.inject(Renamed(file=DAILY.replace("spot", "futures/um")))
    [receipt] = await quiet.run()
    assert receipt.outcome == "failed"
    assert "QUIET-aggTrades-2026-11-01.zip is bad_row" in receipt.why()
    bounds = {name.rpartition("#")[2]: at for name, at in quiet.lake.table(DATASETS["agg_trades"]).bounds().items()}
    assert bounds["until"] == us("2026-11-01")
    quiet.exchange.heal()
    await quiet.run()
    assert whole(quiet)
    assert quiet.rows("gaps") == []
