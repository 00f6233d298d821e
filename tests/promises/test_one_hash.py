"""One hash, whatever the road: months out of monthly files, daily files or pages are proven to be the same.

The months lie around 2025-01-01, when the archive's times became microseconds; `close_time` is part of the hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.desks import instant
from test_recorded import RECORDINGS

from connectors.simulator.archive.faults import NoFile
from pipelines.archive import inventory as shelf
from pipelines.quality.month_counts import Want
from pipelines.quality.statements import Statement, prove
from schemas.datasets.market import KLINES

if TYPE_CHECKING:
    from support.desks import Desk

MONTHS = ("2024-12", "2025-01", "2025-02")
NOW = instant("2025-03-20")


async def by(desk: Desk, road: str, since: str, until: str, *, lacking: Sequence[str] = ()) -> list[Statement]:
    """What a lake of its own proves after a backfill by one road: `monthly` or `daily` files, or `rest`."""
    desk.clock.now_s = NOW.timestamp()
    desk.flows["prices"]["source"] = "rest" if road == "rest" else "archive"
    desk.folder = desk.folder.parent / road
    for path in lacking:
        desk.exchange.inject(NoFile(file=path))
    [receipt] = await desk.backfill(since, until)
    desk.exchange.heal()
    assert receipt.outcome == "done"
    stated = list(prove(desk.lake, [Want()], NOW))
    assert {source for one in stated for source in one.sources} == {road}
    return stated


def monthly(interval: str) -> list[str]:
    return [f"data/spot/monthly/klines/BTCUSDT/{interval}/BTCUSDT-{interval}-{month}.zip" for month in MONTHS]


def ends(desk: Desk) -> list[datetime]:
    held = desk.lake.table(KLINES).scan(["open_time", "close_time"]).sort_by("open_time")
    closed: list[datetime] = held["close_time"].to_pylist()
    return closed


@pytest.fixture
def archived(desk: Desk) -> Desk:
    """A desk whose exchange has an archive; each road has a lake beside the others'."""
    desk.folder /= "road"
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    return desk


async def test_minutes_have_one_hash_by_every_road(archived: Desk):
    """Minutes of December and January out of two monthly files, 43 daily files, and 62 pages: the same statements."""
    archived.market(["BTCUSDT"], ["1m"])
    stretch = "2024-12-20", "2025-02-01"
    by_month = await by(archived, "monthly", *stretch)
    assert [(one.month, one.rows, one.status) for one in by_month] == [
        ("2024-12", 12 * 1440, "complete"),
        ("2025-01", 31 * 1440, "complete"),
    ]
    minute, last_ms = timedelta(minutes=1), timedelta(milliseconds=1)
    assert ends(archived) == [instant("2024-12-20") + number * minute - last_ms for number in range(1, 43 * 1440 + 1)]
    by_day = await by(archived, "daily", *stretch, lacking=monthly("1m"))
    by_page = await by(archived, "rest", *stretch)
    assert hashes(by_month) == hashes(by_day) == hashes(by_page)


async def test_real_hours_have_one_hash_by_every_road(archived: Desk, recorded: Path, monkeypatch: pytest.MonkeyPatch):
    """The recorded files of three months as they are, and the same hours as daily files and as pages."""
    monkeypatch.setattr(shelf, "WORTH_PAGES", 1)  # a month of hours is one page
    archived.exchange.replay_klines("BTCUSDT", "1h", RECORDINGS["archive across the change of unit"].read(recorded))
    archived.market(["BTCUSDT"], ["1h"])
    stretch = "2024-12-01", "2025-03-01"
    by_page = await by(archived, "rest", *stretch)
    by_day = await by(archived, "daily", *stretch, lacking=monthly("1h"))
    archived.exchange.replay_archive(recorded / "archives" / "rezipped")
    by_month = await by(archived, "monthly", *stretch)
    assert [(one.month, one.rows) for one in by_month] == [*zip(MONTHS, (744, 744, 672), strict=True)]
    assert hashes(by_month) == hashes(by_day) == hashes(by_page)


def hashes(stated: Sequence[Statement]) -> list[tuple[str, str, int, str]]:
    return [(one.month, one.status, one.rows, one.sha256) for one in stated]
