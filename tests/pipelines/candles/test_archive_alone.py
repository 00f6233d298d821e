"""Symbols that only the archive knows: what it had nothing of, what it did not give, and what could not be read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import instant, us
from support.sampled import some_of

from connectors.lake.sql.session import connect, run
from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Html, Reset
from pipelines.quality.checks import run_checks
from pipelines.store.gaps import Gap, write_gaps
from schemas.datasets.market import KLINES
from schemas.model.series import Series

if TYPE_CHECKING:
    from support.desks import Desk

DECEMBER, JANUARY = (
    f"data/spot/monthly/klines/NANOUSDT/15m/NANOUSDT-15m-{month}.zip" for month in ("2021-12", "2022-01")
)
DAYS = "data/spot/daily/klines/NANOUSDT/15m/NANOUSDT-15m-2021-12-{:02}.zip"
NEITHER_DAYS = [broken.NoFile(file=DAYS.format(day)) for day in range(1, 32)]
QUARTERS_OF_DECEMBER = 31 * 96


@pytest.fixture
def forgotten(desk: Desk) -> Desk:
    """A desk in March 2022, whose exchange does not know NANOUSDT any more; it ended on 19 January at 07:30."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.exchange.remove("NANOUSDT")
    desk.clock.now_s = instant("2022-03-08T12:00:30").timestamp()
    desk.market(["NANOUSDT"], ["15m"], since="2021-11-20")
    desk.flows["upkeep"] = {"kind": "maintenance"}
    return desk


def having(desk: Desk, *faults: Any) -> None:
    """From now on the archive has these faults and no others."""
    desk.exchange.heal()
    for fault in faults:
        desk.exchange.inject(fault)


async def pulled(desk: Desk, *faults: Any, hours: int = 0) -> None:
    """A run, so many hours later, while the archive has these faults and no others."""
    having(desk, *faults)
    desk.clock.advance(hours * 3600)
    [receipt] = await desk.run()
    assert (receipt.outcome, receipt.failures) == ("done", ())


def gaps(desk: Desk) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The gaps that are still there, by start and reason, each with its evidence read."""
    shown = run(connect(desk.lake), "SELECT * FROM gaps WHERE filled_at IS NULL ORDER BY since").to_pylist()
    return {(row["since"], row["reason"]): row | {"evidence": json.loads(row["evidence"])} for row in shown}


def statuses(desk: Desk) -> dict[str, tuple[int, str]]:
    rows = run(connect(desk.lake), "SELECT month, missing_rows, status FROM completeness").to_pylist()
    return {row["month"]: (row["missing_rows"], row["status"]) for row in rows}


UNREADABLE = [
    (broken.CutZip(file=DECEMBER), "truncated_zip"),
    (broken.WrongChecksum(file=DECEMBER), "checksum_mismatch"),
    (broken.Mangled(file=DECEMBER), "mangled_numbers"),
]


@pytest.mark.parametrize(("fault", "reason"), some_of(UNREADABLE), ids=[reason for _, reason in UNREADABLE])
async def test_a_file_that_cannot_be_read_explains_nothing(forgotten: Desk, fault: broken.ArchiveFault, reason: str):
    """The gap names file and defect, stays missing after any second look, and is filled once the file is mended."""
    await pulled(forgotten, fault, *NEITHER_DAYS)
    gap = gaps(forgotten)[instant("2021-12-01"), "unusable"]
    assert (gap["until"], gap["confirmed_at"]) == (instant("2022-01-01"), None)
    assert (gap["evidence"]["asked"], gap["evidence"]["reason"]) == (DECEMBER, reason)
    seen = len(forgotten.asked(DECEMBER))
    await pulled(forgotten, fault, *NEITHER_DAYS, hours=2)
    assert len(forgotten.asked(DECEMBER)) > seen, "a second look fetches the file again"
    assert statuses(forgotten)["2021-12"] == (QUARTERS_OF_DECEMBER, "missing")
    now = instant("2022-03-09")
    [warned] = run_checks(forgotten.lake, [], now, ["unconfirmed_gaps"])
    assert DECEMBER in warned.sample[0]
    having(forgotten, *NEITHER_DAYS)
    forgotten.clock.advance(3600)
    await forgotten.run("upkeep")
    assert statuses(forgotten)["2021-12"] == (0, "complete")
    assert not [reason for _, reason in gaps(forgotten) if reason in {"unusable", "unavailable"}]


async def test_a_mended_file_is_loaded_by_the_next_second_look(forgotten: Desk):
    """No maintenance is needed: the run that looks at the gap again finds the month."""
    await pulled(forgotten, broken.CutZip(file=DECEMBER), *NEITHER_DAYS)
    await pulled(forgotten, hours=2)
    assert statuses(forgotten)["2021-12"] == (0, "complete")


@pytest.mark.soak
@pytest.mark.parametrize("fault", [Html(path=f"/{DECEMBER}", status=403, count=None)], ids=["refused"])
async def test_a_file_that_the_archive_refuses_is_never_confirmed(forgotten: Desk, fault: Html):
    """The other months come; the gap says what was answered, and is asked for at each run until there is an answer."""
    await pulled(forgotten, fault, *NEITHER_DAYS)
    for _ in range(2):
        gap = gaps(forgotten)[instant("2021-12-01"), "unavailable"]
        assert (gap["confirmed_at"], gap["evidence"]["reason"]) == (None, "refused")
        assert "HTTP 403" in gap["evidence"]["detail"]
        assert statuses(forgotten)["2021-12"] == (QUARTERS_OF_DECEMBER, "missing")
        seen = len(forgotten.asked(DECEMBER))
        await pulled(forgotten, fault, *NEITHER_DAYS, hours=2)
        assert len(forgotten.asked(DECEMBER)) > seen
    await pulled(forgotten, hours=2)
    assert statuses(forgotten)["2021-12"] == (0, "complete")


@pytest.mark.parametrize("fault", [Html(path="/", status=503, count=None), Reset(path=f"/{DECEMBER}", count=None)])
async def test_where_nobody_answers_nothing_is_known(forgotten: Desk, fault: Html | Reset):
    """Neither the listing nor the file came: the series fails with the archive's own words, covers no more, goes on."""
    forgotten.exchange.inject(fault)
    [receipt] = await forgotten.run()
    [failure] = receipt.failures
    assert failure.series.startswith("spot/NANOUSDT")
    assert "archive" in failure.why
    covered = forgotten.bounds("NANOUSDT", "15m")
    assert covered is None or covered[1] <= instant("2021-12-01")
    assert gaps(forgotten) == {} or not [until for until in gaps(forgotten) if until[0] >= instant("2021-12-01")]
    await pulled(forgotten)
    assert statuses(forgotten)["2021-12"] == (0, "complete")


async def test_evidence_says_what_was_done(forgotten: Desk):
    """A hole of a file was seen in that file; the end of a symbol in the listing too; neither was asked over REST."""
    hole = broken.Lacking(file=DECEMBER, since_ms=us("2021-12-24") // 1000, until_ms=us("2021-12-25") // 1000)
    await pulled(forgotten, hole, broken.Lacking(
        file=DAYS.format(24), since_ms=us("2021-12-24") // 1000, until_ms=us("2021-12-24T12:00") // 1000,
    ), broken.NoFile(file=DAYS.format(24)))  # fmt: skip
    outage = gaps(forgotten)[instant("2021-12-24"), "exchange_outage"]["evidence"]
    assert outage == {
        "asked": DECEMBER,
        "row_before_ends": "2021-12-24T00:00:00Z",
        "row_after_opens": "2021-12-25T00:00:00Z",
    }
    end = gaps(forgotten)[instant("2022-01-19T07:30"), "delisted"]["evidence"]
    assert end["asked"].startswith(JANUARY)
    assert end["asked"].endswith("the listing of data/spot/monthly/klines/NANOUSDT/15m/ and "
                                 "data/spot/daily/klines/NANOUSDT/15m/")  # fmt: skip
    assert forgotten.asked("/api/v3/klines") == []


async def test_a_candle_off_the_grid_was_seen_in_its_file(forgotten: Desk):
    """Its evidence names the file that printed it: nobody asked the exchange."""
    opens = us("2021-12-05") // 1000
    await pulled(forgotten, broken.Changed(file=DECEMBER, open_ms=opens, values={0: str(opens + 1234)}))
    told = gaps(forgotten)[instant("2021-12-05"), "off_grid"]["evidence"]
    assert told == {"asked": DECEMBER, "printed": "2021-12-05T00:00:01.234000Z"}


async def test_a_daily_file_that_cannot_be_read_leaves_a_hole_unexplained(forgotten: Desk):
    """The month lacks a day without a word, and that day's own file is cut: nobody can say that nothing was traded."""
    since, until = us("2021-12-24") // 1000, us("2021-12-25") // 1000
    month, day = broken.Lacking(file=DECEMBER, since_ms=since, until_ms=until), broken.CutZip(file=DAYS.format(24))
    await pulled(forgotten, month, day)
    await pulled(forgotten, month, day, hours=2)
    gap = gaps(forgotten)[instant("2021-12-24"), "unusable"]
    assert (gap["until"], gap["evidence"]["asked"]) == (instant("2021-12-25"), DAYS.format(24))
    assert statuses(forgotten)["2021-12"] == (96, "missing")


@pytest.mark.soak
async def test_a_few_bad_lines_cost_their_candles_alone(forgotten: Desk):
    """The month is loaded but for the candle of the bad line, which stays missing, and the line is named."""
    at = us("2021-12-24T10:00") // 1000
    fused = (
        broken.Lacking(file=DECEMBER, since_ms=at, until_ms=at + 900_000),
        broken.OddLine(file=DECEMBER, text="1,2"),
    )
    await pulled(forgotten, *fused, *NEITHER_DAYS)
    await pulled(forgotten, *fused, *NEITHER_DAYS, hours=2)
    assert statuses(forgotten)["2021-12"] == (1, "missing")
    [row] = forgotten.rows("archive_files", path=DECEMBER)
    assert (row["reason"], row["rows"]) == ("bad_row", QUARTERS_OF_DECEMBER - 1)
    assert row["detail"].startswith("left out 1 line without a row: line 1 '1,2'")
    await pulled(forgotten, hours=2)
    await forgotten.run("upkeep")
    assert statuses(forgotten)["2021-12"] == (0, "complete")


async def test_a_month_that_no_list_shows_is_asked_for_by_its_name(forgotten: Desk):
    """The archive alone knows the symbol: what one of its lists leaves out is not taken for silence."""
    await pulled(forgotten, broken.Unlisted(file=DECEMBER), *NEITHER_DAYS)
    assert statuses(forgotten)["2021-12"] == (0, "complete")


async def test_a_file_that_comes_late_is_found(forgotten: Desk):
    """A day that was not listed when its stretch was covered is loaded by maintenance once it is there."""
    last = "data/spot/{}/klines/NANOUSDT/15m/NANOUSDT-15m-2022-01{}.zip"
    late = [broken.NoFile(file=last.format("daily", f"-{day:02}")) for day in range(1, 20)]
    await pulled(forgotten, broken.NoFile(file=JANUARY), *late)
    await pulled(forgotten, broken.NoFile(file=JANUARY), *late, hours=2)
    assert gaps(forgotten)[instant("2022-01-01"), "delisted"]["confirmed_at"] is not None
    forgotten.exchange.heal()
    await forgotten.run("upkeep")
    held = forgotten.rows("klines")
    assert held[-1]["open_time"] == instant("2022-01-19T07:15")
    opened = [row["open_time"] for row in held]
    assert len(opened) == (instant("2022-01-19T07:30") - instant("2021-11-20")) / timedelta(minutes=15)


async def test_a_symbol_that_is_forgotten_between_two_runs_waits_for_its_files(desk: Desk):
    """For a week nobody can be asked for its last candles: that fails no run, and then the archive has them."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.market(["BTCUSDT"], ["15m"])
    await pulled(desk)
    desk.clock.advance(86_400)
    desk.exchange.delist("BTCUSDT", us("2026-11-03T12:00") // 1000)
    ended = instant("2026-11-03T12:00")
    desk.exchange.remove("BTCUSDT")
    for days in (0, 1, 8):
        assert desk.rows("klines")[-1]["open_time"] < ended - timedelta(days=1)
        await pulled(desk, hours=24 * days)
    opened = [row["open_time"] for row in desk.rows("klines")]
    assert len(opened) == (ended - instant("2026-11-02T10:00")) / timedelta(minutes=15)


def believed(desk: Desk, since: str, until: str) -> None:
    """Have the lake hold a gap as earlier versions wrote it: confirmed by an answer that nobody asked for."""
    asked = {"asked": "GET /api/v3/klines", "row_before_ends": None, "row_after_opens": None}
    gap = Gap(
        since=us(since), until=us(until), reason="exchange_outage", evidence=asked, first_seen=us("2022-03-01"),
        confirmed_at=us("2022-03-02"),
    )  # fmt: skip
    series = Series.of(KLINES, market="spot", symbol="NANOUSDT", interval="15m")
    write_gaps(desk.lake, [(series, gap)], us("2022-03-08T13:00"))


async def test_a_gap_that_nobody_asked_for_is_looked_at_again(forgotten: Desk):
    """The exchange does not know the symbol, so its answer is no evidence: the next run finds what the archive has."""
    await pulled(forgotten, broken.NoFile(file=DECEMBER), *NEITHER_DAYS)
    believed(forgotten, "2021-12-01", "2022-01-01")
    assert statuses(forgotten)["2021-12"] == (0, "explained")
    await pulled(forgotten, hours=2)
    assert statuses(forgotten)["2021-12"] == (0, "complete")


async def test_a_gap_in_doubt_is_looked_at_once(forgotten: Desk):
    """Where the archive has nothing either, its answer becomes the evidence, and later runs believe it."""
    hole = broken.Lacking(file=DECEMBER, since_ms=us("2021-12-24") // 1000, until_ms=us("2021-12-25") // 1000)
    faults = hole, broken.NoFile(file=DAYS.format(24))
    await pulled(forgotten, *faults)
    believed(forgotten, "2021-12-24", "2021-12-25")
    await pulled(forgotten, *faults, hours=2)
    seen = len(forgotten.asked(DECEMBER))
    gap = gaps(forgotten)[instant("2021-12-24"), "exchange_outage"]
    assert gap["evidence"]["asked"] == DECEMBER
    assert gap["confirmed_at"] > instant("2022-03-08")
    await pulled(forgotten, *faults, hours=2)
    assert len(forgotten.asked(DECEMBER)) == seen


async def test_history_is_extended_behind_gaps_that_are_settled(forgotten: Desk):
    """An earlier `since` brings the older files of a symbol that is complete and whose gaps are all confirmed."""
    forgotten.market(["NANOUSDT"], ["15m"], since="2021-12-01")
    await pulled(forgotten)
    await pulled(forgotten, hours=2)
    assert all(gap["confirmed_at"] is not None for gap in gaps(forgotten).values())
    forgotten.market(["NANOUSDT"], ["15m"], since="2021-11-20")
    await pulled(forgotten, hours=2)
    assert statuses(forgotten)["2021-11"] == (0, "complete")
