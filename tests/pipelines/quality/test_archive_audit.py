"""The sampled audit: archive candles held against REST, within a weight a day."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.desks import instant, us
from support.lakes import put

from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.quality.archive_audit import audit, due_pages, sample
from pipelines.quality.checks import run_checks
from pipelines.runs.run import open_run
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.market import KLINES

if TYPE_CHECKING:
    from support.desks import Desk

    from pipelines.quality.checks import CheckResult

SINCE, DAY = "2026-11-01", us("2026-11-02") // 86_400_000_000


@pytest.fixture
async def loaded(desk: Desk) -> Desk:
    """A day of minutes that an archive file is said to have given."""
    desk.market(["BTCUSDT"], since=SINCE)
    await desk.run()
    put(desk.lake, ARCHIVE_FILES, daily_file(rows=1440))
    desk.exchange.requests.clear()
    return desk


def daily_file(rows: int) -> dict[str, object]:
    return {
        "path": "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-11-01.zip", "dataset": "klines", "market": "spot",
        "symbol": "BTCUSDT", "interval": "1m", "since": SINCE, "until": "2026-11-02", "rows": rows,
        "seen_at": "2026-11-02",
    }  # fmt: skip


async def audited(desk: Desk, weight: int = 8) -> CheckResult | None:
    run = open_run(desk.config, "prices", progress=Silent(), stop=asyncio.Event(), state=desk.state)
    async with run as opened:
        return await audit(opened.session, due_pages(opened.session.lake, opened.session.client.now_us(), weight))


def spoil(desk: Desk) -> None:
    """Store every candle with one trade more."""
    table = desk.lake.table(KLINES)
    rows = table.scan()
    at = rows.schema.get_field_index("trade_count")
    more = rows.set_column(at, rows.schema.field(at), pc.add(rows["trade_count"], 1))
    table.replace(rows.select(KLINES.key), more, [])


async def test_the_same_rows_pass(loaded: Desk):
    """What REST prints the same is recorded as a check that passed, for so many requests as the weight pays."""
    result = await audited(loaded)
    assert result is not None
    assert result.passed
    assert len(loaded.asked()) == 4
    (row,) = loaded.rows("check_results")
    assert (row["check_name"], row["passed"], row["severity"]) == ("archive_audit", True, "warn")


async def test_what_differs_is_named(loaded: Desk):
    """Candles that REST prints differently are counted, and the first of them named; nothing is changed."""
    spoil(loaded)
    before = loaded.lake.table(KLINES).version()
    result = await audited(loaded, weight=2)
    assert result is not None
    assert result.offending_rows == 1000
    first = json.loads(result.sample[0])
    assert (first["symbol"], first["what"]) == ("BTCUSDT", "differs")
    assert loaded.lake.table(KLINES).version() == before


async def test_a_candle_of_two_pages_counts_once(loaded: Desk):
    """Pages of a sample overlap: of 1,440 candles that all differ, no more than these are counted."""
    spoil(loaded)
    result = await audited(loaded, weight=12)
    assert result is not None
    assert 1000 <= result.offending_rows <= 1440
    assert len(set(result.sample)) == len(result.sample)


async def test_what_differs_is_a_warning_for_a_week(loaded: Desk):
    """`binlake check` tells what an audit found, with its first candles, until a week has passed."""
    spoil(loaded)
    await audited(loaded, weight=2)
    now = instant("2026-11-02T12:01")
    [warned] = run_checks(loaded.lake, [], now, ["archive_agreement"])
    assert (warned.severity, warned.offending_rows) == ("warn", 1)
    assert json.loads(warned.sample[0])["differing"] == 1000
    [later] = run_checks(loaded.lake, [], now + timedelta(days=7), ["archive_agreement"])
    assert later.passed


async def test_what_the_lake_lacks_is_named(loaded: Desk):
    """A candle that only REST has is told as well."""
    table = loaded.lake.table(KLINES)
    lost = table.scan().filter(pc.field("open_time") == pa.scalar(us("2026-11-01T12:00"), pa.timestamp("us", "UTC")))
    table.replace(lost.select(KLINES.key), lost.slice(0, 0), [])
    result = await audited(loaded, weight=2)
    assert result is not None
    assert [json.loads(row)["what"] for row in result.sample] == ["only over REST"]


async def test_once_a_day(loaded: Desk):
    """A day's weight is spent once; the next day draws another sample."""
    await audited(loaded)
    loaded.exchange.requests.clear()
    assert await audited(loaded) is None
    assert loaded.asked() == []
    loaded.clock.advance(86_400)
    assert await audited(loaded) is not None
    assert sample(loaded.lake, DAY, 8) == sample(loaded.lake, DAY, 8) != sample(loaded.lake, DAY + 1, 8)


async def test_nothing_from_the_archive(desk: Desk):
    """A lake that no archive file gave rows to is not audited."""
    desk.market(["BTCUSDT"])
    await desk.run()
    put(desk.lake, ARCHIVE_FILES, daily_file(rows=0))
    assert await audited(desk) is None


async def test_what_maintenance_will_ask_for_is_planned(loaded: Desk):
    """The plan of a maintenance flow counts the pages of the day's audit; once it is made, nothing is left to plan."""
    loaded.addresses = {"archive": loaded.url, "archive_list": loaded.url}
    loaded.flows["upkeep"] = {"kind": "maintenance"}
    for planned in (1, 0):
        (plan,) = await plan_flows(
            loaded.config, ["upkeep"], state=loaded.state, clock=lambda: round(loaded.clock() * 1e6)
        )
        assert (plan.requests > 0) == planned
        await loaded.run("upkeep")
        assert len(loaded.asked("/api/v3/klines")) == plan.requests
        loaded.exchange.requests.clear()
