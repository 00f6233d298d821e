"""What the archive alone has, file by file: each row once, whatever comes late, twice, broken or anew."""

from __future__ import annotations

import hashlib
import time
import zipfile
import zlib
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import instant

from connectors.binance.archive.streamed import Streamed
from connectors.lake.sql.session import connect, run
from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Html
from pipelines.estimate.flow import plan_flows
from pipelines.pull import by_file
from pipelines.quality.checks import run_checks
from schemas.datasets.archived import BOOK_TICKER_UPDATES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa
    from support.desks import Desk

SINCE, LAST_FILE_ENDS = "2026-10-28", "2026-11-02"
FIVE_MINUTES_OF_A_DAY = 288
DAY = "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-{}.zip"


class Rewritten(broken.ArchiveFault, frozen=True):
    """The first row has another last value."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        header, first, *others = lines
        return [header, first.rpartition(b",")[0] + b",9.00000000", *others]


class Quoted(broken.ArchiveFault, frozen=True):
    """The first row has another bid."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        header, first, *others = lines
        cells = first.split(b",")
        return [header, b",".join([cells[0], b"7.5", *cells[2:]]), *others]


class Thinned(broken.ArchiveFault, frozen=True):
    """Two rows of the middle are not there."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [*lines[:10], *lines[12:]]


class Shortened(broken.ArchiveFault, frozen=True):
    """The first row, which stands there twice, is not there."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [lines[0], *lines[3:]]


class Lacking(broken.ArchiveFault, frozen=True):
    """The first hour is not there."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [lines[0], *lines[13:]]


def wants(desk: Desk, *datasets: str, market: str = "usdm", symbol: str = "BTCUSDT", since: str = SINCE) -> None:
    desk.flows["prices"] = {
        "kind": "market", "market": market, "datasets": list(datasets), "symbols": [symbol], "since": since,
        "source": "archive",
    }  # fmt: skip


@pytest.fixture
def archived(desk: Desk) -> Desk:
    """A desk that wants the metrics of a contract; its exchange has an archive."""
    desk.addresses = {"usdm": desk.url, "coinm": desk.url, "archive": desk.url, "archive_list": desk.url}
    desk.flows["upkeep"] = {"kind": "maintenance"}
    wants(desk, "metrics")
    return desk


async def done(desk: Desk, days: float = 0, *faults: Any) -> int:
    """A run so many days later, while the archive has these faults and no others; how many rows it brought."""
    desk.exchange.heal()
    for fault in faults:
        desk.exchange.inject(fault)
    desk.clock.advance(days * 86_400)
    receipts = await desk.run()
    assert [(receipt.outcome, receipt.failures) for receipt in receipts] == [("done", ())] * len(receipts)
    return sum(receipt.rows for receipt in receipts)


def covered(desk: Desk, dataset: str = "metrics") -> tuple[datetime, datetime]:
    sql = f"SELECT since, until FROM coverage WHERE dataset = '{dataset}'"
    [row] = run(connect(desk.lake), sql).to_pylist()
    return row["since"], row["until"]


def gaps(desk: Desk) -> list[tuple[datetime, datetime, str]]:
    shown = run(connect(desk.lake), "SELECT * FROM gaps ORDER BY since").to_pylist()
    return [(row["since"], row["until"], row["reason"]) for row in shown]


async def test_every_file_is_loaded_once(archived: Desk):
    """All days that have a file are there; the next run lists the folder, downloads nothing and asks no exchange."""
    assert await done(archived) == 5 * FIVE_MINUTES_OF_A_DAY
    assert covered(archived) == (instant(SINCE), instant(LAST_FILE_ENDS))
    archived.exchange.requests.clear()
    assert await done(archived) == 0
    assert (archived.asked(".zip"), archived.asked("api/")) == ([], [])
    assert await done(archived, 1) == FIVE_MINUTES_OF_A_DAY
    assert [result.name for result in run_checks(archived.lake, [], instant("2026-11-03")) if not result.passed] == []


async def test_history_comes_newest_first_and_once(archived: Desk):
    """A backfill goes back from what is there, without a seam and without a row twice."""
    await done(archived)
    await archived.backfill("2026-10-20")
    rows = archived.rows("metrics")
    assert len({row["time"] for row in rows}) == len(rows) == 13 * FIVE_MINUTES_OF_A_DAY
    assert covered(archived) == (instant("2026-10-20"), instant(LAST_FILE_ENDS))


async def test_a_late_day_is_a_gap_until_it_comes(archived: Desk):
    """N24: late for a week, then not_in_archive; the first run that finds the file fills the gap."""
    lacking = broken.NoFile(file=DAY.format("2026-10-30"))
    await done(archived, 0, lacking)
    assert gaps(archived) == [(instant("2026-10-30"), instant("2026-10-31"), "late")]
    await done(archived, 9, lacking)
    assert gaps(archived) == [(instant("2026-10-30"), instant("2026-10-31"), "not_in_archive")]
    assert await done(archived, 0.01) == FIVE_MINUTES_OF_A_DAY
    assert gaps(archived) == []


@pytest.mark.parametrize("days", [0, 9])
async def test_a_file_that_no_list_shows_is_asked_for_by_its_name(archived: Desk, days: int):
    """A list that leaves out a file between others says nothing of it: its rows are there at once, old or young."""
    assert (
        await done(archived, days, broken.Unlisted(file=DAY.format("2026-10-30"))) == (5 + days) * FIVE_MINUTES_OF_A_DAY
    )
    assert gaps(archived) == []


async def test_that_a_file_is_not_there_is_settled_an_hour_later(archived: Desk):
    """Two runs in one minute ask the same archive in the same state: the second look is one of an hour later."""
    lacking = broken.NoFile(file=DAY.format("2026-10-30"))
    await done(archived, 9, lacking)
    for days, settled in [(0.01, False), (0.05, True)]:
        await done(archived, days, lacking)
        [*_, gap] = archived.rows("gaps")
        assert (gap["reason"], gap["confirmed_at"] is not None) == ("not_in_archive", settled)
    assert "by their names" in gap["evidence"]


@pytest.mark.parametrize("cut", ["2026-10-30", "2026-08-01"])
async def test_a_list_that_was_cut_settles_no_gap(archived: Desk, cut: str):
    """Where no file behind a late day is listed, as one was before, the day stays late, however long that lasts."""
    await done(archived, 0, broken.NoFile(file=DAY.format("2026-10-30")))
    late = gaps(archived)
    days = [instant(cut) + timedelta(days=day) for day in range(120)]
    for _ in range(2):
        await done(archived, 9, *(broken.NoFile(file=DAY.format(f"{day:%Y-%m-%d}")) for day in days))
        assert gaps(archived) == late
    await done(archived)
    assert gaps(archived) == []


async def test_a_file_may_come_after_its_gap_was_settled(archived: Desk):
    """N24: a day that was not in the archive when it was looked at twice is loaded by upkeep once it is there."""
    lacking = broken.NoFile(file=DAY.format("2026-10-30"))
    await done(archived, 0, lacking)
    await done(archived, 9, lacking)
    await done(archived, 0.1, lacking)
    archived.exchange.heal()
    before = len(archived.rows("metrics"))
    assert {receipt.outcome for receipt in await archived.run("upkeep")} == {"done"}
    assert gaps(archived) == []
    assert len(archived.rows("metrics")) == before + FIVE_MINUTES_OF_A_DAY
    assert await done(archived, 0.1) == 0


async def test_slots_that_a_file_lacks_are_a_gap_until_it_is_mended(archived: Desk):
    """What a file that was read does not have is told with its path, is missing, and comes once the file is published anew."""
    hour = (instant("2026-10-30"), instant("2026-10-30T01:00"), "not_in_archive")
    await done(archived, 0, Lacking(file=DAY.format("2026-10-30")))
    assert gaps(archived) == [hour]
    assert DAY.format("2026-10-30") in archived.rows("gaps")[0]["evidence"]
    assert completeness(archived)[0] == (5 * FIVE_MINUTES_OF_A_DAY - 24 * 12 - 12, 12, "missing", ["not_in_archive"])
    archived.exchange.requests.clear()
    assert await done(archived, 0.01, Lacking(file=DAY.format("2026-10-30"))) == 0
    assert (archived.asked(".zip"), gaps(archived)) == ([], [hour])
    archived.exchange.heal()
    assert {receipt.outcome for receipt in await archived.run("upkeep")} == {"done"}
    assert (gaps(archived), completeness(archived)[0][1:]) == ([], (0, "complete", []))


async def test_what_a_file_no_longer_has_is_no_hole(archived: Desk):
    """A row that is stored stays when a file is published anew without it, and nothing is said to be missing."""
    await done(archived)
    archived.exchange.inject(Lacking(file=DAY.format("2026-10-30")))
    archived.clock.advance(3600)
    assert {receipt.outcome for receipt in await archived.run("upkeep")} == {"done"}
    assert [look["removed"] for look in archived.rows("archive_files", path=DAY.format("2026-10-30"))][-1] == 12
    assert (gaps(archived), completeness(archived)[0][1:]) == ([], (0, "complete", []))


def completeness(desk: Desk) -> list[tuple[Any, ...]]:
    sql = "SELECT rows, missing_rows, status, reasons FROM time_completeness ORDER BY month"
    return [tuple(row.values()) for row in run(connect(desk.lake), sql).to_pylist()]


async def test_a_file_that_cannot_be_read_is_a_gap_with_its_reason(archived: Desk):
    """It costs its own day alone, and is loaded once it is mended."""
    await done(archived, 0, broken.CutZip(file=DAY.format("2026-10-30")))
    assert gaps(archived) == [(instant("2026-10-30"), instant("2026-10-31"), "unusable")]
    assert len(archived.rows("metrics")) == 4 * FIVE_MINUTES_OF_A_DAY
    assert await done(archived, 0.01) == FIVE_MINUTES_OF_A_DAY
    assert gaps(archived) == []


async def test_a_file_that_stays_unreadable_is_left_to_maintenance(archived: Desk):
    """After a second look an hour later no run fetches it; its rows are missing until maintenance finds it anew."""
    cut = broken.CutZip(file=DAY.format("2026-10-30"))
    for days in (0, 0.01, 0.05):
        await done(archived, days, cut)
    archived.exchange.requests.clear()
    assert await done(archived, 0.1, cut) == 0
    assert archived.asked(".zip") == []
    assert completeness(archived)[0][1:] == (FIVE_MINUTES_OF_A_DAY, "missing", ["unusable"])
    await upkeep(archived)
    assert (gaps(archived), len(archived.rows("metrics"))) == ([], 5 * FIVE_MINUTES_OF_A_DAY)


async def test_the_label_moved_and_the_time_did_not(archived: Desk):
    """D4: both days hold a row labelled 2026-06-25 00:00 that are of different minutes; here each has its own time."""
    wants(archived, "metrics", since="2026-06-23")
    archived.clock.now_s = instant("2026-06-27T12:00").timestamp()
    await done(archived)
    rows = archived.rows("metrics")
    same = [row["time"] for row in rows if row["label"] == instant("2026-06-25")]
    assert same == [instant("2026-06-24T23:55"), instant("2026-06-25")]
    first = instant("2026-06-23")
    assert [row["time"] for row in rows] == [first + timedelta(minutes=5 * n) for n in range(4 * FIVE_MINUTES_OF_A_DAY)]


async def test_ratios_that_are_not_printed_are_null(archived: Desk):
    """COIN-M prints three of them as an empty pair of quotes."""
    wants(archived, "metrics", market="coinm", symbol="BTCUSD_PERP")
    await done(archived)
    row = archived.rows("metrics")[0]
    assert (row["top_account_ratio"], row["label"]) == (None, row["time"])
    assert isinstance(row["taker_volume_ratio"], Decimal)


async def test_rows_that_are_printed_twice_stand_once(archived: Desk):
    """D2: all of liquidationSnapshot is doubled under a right CHECKSUM."""
    wants(archived, "liquidations", market="coinm", symbol="BTCUSD_PERP", since="2024-10-01")
    await done(archived)
    rows = archived.rows("liquidations")
    assert len(rows) == 14 * 24
    assert {row["ordinal"] for row in rows} == {0}
    assert {row["dropped_duplicates"] for row in archived.rows("archive_files")} == {24}


async def test_bands_may_become_more_within_a_series(archived: Desk):
    """D4: ten bands of the order book up to the middle of January 2026, twelve afterwards."""
    wants(archived, "book_depth", since="2026-01-14")
    archived.clock.now_s = instant("2026-01-16T12:00").timestamp()
    await done(archived)
    bands = run(
        connect(archived.lake),
        "SELECT count(DISTINCT percentage) AS bands FROM book_depth GROUP BY time::DATE ORDER BY 1",
    )
    assert bands["bands"].to_pylist() == [10, 12]


async def test_a_file_published_anew_brings_what_it_lacked(archived: Desk):
    """Maintenance finds that a file changed and brings the row that it lacked."""
    wants(archived, "liquidations", market="coinm", symbol="BTCUSD_PERP", since="2024-10-13")
    path = "data/futures/cm/daily/liquidationSnapshot/BTCUSD_PERP/BTCUSD_PERP-liquidationSnapshot-2024-10-14.zip"
    await done(archived, 0, Shortened(file=path))
    assert len(archived.rows("liquidations")) == 47
    archived.exchange.heal()
    archived.clock.advance(3600)
    assert {receipt.outcome for receipt in await archived.run("upkeep")} == {"done"}
    [*_, look] = archived.rows("archive_files", path=path)
    assert (look["added"], look["removed"], look["changed"]) == (1, 0, 0)
    assert len(archived.rows("liquidations")) == 48


async def test_fundings_come_out_of_files_and_go_on_over_rest(archived: Desk):
    """C23: a funding is one row whichever source printed it; what is asked for again gets the mark price, kept in files."""
    wants(archived, "funding_rates", since="2026-09-01")
    archived.clock.now_s = instant("2026-11-04T00:00").timestamp()
    assert await done(archived) == 61 * 3
    assert archived.asked("api/") == []
    filed = archived.rows("funding_rates")
    assert {(row["mark_price"], row["rate_type"]) for row in filed} == {(None, "")}
    assert covered(archived, "funding_rates") == (instant("2026-09-01"), instant("2026-11-01"))
    archived.flows["prices"] |= {"source": "auto"}
    await done(archived)
    stored = sorted(archived.rows("funding_rates"), key=lambda row: row["funding_time"])
    rows = [row for row in stored if row["rate_type"] != "Special"]
    slots = [int(row["funding_time"].timestamp()) // (8 * 3600) for row in rows]
    assert slots == list(range(slots[0], slots[0] + len(filed) + 3 * 3))
    asked_again = rows[len(filed) - 3 : len(filed)]
    assert {(row["mark_price"] is None, row["rate_type"]) for row in asked_again} == {(False, "Regular")}
    assert [row["funding_rate"] for row in rows[: len(filed)]] == [row["funding_rate"] for row in filed]
    assert len(archived.rows("corrections")) == len(asked_again)


async def test_a_file_of_fundings_published_anew_takes_no_mark_price(archived: Desk):
    """C23: a funding that REST printed keeps its instant and mark price when a file that has it too is mended."""
    path = "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-10.zip"
    wants(archived, "funding_rates", since="2026-10-01")
    archived.clock.now_s = instant("2026-11-04T00:00").timestamp()
    await done(archived, 0, Rewritten(file=path))
    archived.flows["prices"] |= {"source": "auto"}
    await done(archived)
    before = archived.rows("funding_rates")
    assert before[0]["funding_rate"] == 9
    archived.clock.advance(3600)
    assert {receipt.outcome for receipt in await archived.run("upkeep")} == {"done"}
    [*_, look] = archived.rows("archive_files", path=path)
    assert (look["added"], look["removed"], look["changed"]) == (0, 0, 1)
    after = archived.rows("funding_rates")
    assert after[1:] == before[1:]
    assert after[0] == before[0] | {"funding_rate": after[0]["funding_rate"]}
    assert after[0]["funding_rate"] < 1


async def test_a_plan_says_what_will_be_downloaded(archived: Desk):
    """Files and bytes by series; once all is there, none."""
    (plan,) = await plan_flows(archived.config, ["prices"], state=archived.state)
    assert (plan.files, plan.requests) == (5, 0)
    await done(archived)
    (plan,) = await plan_flows(archived.config, ["prices"], state=archived.state)
    assert plan.files == 0
    assert archived.asked("api/") == []


async def test_a_killed_run_that_filled_a_gap_brings_no_row_twice(archived: Desk, monkeypatch: pytest.MonkeyPatch):
    """Rows landed and the gap still says that they are missing: the next run adds none of them again."""
    await done(archived, 0, broken.NoFile(file=DAY.format("2026-10-30")))
    monkeypatch.setattr(by_file, "write_gaps", lambda *_, **__: None)  # as if it ended right before
    assert await done(archived, 0.01) == FIVE_MINUTES_OF_A_DAY
    monkeypatch.undo()
    assert len(gaps(archived)) == 1
    assert await done(archived, 0.01) == 0
    assert gaps(archived) == []
    assert len(archived.rows("metrics")) == 5 * FIVE_MINUTES_OF_A_DAY


async def test_what_changed_in_a_file_is_corrected_and_kept(archived: Desk):
    """A row with other values takes the place of the stored one; both versions stay."""
    path = DAY.format("2026-10-30")
    await done(archived, 0, Rewritten(file=path))
    archived.exchange.heal()
    archived.clock.advance(3600)
    await archived.run("upkeep")
    [*_, look] = archived.rows("archive_files", path=path)
    assert (look["added"], look["removed"], look["changed"]) == (0, 0, 1)
    [correction] = archived.rows("corrections")
    assert '"taker_volume_ratio":"9.0000000000000000"' in correction["before"]
    assert len(archived.rows("metrics")) == 5 * FIVE_MINUTES_OF_A_DAY


async def test_options_come_where_the_archive_has_them(archived: Desk, recorded: Path, tmp_path: Path):
    """A market that has nothing but an archive: all rows of a real day, and no request of any exchange."""
    real = recorded / "archives/excerpts/option/daily/EOHSummary/BTCUSDT-EOHSummary-2023-10-22.two-expiries.zip"
    path = tmp_path / "archive/data/option/daily/EOHSummary/BTCUSDT/BTCUSDT-EOHSummary-2023-10-22.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(real.read_bytes())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}")
    archived.exchange.replay_archive(tmp_path / "archive")
    wants(archived, "option_summaries", market="option", since="2023-10-01")
    assert await done(archived) == 1776
    assert covered(archived, "option_summaries") == (instant("2023-10-22"), instant("2023-10-23"))
    assert archived.asked("api/") == []


QUOTED_OF_A_DAY = 8640
BOOK = "data/futures/um/{}/bookTicker/BTCUSDT/BTCUSDT-bookTicker-{}.zip"


@pytest.mark.soak
async def test_best_prices_come_by_day_and_by_month_where_days_lack(archived: Desk):
    """Each row once: days are read before the month that holds them, which gives what they lack."""
    wants(archived, "book_ticker_updates", since="2024-03-28")
    lacking = broken.NoFile(file=BOOK.format("daily", "2024-03-29"))
    assert await done(archived, 0, lacking) == 4 * QUOTED_OF_A_DAY
    assert covered(archived, "book_ticker_updates") == (instant("2024-03-28"), instant("2024-04-01"))
    assert gaps(archived) == []
    read = {row["path"]: row["rows"] for row in archived.rows("archive_files")}
    days = {BOOK.format("daily", f"2024-03-{day}"): QUOTED_OF_A_DAY for day in (28, 30)}
    assert {path: count for path, count in read.items() if "/daily/" in path} == days
    archived.exchange.requests.clear()
    assert await done(archived) == 0
    assert archived.asked(".zip") == []
    assert [result.name for result in run_checks(archived.lake, [], instant("2026-11-03")) if not result.passed] == []


async def test_best_prices_published_anew_take_the_place_of_those_stored(archived: Desk):
    """A price that differs is corrected and kept, rows that are lost stay, and those of the day before count as none."""
    wants(archived, "book_ticker_updates", since="2024-03-29")
    path = BOOK.format("daily", "2024-03-30")
    await done(archived, 0, Quoted(file=path))
    await upkeep(archived)
    [correction] = archived.rows("corrections")
    assert '"bid_price":"7.50000000"' in correction["before"]
    assert difference(archived, path) == (0, 0, 1)
    await upkeep(archived, Thinned(file=path))
    assert difference(archived, path) == (0, 2, 0)
    assert len(archived.rows("book_ticker_updates")) == 3 * QUOTED_OF_A_DAY


async def test_best_prices_that_come_late_fill_their_gap(archived: Desk):
    """A day whose file could not be read is a gap until it is published whole; then its rows are there, once."""
    wants(archived, "book_ticker_updates", since="2024-03-29")
    unreadable = broken.CutZip(file=BOOK.format("daily", "2024-03-29"))
    assert await done(archived, 0, unreadable) == 2 * QUOTED_OF_A_DAY
    assert gaps(archived) == [(instant("2024-03-29"), instant("2024-03-30"), "unusable")]
    for _ in range(2):
        await upkeep(archived)
        assert gaps(archived) == []
        assert len(archived.rows("book_ticker_updates")) == 3 * QUOTED_OF_A_DAY


async def upkeep(desk: Desk, *faults: Any) -> None:
    """An hour later, upkeep, while the archive has these faults and no others."""
    desk.exchange.heal()
    for fault in faults:
        desk.exchange.inject(fault)
    desk.clock.advance(3600)
    assert {receipt.outcome for receipt in await desk.run("upkeep")} == {"done"}


def difference(desk: Desk, path: str) -> tuple[int, int, int]:
    """What the last version of a file did to the one before."""
    [*_, look] = desk.rows("archive_files", path=path)
    return look["added"], look["removed"], look["changed"]


async def test_a_large_file_that_is_bad_at_its_end_leaves_nothing(archived: Desk, tmp_path: Path):
    """D2: rows of the first blocks were written when the check sum of the content fails; none of them is kept."""
    wants(archived, "book_ticker_updates", since="2024-03-28")
    path = BOOK.format("daily", "2024-03-28")
    _broken_day(tmp_path / "replayed" / path)
    archived.exchange.replay_archive(tmp_path / "replayed")
    assert await done(archived) == 3 * QUOTED_OF_A_DAY
    assert gaps(archived) == [(instant("2024-03-28"), instant("2024-03-29"), "unusable")]
    [told] = [row for row in archived.rows("archive_files") if row["path"] == path]
    assert (told["rows"], told["reason"]) == (0, "bad_zip")
    folder = archived.lake.table(BOOK_TICKER_UPDATES).root
    assert list((folder / "market=usdm/date=2024-03-28").glob("*")) == []


def _broken_day(path: Path) -> None:
    """A day of more than a block, whose content is not what its check sum says."""
    line = "{},1.00000000,2.00000000,3.00000000,4.00000000,1711584000000,1711584000001\n"
    content = "".join(line.format(number) for number in range(180_000)).encode()
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.with_suffix(".csv").name, content)
    told = zlib.crc32(content).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(told, b"\0\0\0\0"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}")


@pytest.fixture
async def unreadable_month(archived: Desk) -> Desk:
    """A desk that lacks four days of best prices: their month could not be read, and no day had a file of its own."""
    wants(archived, "book_ticker_updates", since="2024-03-28")
    days = [broken.NoFile(file=BOOK.format("daily", f"2024-03-{day}")) for day in (28, 29, 30)]
    await done(archived, 0, broken.CutZip(file=BOOK.format("monthly", "2024-03")), *days)
    assert gaps(archived) == [(instant("2024-03-28"), instant("2024-04-01"), "unusable")]
    archived.exchange.heal()
    return archived


async def test_what_is_left_of_a_gap_keeps_its_name(unreadable_month: Desk):
    """A run that ends between two files of a gap leaves the rest of it to the next, and names it meanwhile."""
    unreadable_month.exchange.inject(Html(path=f"/{BOOK.format('daily', '2024-03-29')}", status=503, count=None))
    [receipt] = await unreadable_month.run()
    assert (receipt.rows, len(receipt.failures)) == (QUOTED_OF_A_DAY, 1)
    assert sum((until - since for since, until, _ in gaps(unreadable_month)), timedelta()) == timedelta(days=3)
    assert await done(unreadable_month) == 3 * QUOTED_OF_A_DAY
    assert gaps(unreadable_month) == []


async def test_a_file_fills_its_part_of_a_gap_alone(unreadable_month: Desk):
    """Maintenance finds a day of the middle: what lies before it and behind it is still missing, and comes later."""
    lacking = [broken.NoFile(file=BOOK.format("daily", f"2024-03-{day}")) for day in (28, 30)]
    await upkeep(unreadable_month, broken.NoFile(file=BOOK.format("monthly", "2024-03")), *lacking)
    assert [(f"{since:%d}", f"{until:%d}") for since, until, _ in gaps(unreadable_month)] == [
        ("28", "29"),
        ("30", "01"),
    ]
    assert await done(unreadable_month) == 3 * QUOTED_OF_A_DAY
    assert gaps(unreadable_month) == []


async def test_the_next_large_file_comes_while_one_is_read(archived: Desk, monkeypatch: pytest.MonkeyPatch):
    """One is downloaded ahead, and no more, since each may take a GB of the folder for temporary files."""
    wants(archived, "book_ticker_updates", since="2024-03-28")
    unpacked, asked = Streamed.__iter__, list[int]()

    def zips() -> int:
        return sum(seen.path.endswith(".zip") for seen in archived.exchange.requests)

    def noted(content: Streamed) -> Iterator[pa.Table]:
        until = time.monotonic() + 10
        while zips() < min(len(asked) + 2, 4) and time.monotonic() < until:
            time.sleep(0.01)
        asked.append(zips())
        yield from unpacked(content)

    monkeypatch.setattr(Streamed, "__iter__", noted)
    await done(archived)
    assert asked == [2, 3, 4, 4]
