"""Long history out of the simulated archive and exchange: complete, exact, without a seam, whatever a file does."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.sampled import some_of

from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Error
from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
from schemas.datasets import DATASETS

if TYPE_CHECKING:
    from support.desks import Desk

MINUTE = timedelta(minutes=1)
MONTHLY = "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-09.zip"
DAILY = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-09-10.zip"
END = datetime(2026, 11, 2, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def archived(desk: Desk) -> Desk:
    """A desk whose exchange has an archive, with the minutes of BTCUSDT since 2 September wanted."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.market(["BTCUSDT"], since="2026-09-02T10:00")
    return desk


def candles(desk: Desk, symbol: str = "BTCUSDT") -> pa.Table:
    return desk.lake.table(DATASETS["klines"]).scan(where=pc.field("symbol") == symbol).sort_by("open_time")


def times(desk: Desk, symbol: str = "BTCUSDT") -> pa.Array:
    """When the candles opened, in order, as Arrow has it: a month of them as Python's instants takes seconds."""
    return candles(desk, symbol)["open_time"].combine_chunks()


async def as_rest_has_it(desk: Desk) -> pa.Table:
    """The same candles pulled from the exchange alone, into another lake."""
    desk.flows["prices"]["source"] = "rest"
    desk.folder = desk.folder / "rest"
    await desk.run()
    return candles(desk)


async def test_archive_and_exchange_join_without_a_seam(archived: Desk):
    """Months and days come as files, the rest as pages; the lake is the one that pages alone would have made."""
    [receipt] = await archived.run()
    assert receipt.outcome == "done"
    assert archived.bounds("BTCUSDT") == (at("2026-09-02T10:00"), END)
    assert len(archived.asked("/api/v3/klines")) < 5
    periods = [row["path"].rpartition("1m-")[2] for row in archived.rows("archive_files")]
    assert sorted(periods) == ["2026-09.zip", "2026-10.zip", "2026-11-01.zip"]
    assert pc.unique(pc.pairwise_diff(times(archived))).drop_null().to_pylist() == [MINUTE]
    held = candles(archived)
    assert held.equals(await as_rest_has_it(archived))


@pytest.mark.parametrize(
    ("fault", "reason"),
    some_of(
        [
            (broken.WrongChecksum(file=MONTHLY), "checksum_mismatch"),
            (broken.CutZip(file=MONTHLY), "truncated_zip"),
            (broken.NoChecksum(file=MONTHLY), "no_checksum"),
        ]
    ),
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_a_defective_month_is_set_aside_and_its_days_are_taken(
    archived: Desk, fault: broken.ArchiveFault, reason: str
):
    """The reason is kept, the daily files give what the monthly one should have, and nothing is missing."""
    archived.exchange.inject(fault)
    await archived.run()
    files = archived.rows("archive_files")
    assert {row["reason"] for row in files if row["path"] == MONTHLY} == {reason}
    assert sum("/daily/" in row["path"] for row in files) == 30
    assert len(times(archived)) == (END - at("2026-09-02T10:00")) / MINUTE
    assert archived.rows("gaps") == []


async def test_minutes_that_a_month_lacks_come_from_their_day(archived: Desk):
    """Ten minutes of one day, not at its end: its daily file has them, and the exchange is not asked."""
    lacking = broken.Lacking(file=MONTHLY, since_ms=1788998400000, until_ms=1788998400000 + 600_000)
    archived.exchange.inject(lacking)
    await archived.run()
    assert [row["reason"] for row in archived.rows("archive_files", path=DAILY)] == [None]
    assert [target for target in archived.asked("/api/v3/klines") if "startTime=1788998400000" in target] == []
    assert len(times(archived)) == (END - at("2026-09-02T10:00")) / MINUTE


async def test_what_no_file_holds_is_asked_of_the_exchange(archived: Desk):
    """A month and one of its days defective: that day comes from the exchange, in two pages."""
    archived.exchange.inject(broken.WrongChecksum(file=MONTHLY))
    archived.exchange.inject(broken.WrongChecksum(file=DAILY))
    await archived.run()
    assert sum("startTime=1788998400000" in target for target in archived.asked("/api/v3/klines")) == 1
    assert len(times(archived)) == (END - at("2026-09-02T10:00")) / MINUTE
    assert archived.rows("gaps") == []


async def test_an_outage_stays_a_gap(archived: Desk):
    """Where neither archive nor exchange has candles there is a gap, in one piece."""
    archived.market(["XRPUSDT"], since="2026-10-01T00:00")
    await archived.run()
    gaps = [(row["since"], row["until"]) for row in archived.rows("gaps")]
    assert (at("2026-10-14T02:00"), at("2026-10-14T06:00")) in gaps
    held = len(times(archived, "XRPUSDT"))
    missing = sum((until - since) / MINUTE for since, until in gaps)
    assert held + missing == (END - at("2026-10-01T00:00")) / MINUTE


async def test_history_before_the_archive_is_not_listed(archived: Desk):
    """XNOUSDT begins on 2026-10-06: the stretch before costs one question and is a gap that says so."""
    archived.market(["XNOUSDT"], since="2026-01-01T00:00")
    await archived.run()
    assert archived.bounds("XNOUSDT") == (at("2026-01-01T00:00"), END)
    [gap] = archived.rows("gaps")
    assert (gap["reason"], gap["until"]) == ("not_listed", at("2026-10-06T09:30"))
    assert len(archived.asked("/api/v3/klines")) < 8


@pytest.fixture
def forgotten(archived: Desk) -> Desk:
    """A desk in March 2022, when the exchange knows NANOUSDT no more, which ended on 19 January at 07:30."""
    archived.exchange.remove("NANOUSDT")
    archived.clock.now_s = at("2022-03-08T12:00:30").timestamp()
    return archived


def wants_all(desk: Desk, *intervals: str, since: str, source: str) -> None:
    """All symbols of a market that trades BTCUSDT alone, and those that only the archive knows."""
    desk.market("all", intervals, since=since, delisted=True, source=source)
    for symbol in [one.symbol for one in desk.exchange.listed(desk.exchange.now_ms)]:
        if symbol != "BTCUSDT":
            desk.exchange.delist(symbol, at_ms=0)


async def test_symbols_the_exchange_forgot_are_found_in_the_archive(forgotten: Desk):
    """delisted: true finds NANOUSDT in the archive, though the exchange does not know it any more."""
    wants_all(forgotten, "1m", since="2022-01-01T00:00", source="archive")
    receipts = await forgotten.run()
    nano = times(forgotten, "NANOUSDT")
    assert (nano[0].as_py(), nano[-1].as_py()) == (at("2022-01-01T00:00"), at("2022-01-19T07:29"))
    assert [failure for one in receipts for failure in one.failures] == []


@pytest.mark.parametrize("since", some_of(["2021-11-01T00:00", "2022-01-18T23:00"]))
@pytest.mark.parametrize(("interval", "last"), some_of([("1m", "07:29"), ("1h", "07:00"), ("1d", "00:00")]))
async def test_all_of_a_forgotten_symbol_comes_from_the_archive(forgotten: Desk, interval: str, last: str, since: str):
    """However few its candles: the exchange is not asked, the end is named, and once looked at twice left alone."""
    forgotten.market(["NANOUSDT"], intervals=[interval], since=since)
    await forgotten.run()
    forgotten.clock.advance(2 * 3600)
    await forgotten.run()
    assert times(forgotten, "NANOUSDT")[-1].as_py() == at(f"2022-01-19T{last}")
    assert {row["reason"] for row in forgotten.rows("gaps") if row["until"] is None} == {"delisted"}
    seen = len(forgotten.exchange.requests)
    [receipt] = await forgotten.run()
    assert (receipt.outcome, receipt.rows) == ("done", 0)
    listed = [one.target for one in list(forgotten.exchange.requests)[seen:] if "prefix=" in one.target]
    assert len(listed) == 1, "its folder alone says that the archive knows it"
    assert forgotten.asked("/api/v3/klines") == []


async def test_what_the_exchange_forgot_waits_for_its_last_files(forgotten: Desk):
    """The last days are covered only once the archive must have them, so that none is taken for empty too early."""
    forgotten.market(["NANOUSDT"], ["15m"], since="2022-01-10T00:00")
    forgotten.clock.now_s = at("2022-01-19T12:00:30").timestamp()
    await forgotten.run()
    assert forgotten.bounds("NANOUSDT", "15m") == (at("2022-01-10T00:00"), at("2022-01-11T12:00"))
    forgotten.clock.advance(9 * 86_400)
    await forgotten.run()
    assert times(forgotten, "NANOUSDT")[-1].as_py() == at("2022-01-19T07:15")


async def test_an_idle_run_asks_the_archive_for_its_symbols_alone(forgotten: Desk):
    """Once a delisted symbol is at rest no folder is listed: two pages of symbols find new ones, also after months."""
    wants_all(forgotten, "15m", since="2022-01-01T00:00", source="auto")
    await forgotten.run()
    for hours in (2, 1, 5000):
        forgotten.clock.advance(hours * 3600)
        forgotten.exchange.requests.clear()
        [receipt] = await forgotten.run()
        assert receipt.outcome == "done"
    forgotten.exchange.requests.clear()
    forgotten.clock.advance(900)
    await forgotten.run()
    assert forgotten.asked("prefix=") == [
        f"/?delimiter=%2F&prefix=data%2Fspot%2F{cadence}%2Fklines%2F" for cadence in ("monthly", "daily")
    ]
    assert forgotten.asked("NANOUSDT") == []


async def test_a_forgotten_symbol_without_the_archive_says_where_it_is(forgotten: Desk):
    """With source: rest its name is one that nobody lists; once known, the failure names the archive."""
    forgotten.market(["BTCUSDT", "XRPUSDT"], since="2022-03-08T00:00", source="rest")
    await forgotten.run()
    forgotten.exchange.remove("XRPUSDT")
    forgotten.clock.advance(2 * 3600)
    [receipt] = await forgotten.run()
    [failure] = receipt.failures
    assert "no longer knows XRPUSDT" in failure.why
    assert "source: auto" in failure.why


async def test_days_are_listed_only_where_no_month_is(archived: Desk):
    """Two years of months and some days after them take three requests of the listing."""
    archived.market(["BTCUSDT"], ["15m"], since="2025-12-01T00:00")
    await archived.run()
    assert len(archived.asked("delimiter")) == 2


async def test_a_backfill_that_was_stopped_goes_on(archived: Desk):
    """Stopped in the middle, the next run downloads only what is not yet in the lake."""
    archived.market(["BTCUSDT"], ["15m"], since="2025-12-01T00:00")
    await archived.stopped_at(4, "/monthly/")
    first = {row["path"] for row in archived.rows("archive_files")}
    seen = len(archived.exchange.requests)
    await archived.run()
    again = {seen.path.lstrip("/") for seen in list(archived.exchange.requests)[seen:]} & first
    assert first
    assert again == set()
    assert len(times(archived)) == (END - at("2025-12-01T00:00")) / timedelta(minutes=15)


def in_the_way(desk: Desk, month: str) -> Path:
    """A file where the folder of a month of quarters of hours should be."""
    obstacle = desk.folder / "lake/klines/market=spot/interval=15m" / f"month={month}"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way")
    return obstacle


async def test_nothing_lands_behind_a_month_that_could_not_be_written(archived: Desk):
    """A month of the first commit cannot be written, those behind it could be: none lands; once it can, all is there."""
    archived.market(["BTCUSDT"], ["15m"], since="2025-08-02T10:00")
    obstacle = in_the_way(archived, "2025-09")
    receipts = await archived.run()
    assert "nothing was committed" in receipts[0].failures[0].why
    assert archived.bounds("BTCUSDT") is None
    obstacle.unlink()
    await archived.run()
    assert candles(archived).equals(await as_rest_has_it(archived))


async def test_a_ban_stays_a_ban_when_the_disk_fails_too(archived: Desk):
    """What stopped the run decides what is done next; that a month could not be written is told beside it."""
    archived.market(["BTCUSDT"], ["15m"], since="2025-08-02T10:00")
    in_the_way(archived, "2025-09")
    told = f"Way too much request weight used; IP banned until {int(time.time() * 1000) + 3_600_000}."
    archived.exchange.inject(Error(path="/api/v3/klines", status=418, code=-1003, msg=told, count=None))
    [receipt] = await archived.run()
    assert receipt.exit_code == 75
    assert any("nothing was committed" in failure.why for failure in receipt.failures)


class Counting(Silent):
    """Adds up what is planned and what is done."""

    def __init__(self) -> None:
        self.planned, self.done = Counter[str](), Counter[str]()

    def sizes(self) -> dict[str, int]:
        """What is planned, but for the requests, one of which asks for the symbols."""
        return {name: self.planned[name] for name in ("files", "size", "rows")}

    def expect(self, **more: int) -> None:
        self.planned.update(more)

    def advance(self, **more: int) -> None:
        self.done.update(more)


async def test_what_is_done_is_what_was_planned_and_a_stop_leaves_the_rest(archived: Desk):
    """Progress adds up to the plan in files, bytes and rows; after a stop the plan is what is left, and no more."""
    archived.market(["BTCUSDT"], ["15m"], since="2025-12-01T00:00", source="archive")
    window = Window(at("2025-12-01"), at("2026-10-01"))

    async def planned() -> dict[str, int]:
        (plan,) = await plan_flows(archived.config, ["prices"], window, archived.state)
        return {"files": plan.files, "size": plan.download_bytes, "rows": plan.rows}

    async def pulled() -> Counting:
        counting, stop = Counting(), archived.stop
        await run_flow(archived.config, "prices", window=window, progress=counting, stop=stop, state=archived.state)
        return counting

    whole = await planned()
    assert whole["files"] == 10
    with archived.exchange.requests.when("2026-0", 4, archived.stop.set):
        first = await pulled()
    archived.stop.clear()
    assert (first.sizes(), 0 < first.done["files"] < 10) == (whole, True)
    left = await planned()
    assert left["files"] == 10 - len(archived.rows("archive_files"))
    second = await pulled()
    assert (second.sizes(), second.done["rows"], second.done["files"]) == (left, left["rows"], left["files"])
    assert first.done["rows"] + second.done["rows"] == whole["rows"] == len(times(archived))
    assert set((await planned()).values()) == {0}


@pytest.mark.soak
async def test_a_file_published_anew_replaces_its_rows(archived: Desk):
    """Maintenance finds that a file changed: its rows replace the old ones, which stay in corrections."""
    archived.market(["BTCUSDT"], ["15m"], since="2026-09-02T10:00", source="archive")
    archived.flows["upkeep"] = {"kind": "maintenance"}
    rest = {"kind": "market", "market": "spot", "datasets": ["prices"], "symbols": ["BTCUSDT"]}
    archived.flows["listing"] = rest  # so that the exchange may be asked
    month = MONTHLY.replace("1m", "15m")
    other = broken.Changed(file=month, open_ms=1788998400000, values={4: "1.00000000"})
    archived.exchange.inject(other)
    await archived.run()
    archived.exchange.heal()
    archived.clock.advance(3600)
    await archived.run("upkeep")
    files = archived.rows("archive_files", path=month)
    assert [(row["added"], row["removed"], row["changed"]) for row in files] == [(None, None, None), (0, 0, 1)]
    [audit] = archived.rows("check_results", check_name="archive_audit")
    assert audit["passed"]
    [correction] = archived.rows("corrections")
    assert '"close":"1.00000000"' in correction["before"]
    held = candles(archived)
    assert held.equals((await as_rest_has_it(archived)).slice(0, held.num_rows))


async def test_upkeep_needs_no_network(archived: Desk):
    """Without a network maintenance tidies all the same, and says that the archive was not looked at."""
    await archived.run()
    archived.flows["upkeep"] = {"kind": "maintenance"}
    nowhere = "http://127.0.0.1:1"
    archived.url, archived.addresses = nowhere, {"archive": nowhere, "archive_list": nowhere}
    receipts = await archived.run("upkeep")
    assert {receipt.outcome for receipt in receipts} == {"done"}
    assert sum("was not looked at again" in receipt.note for receipt in receipts) == 1
