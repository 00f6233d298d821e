"""Candles of futures out of the archive: the same as over REST, with and without a header, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.desks import instant, us
from support.sampled import some_of

from connectors.simulator.archive import faults as broken
from pipelines.quality.checks import run_checks
from pipelines.quality.month_counts import Want
from pipelines.quality.statements import prove

if TYPE_CHECKING:
    from support.desks import Desk

QUARTER_MS = 15 * 60_000


class Flat(broken.ArchiveFault, frozen=True):
    """Behind the last row of a contract that was settled more follow, without a trade, to the end of the month."""

    until_ms: int

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        opened, *_, price = lines[-1].split(b",")[:5]
        times = range(int(opened) + QUARTER_MS, self.until_ms, QUARTER_MS)
        flat = b"%d," + b",".join([price] * 4) + b",0,%d,0,0,0,0,0"
        return [*lines, *(flat % (at, at + QUARTER_MS - 1) for at in times)]


async def hashes(desk: Desk, road: str, since: str, until: str, source: str) -> list[tuple[Any, ...]]:
    """What a lake of its own proves after a backfill from one source."""
    desk.folder = desk.folder.parent / road
    desk.market(["BTCUSDT"], ["15m"], since=since, market="usdm", source=source)
    [receipt] = await desk.backfill(since, until)
    assert (receipt.outcome, receipt.failures) == ("done", ())
    return [(one.month, one.rows, one.status, one.sha256) for one in prove(desk.lake, [Want()], instant("2026-11-02"))]


@pytest.mark.parametrize(("since", "until"), some_of([("2022-06-01", "2022-08-01"), ("2026-10-01", "2026-10-28")]))
async def test_files_and_pages_have_one_hash(desk: Desk, since: str, until: str):
    """Header lines begin in 2022; files of futures stay in milliseconds in 2025 (8.3, 8.4)."""
    desk.folder /= "lakes"
    desk.addresses = {"usdm": desk.url, "archive": desk.url, "archive_list": desk.url}
    from_files = await hashes(desk, "files", since, until, "archive")
    assert desk.asked("/fapi/") == []
    assert from_files == await hashes(desk, "pages", since, until, "rest")
    assert {status for _, _, status, _ in from_files} == {"complete"}


async def test_rows_behind_a_settlement_are_kept_as_printed(desk: Desk):
    """A contract ends in the middle of a month whose file goes on without a trade: all its rows are there, once."""
    desk.addresses = {"usdm": desk.url, "archive": desk.url, "archive_list": desk.url}
    file = "data/futures/um/monthly/klines/WAVESUSDT/15m/WAVESUSDT-15m-2026-06.zip"
    desk.exchange.inject(Flat(file=file, until_ms=us("2026-07-01") // 1000))
    desk.market(["WAVESUSDT"], ["15m"], since="2026-06-01", market="usdm")
    for _ in range(3):
        [receipt] = await desk.run()
        assert (receipt.outcome, receipt.failures) == ("done", ())
        desk.clock.advance(7200)
    rows = desk.rows("klines")
    assert (len(rows), rows[-1]["open_time"]) == (30 * 96, instant("2026-06-30T23:45"))
    assert {row["close"] for row in rows if row["open_time"] >= instant("2026-06-11T09:00")} == {rows[-1]["close"]}
    *_, gap = desk.rows("gaps")
    assert (gap["since"], gap["reason"], gap["confirmed_at"] is None) == (instant("2026-07-01"), "delisted", False)
    assert [one.name for one in run_checks(desk.lake, [], instant("2026-11-03")) if not one.passed] == []
