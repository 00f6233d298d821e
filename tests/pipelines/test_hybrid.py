"""Long history out of the simulated archive and exchange: complete, exact, without a seam, whatever a file does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from connectors.simulator import archive_faults as broken
from schemas.catalog import DATASETS

if TYPE_CHECKING:
    from desks import Desk

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


def times(desk: Desk, symbol: str = "BTCUSDT") -> list[datetime]:
    opened: list[datetime] = candles(desk, symbol)["open_time"].to_pylist()
    return opened


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
    assert all(later - earlier == MINUTE for earlier, later in pairwise(times(archived)))
    held = candles(archived)
    assert held.equals(await as_rest_has_it(archived))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (broken.WrongChecksum(file=MONTHLY), "checksum_mismatch"),
        (broken.CutZip(file=MONTHLY), "truncated_zip"),
        (broken.NoChecksum(file=MONTHLY), "no_checksum"),
    ],
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


async def test_symbols_the_exchange_forgot_are_found_in_the_archive(archived: Desk):
    """delisted: true finds NANOUSDT in the archive, though the exchange does not know it any more."""
    archived.exchange.remove("NANOUSDT")
    archived.market("all", since="2022-01-01T00:00", delisted=True, source="archive")
    for symbol in [one.symbol for one in archived.exchange.listed(archived.exchange.now_ms)]:
        if symbol not in {"NANOUSDT", "BTCUSDT"}:
            archived.exchange.delist(symbol, at_ms=0)
    archived.clock.now_s = at("2022-03-08T12:00:30").timestamp()
    await archived.run()
    nano = times(archived, "NANOUSDT")
    assert (nano[0], nano[-1]) == (at("2022-01-01T00:00"), at("2022-01-19T07:29"))


async def test_a_backfill_that_was_stopped_goes_on(archived: Desk):
    """Stopped in the middle, the next run downloads only what is not yet in the lake."""
    archived.market(["BTCUSDT"], since="2025-12-01T00:00")
    archived.exchange.latency_s = 0.02
    await archived.stopped_after(4, "/monthly/")
    first = {row["path"] for row in archived.rows("archive_files")}
    seen = len(archived.exchange.requests)
    await archived.run()
    again = {seen.path.lstrip("/") for seen in list(archived.exchange.requests)[seen:]} & first
    assert first
    assert again == set()
    assert len(times(archived)) == (END - at("2025-12-01T00:00")) / MINUTE


async def test_a_file_published_anew_replaces_its_rows(archived: Desk):
    """Maintenance finds that a file changed: its rows replace the old ones, which stay in corrections."""
    archived.flows["upkeep"] = {"kind": "maintenance"}
    other = broken.Changed(file=MONTHLY, open_ms=1788998400000, values={4: "1.00000000"})
    archived.exchange.inject(other)
    await archived.run()
    archived.exchange.heal()
    archived.clock.advance(3600)
    await archived.run("upkeep")
    files = archived.rows("archive_files", path=MONTHLY)
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
