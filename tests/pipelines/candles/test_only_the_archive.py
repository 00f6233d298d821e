"""`source: archive`: files alone, for those whom the exchange does not serve, and for those who want nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from support.desks import instant, us
from support.sampled import some_of

from connectors.lake.sql.session import connect, run
from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Error
from pipelines.estimate.flow import plan_flows
from pipelines.quality.checks import run_checks
from pipelines.runs.schedules import schedules
from schemas.model.errors import UsageProblem

if TYPE_CHECKING:
    from datetime import datetime

    from support.desks import Desk

NOBODY = "http://127.0.0.1:1"  # a port on which nothing listens
SINCE, LAST_FILE_ENDS = "2026-10-28", "2026-11-02"
MONTH = "data/spot/monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2026-10.zip"
DAY = "data/spot/daily/klines/BTCUSDT/15m/BTCUSDT-15m-{}.zip"
A_DAY = 96


@pytest.fixture
def alone(desk: Desk) -> Desk:
    """A desk on 2 November at noon whose address the exchange refuses; only its archive can be reached."""
    desk.addresses = {"spot": NOBODY, "archive": desk.url, "archive_list": desk.url}
    desk.market(["BTCUSDT"], ["15m"], since=SINCE, source="archive")
    return desk


def having(desk: Desk, *days: str) -> None:
    """From now on the archive has files of all days but these, and none of their month."""
    desk.exchange.heal()
    desk.exchange.inject(broken.NoFile(file=MONTH))
    for day in days:
        desk.exchange.inject(broken.NoFile(file=DAY.format(day)))


def gaps(desk: Desk) -> dict[str, tuple[datetime, str]]:
    """When each gap ends and its reason, by the day on which it begins."""
    rows = run(connect(desk.lake), "SELECT * FROM gaps ORDER BY since").to_pylist()
    return {f"{row['since']:%m-%d}": (row["until"], row["reason"]) for row in rows}


def missing(desk: Desk) -> dict[str, int]:
    rows = run(connect(desk.lake), "SELECT month, missing_rows FROM completeness").to_pylist()
    return {row["month"]: row["missing_rows"] for row in rows}


async def done(desk: Desk, days: float = 0) -> None:
    desk.clock.advance(days * 86_400)
    [receipt] = await desk.run()
    assert (receipt.outcome, receipt.failures) == ("done", ())


async def test_candles_come_where_the_exchange_cannot_be_reached(alone: Desk):
    """Nothing listens at the exchange's address: all days that have a file are there, to the last one's end."""
    await done(alone)
    assert alone.bounds("BTCUSDT", "15m") == (instant(SINCE), instant(LAST_FILE_ENDS))
    assert len(alone.rows("klines")) == 5 * A_DAY
    assert missing(alone) == {"2026-10": 0, "2026-11": 0}


async def test_a_file_that_no_list_shows_is_asked_for_by_its_name(alone: Desk):
    """A list that leaves out a day between others, with its month, says nothing of it: its candles are there."""
    having(alone)
    alone.exchange.inject(broken.Unlisted(file=DAY.format("2026-10-30")))
    await done(alone, 9)
    assert (gaps(alone), len(alone.rows("klines"))) == ({}, 14 * A_DAY)


async def test_not_one_request_goes_to_the_exchange(alone: Desk):
    """Pull, plan and backfill ask the archive alone, also where the exchange would answer; the clock is its Date."""
    alone.addresses["spot"] = alone.url
    await plan_flows(alone.config, ["prices"], state=alone.state)
    await done(alone)
    await alone.backfill("2026-10-20")
    await plan_flows(alone.config, ["prices"], state=alone.state)
    assert alone.asked("/api/") == []
    assert len(alone.rows("klines")) == 13 * A_DAY


async def test_an_idle_run_downloads_nothing(alone: Desk):
    """Hours later, with no new file, the folders are listed and that is all."""
    await done(alone)
    alone.exchange.requests.clear()
    await done(alone, days=0.25)
    assert alone.asked(".zip") == []
    assert alone.bounds("BTCUSDT", "15m") == (instant(SINCE), instant(LAST_FILE_ENDS))


async def test_all_symbols_are_those_that_have_a_folder(alone: Desk):
    """Symbols that the exchange forgot come as well: their folders are there."""
    alone.exchange.remove("XRPUSDT")
    alone.market("all", ["1d"], since="2026-10-28", source="archive")
    await done(alone)
    symbols = {row["symbol"] for row in alone.rows("klines")}
    assert {"BTCUSDT", "XRPUSDT"} <= symbols
    assert alone.rows("symbols") == []


async def test_a_name_that_the_archive_does_not_have_fails_alone(alone: Desk):
    """It is named with the closest one there is; the others are pulled."""
    alone.market(["BTCUSDT", "BTCUSTD"], ["15m"], since=SINCE, source="archive")
    [receipt] = await alone.run()
    [failure] = receipt.failures
    assert failure.why == "The archive has no folder of BTCUSTD. Did you mean BTCUSDT?"
    assert len(alone.rows("klines")) == 5 * A_DAY


async def test_an_exchange_without_an_archive_is_an_error(alone: Desk):
    """One sentence says so before anything runs."""
    alone.addresses = {"spot": alone.url}
    with pytest.raises(UsageProblem, match=r"has no archive.*write `source: auto`"):
        await alone.run()


async def test_a_file_may_be_a_week_late(alone: Desk):
    """N24: an absent day among others is late and asked for at each run; after a week it is not in the archive."""
    having(alone, "2026-10-30")
    await done(alone)
    assert gaps(alone) == {"10-30": (instant("2026-10-31"), "late")}
    assert missing(alone) == {"2026-10": A_DAY, "2026-11": 0}
    await done(alone, days=1)
    assert gaps(alone)["10-30"][1] == "late"
    await done(alone, days=6)
    assert gaps(alone)["10-30"] == (instant("2026-10-31"), "not_in_archive")
    assert missing(alone)["2026-10"] == A_DAY


@pytest.mark.parametrize("cut", ["2026-10-30", "2026-10-01"])
async def test_a_list_that_was_cut_settles_no_gap(alone: Desk, cut: str):
    """Where no file behind a late day is listed, as one was before, the day stays late, however long that lasts."""
    having(alone, "2026-10-30")
    await done(alone)
    late = gaps(alone)
    having(alone, *(f"{instant(cut) + timedelta(days=day):%Y-%m-%d}" for day in range(50)))
    for _ in range(2):
        await done(alone, days=8)
        assert gaps(alone) == late
    having(alone)
    await done(alone)
    assert missing(alone)["2026-10"] == 0


async def test_a_late_file_fills_its_gap(alone: Desk):
    """The first run after it was published brings its candles."""
    having(alone, "2026-10-30")
    await done(alone)
    having(alone)
    await done(alone, days=1)
    assert gaps(alone) == {}
    assert len(alone.rows("klines")) == 6 * A_DAY


@pytest.mark.parametrize("again", some_of([False, True]), ids=["by upkeep", "again"])
async def test_what_a_late_file_lacks_is_not_explained_by_it(alone: Desk, again: bool):
    """A hole in a file that upkeep or a second load brings stays missing, since nobody asked the exchange about it."""
    having(alone, "2026-10-30")
    await done(alone)
    having(alone)
    times = {"since_ms": us("2026-10-30T06:00") // 1000, "until_ms": us("2026-10-30T07:00") // 1000}
    alone.exchange.inject(broken.Lacking(file=DAY.format("2026-10-30"), **times))
    alone.flows["upkeep"] = {"kind": "maintenance"}
    alone.clock.advance(86_400)
    if again:
        await alone.backfill(SINCE, again=True)
    else:
        await alone.run("upkeep")
    assert gaps(alone) == {"10-30": (instant("2026-10-30T07:00"), "not_in_archive")}
    await done(alone, days=0.1)
    await done(alone, days=0.1)
    assert missing(alone)["2026-10"] == 4


async def test_the_last_days_are_waited_for(alone: Desk):
    """Of days behind the last file nothing is claimed, however long it takes: coverage ends with the file."""
    having(alone, "2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03")
    await done(alone, days=2)
    assert alone.bounds("BTCUSDT", "15m") == (instant(SINCE), instant("2026-10-31"))
    assert gaps(alone) == {}


async def test_a_hole_that_the_archive_alone_shows_explains_nothing(alone: Desk):
    """Its silence is looked at twice and stays missing, a check warns of it; `auto` then asks the exchange."""
    having(alone, "2026-10-30")
    await done(alone, days=10)
    await done(alone, days=0.1)
    [gap] = [row for row in alone.rows("gaps") if row["confirmed_at"]]
    assert gap["reason"] == "not_in_archive"
    assert "data/spot/daily/klines/BTCUSDT/15m/" in json.loads(gap["evidence"])["asked"]
    assert missing(alone)["2026-10"] == A_DAY
    [warned] = run_checks(alone.lake, [], instant("2026-11-14"), ["unconfirmed_gaps"])
    assert warned.offending_rows == 1
    alone.exchange.requests.clear()
    await done(alone, days=0.1)
    assert alone.asked("BTCUSDT-15m-2026-10") == [], "a second look was enough"
    alone.addresses["spot"] = alone.url
    alone.flows["prices"]["source"] = "auto"
    await done(alone)
    assert missing(alone)["2026-10"] == 0
    assert gaps(alone) == {}


async def test_a_series_begins_where_its_files_do(alone: Desk):
    """Of the months before the first file nothing is claimed; `auto` asks the exchange about them and what they lack."""
    alone.market(["1000SATSUSDT"], ["1d"], since="2023-01-01", source="archive")
    await done(alone)
    await done(alone, days=1)
    assert alone.bounds("1000SATSUSDT", "1d")[0] == instant("2023-12-01")
    assert gaps(alone) == {"12-01": (instant("2023-12-12"), "not_listed")}
    assert min(missing(alone)) == "2023-12"
    alone.addresses["spot"] = alone.url
    alone.flows["prices"]["source"] = "auto"
    await done(alone, days=0.1)
    assert alone.bounds("1000SATSUSDT", "1d")[0] == instant("2023-01-01")
    shown = run(connect(alone.lake), "SELECT since, until, evidence FROM gaps ORDER BY since").to_pylist()
    assert [row["since"] for row in shown] == [instant("2023-01-01"), instant("2023-12-01")]
    assert {json.loads(row["evidence"])["asked"] for row in shown} == {"GET /api/v3/klines"}
    alone.exchange.requests.clear()
    await done(alone, days=0.1)
    assert alone.asked(f"startTime={us('2023-12-01') // 1000}") == [], "its answer was enough"


async def test_a_missing_first_day_is_no_listing(alone: Desk):
    """The archive has earlier files, so that the first wanted day is missing, not too early."""
    having(alone, "2026-10-20")
    alone.market(["BTCUSDT"], ["15m"], since="2026-10-20", source="archive")
    await done(alone)
    assert gaps(alone) == {"10-20": (instant("2026-10-21"), "not_in_archive")}


async def test_upkeep_goes_on_where_the_exchange_refuses(alone: Desk):
    """What is audited over REST is left out with a note where the exchange answers 451; the archive is looked at."""
    alone.addresses["spot"] = alone.url
    alone.flows["upkeep"] = {"kind": "maintenance"}
    await done(alone)
    alone.flows["other"] = alone.flows["prices"] | {"source": "auto"}
    alone.exchange.inject(Error(path="/api/v3/time", status=451, code=0, msg="Service unavailable.", count=None))
    receipts = await alone.run("upkeep")
    assert {receipt.outcome for receipt in receipts} == {"done"}
    assert any("The archive was not audited" in receipt.note for receipt in receipts)


@pytest.mark.parametrize(("days", "late"), [(7, 0), (9, 1)])
async def test_a_week_without_files_is_told(alone: Desk, days: int, late: int):
    """A series that runs every hour is fresh as long as its next file may still come, and late after a week."""
    alone.flows["prices"]["every"] = "1h"
    await done(alone)
    now = instant(LAST_FILE_ENDS) + timedelta(days=days)
    promised = schedules(alone.config, alone.lake, now)
    [fresh] = run_checks(alone.lake, promised, now, ["freshness"])
    assert fresh.offending_rows == late


async def test_a_plan_says_why_auto_chose(alone: Desk):
    """Of each series: what the archive spares, or why the exchange is asked."""
    alone.addresses["spot"] = alone.url
    alone.market(["BTCUSDT"], ["1m", "1h"], since="2026-08-01", source="auto")
    (plan,) = await plan_flows(alone.config, ["prices"], state=alone.state)
    notes = {cost.series: cost.note for cost in plan.series}
    assert "archive: it spares" in notes["klines/spot/BTCUSDT/1m"]
    assert "REST: 3 requests, and the archive is looked at from 10 on" in notes["klines/spot/BTCUSDT/1h"]
