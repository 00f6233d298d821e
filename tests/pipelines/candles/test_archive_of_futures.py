"""Candles of futures out of the archive: the same as over REST, with and without a header, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.desks import instant
from support.sampled import some_of

from pipelines.quality.month_counts import Want
from pipelines.quality.statements import prove

if TYPE_CHECKING:
    from support.desks import Desk


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
