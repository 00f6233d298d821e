"""Trades of before what is stored: loaded back to an earlier `since`, without a seam, wherever they come from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from support.desks import instant, us

from connectors.simulator.archive import faults as broken
from connectors.simulator.futures import CONTRACTS
from connectors.simulator.market.listings import LISTINGS
from connectors.simulator.protocol.faults import Body, Error
from pipelines.estimate.flow import plan_flows
from pipelines.runs.registry import Window
from schemas.datasets import DATASETS

if TYPE_CHECKING:
    from support.desks import Desk

EARLIER, LATER = "2026-10-28T10:00", "2026-11-01T15:00"
KINDS = ["agg_trades", "trades"]
FILED = "data/spot/{}/aggTrades/QUIET/QUIET-aggTrades-{}.zip"


@pytest.fixture
def quiet(desk: Desk) -> Desk:
    """A desk with an archive, and a symbol that hardly ever trades: in spot and of perpetual futures."""
    listed_ms = us("2026-09-01") // 1000
    desk.exchange.add_symbol(replace(LISTINGS[0], symbol="QUIET", quiet=0.9999, listed_ms=listed_ms))
    desk.exchange.futures.add(replace(CONTRACTS[0], symbol="QUIET", quiet=0.9999, listed_ms=listed_ms))
    desk.addresses = {"archive": desk.url, "archive_list": desk.url, "usdm": desk.url}
    return wanting(desk, LATER)


def wanting(desk: Desk, since: str, dataset: str = "agg_trades", market: str = "spot", **more: str) -> Desk:
    desk.flows["prices"] = {
        "kind": "market", "market": market, "datasets": [dataset], "symbols": ["QUIET"], "since": since, **more,
    }  # fmt: skip
    return desk


def stored(desk: Desk, dataset: str = "agg_trades") -> pa.Table:
    declared = DATASETS[dataset]
    return desk.lake.table(declared).scan().sort_by(declared.id_column)


def bounds(desk: Desk, dataset: str = "agg_trades") -> dict[str, int]:
    return {name.rpartition("#")[2]: at for name, at in desk.lake.table(DATASETS[dataset]).bounds().items()}


def whole(desk: Desk, dataset: str = "agg_trades") -> bool:
    """Whether every covered id is stored or named by a gap, and none twice."""
    covered = bounds(desk, dataset)
    ids = stored(desk, dataset)[DATASETS[dataset].id_column].to_pylist()
    last = {row["since"]: row for row in desk.rows("gaps")}
    told = [json.loads(row["evidence"]).get("ids", ()) for row in last.values()]
    lacking = [one for some in told for first, until in some for one in range(first, until + 1)]
    return sorted([*ids, *lacking]) == list(range(covered["since_id"], covered["until_id"]))


async def test_a_day_that_no_list_shows_is_asked_for_by_its_name(quiet: Desk):
    """Also the one right before what is covered, which no file behind it shows to be missing."""
    wanting(quiet, "2026-11-01", source="archive")
    await quiet.run()
    wanting(quiet, EARLIER, source="archive")
    quiet.exchange.inject(broken.NoFile(file=FILED.format("monthly", "2026-10")))
    for day in ("2026-10-29", "2026-10-31"):
        quiet.exchange.inject(broken.Unlisted(file=FILED.format("daily", day)))
    quiet.clock.advance(30 * 86_400)
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert bounds(quiet)["since"] == us(EARLIER)
    assert quiet.rows("gaps") == []


@pytest.mark.parametrize(
    ("market", "dataset", "more"),
    [
        ("spot", "agg_trades", {}),
        ("usdm", "trades", {"source": "archive"}),
        *(
            pytest.param(*one, marks=pytest.mark.soak)
            for one in (
                ("spot", "trades", {}),
                *(("spot", dataset, {"source": "rest"}) for dataset in KINDS),
                ("spot", "agg_trades", {"source": "archive"}),
                ("usdm", "agg_trades", {}),
            )
        ),
    ],
)
async def test_an_earlier_beginning_is_loaded(quiet: Desk, market: str, dataset: str, more: dict[str, str]):
    """With an earlier `since` the lake becomes the one that would have been loaded with it at once."""
    for since in (LATER, EARLIER):
        wanting(quiet, since, dataset, market, **more)
        [receipt] = await quiet.run()
        assert receipt.outcome == "done", receipt.why()
        assert whole(quiet, dataset)
    in_two, covered = stored(quiet, dataset), bounds(quiet, dataset)
    assert covered["since"] == us(EARLIER)
    quiet.folder = quiet.folder / "at once"
    await quiet.run()
    at_once = bounds(quiet, dataset)
    assert in_two.equals(stored(quiet, dataset))
    assert [covered[name] for name in ("since", "since_id", "until_id")] == [
        at_once[name] for name in ("since", "since_id", "until_id")
    ]


async def test_a_run_that_reached_its_beginning_asks_no_more(quiet: Desk):
    """What was traded before is asked for once."""
    await quiet.run()
    wanting(quiet, EARLIER)
    await quiet.run()
    before = len(quiet.exchange.requests)
    await quiet.run()
    assert [seen.target for seen in list(quiet.exchange.requests)[before:] if "aggTrades?" in seen.target] == [
        f"/api/v3/aggTrades?symbol=QUIET&limit=1000&fromId={bounds(quiet)['until_id'] - 1}"
    ]


async def test_a_walk_back_that_broke_off_goes_on(quiet: Desk):
    """Pages that came are covered, with no hole between them and what was there; the next run goes on before them."""
    wanting(quiet, "2026-11-02T11:00", source="rest")
    quiet.flows["prices"]["symbols"] = ["XNOUSDT"]
    await quiet.run()
    since = bounds(quiet)["since_id"]
    quiet.flows["prices"]["since"] = "2026-11-02T10:30"
    quiet.exchange.inject(Error(path="/api/v3/aggTrades", status=400, code=-1100, msg="no", skip=5, count=1))
    [receipt] = await quiet.run()
    assert receipt.outcome == "failed"
    assert bounds(quiet)["since_id"] < since
    assert whole(quiet)
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    assert bounds(quiet)["since"] == us("2026-11-02T10:30")


@pytest.mark.parametrize("fault", [broken.NoFile, broken.CutZip])
async def test_spot_is_asked_for_what_files_lack(quiet: Desk, fault: type[broken.ArchiveFault]):
    """A day without a file that can be read comes from the exchange, which returns rows of any age."""
    await quiet.run()
    for name in ("daily/aggTrades/QUIET/QUIET-aggTrades-2026-10-30", "monthly/aggTrades/QUIET/QUIET-aggTrades-2026-10"):
        quiet.exchange.inject(fault(file=f"data/spot/{name}.zip"))
    wanting(quiet, EARLIER)
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    assert quiet.rows("gaps") == []
    assert bounds(quiet)["since"] == us(EARLIER)


@pytest.mark.soak
async def test_a_month_stands_in_for_its_days(quiet: Desk):
    """A day whose file is not there comes out of that of its month."""
    wanting(quiet, LATER, market="usdm")
    await quiet.run()
    quiet.exchange.inject(broken.NoFile(file="data/futures/um/daily/aggTrades/QUIET/QUIET-aggTrades-2026-10-30.zip"))
    quiet.clock.advance(9 * 86_400)  # by when the month is published
    wanting(quiet, EARLIER, market="usdm")
    await quiet.run()
    assert whole(quiet)
    assert quiet.rows("gaps") == []
    assert any("/monthly/" in row["path"] for row in quiet.rows("archive_files"))


async def test_ids_that_no_file_has_are_gaps(quiet: Desk):
    """What a lost file of futures should have held is named by its ids once it cannot be late any more."""
    wanting(quiet, "2026-10-20T15:00", market="usdm")
    await quiet.run()
    for name in ("daily/aggTrades/QUIET/QUIET-aggTrades-2026-10-15", "monthly/aggTrades/QUIET/QUIET-aggTrades-2026-10"):
        quiet.exchange.inject(broken.NoFile(file=f"data/futures/um/{name}.zip"))
    wanting(quiet, "2026-10-12", market="usdm")
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(quiet)
    [gap] = quiet.rows("gaps")
    assert gap["reason"] == "skipped_ids"
    assert (gap["since"].date(), gap["until"].date()) == (instant("2026-10-14").date(), instant("2026-10-16").date())


async def test_a_file_that_may_still_come_is_waited_for(quiet: Desk):
    """Coverage of futures ends before a day whose file may be late, and goes on once it is there."""
    wanting(quiet, LATER, market="usdm")
    await quiet.run()
    lost = broken.NoFile(file="data/futures/um/daily/aggTrades/QUIET/QUIET-aggTrades-2026-10-30.zip")
    month = broken.NoFile(file="data/futures/um/monthly/aggTrades/QUIET/QUIET-aggTrades-2026-10.zip")
    quiet.exchange.inject(lost)
    quiet.exchange.inject(month)
    wanting(quiet, EARLIER, market="usdm")
    await quiet.run()
    assert us("2026-10-31") <= bounds(quiet)["since"] < us("2026-11-01")
    quiet.exchange.heal()
    await quiet.run()
    assert bounds(quiet)["since"] == us(EARLIER)
    assert whole(quiet)
    assert quiet.rows("gaps") == []


def without(desk: Desk, *days: str) -> None:
    """Have the archive lack the files of these days of futures, and that of their month."""
    folder = "data/futures/um/{0}/aggTrades/QUIET/QUIET-aggTrades-{1}.zip"
    desk.exchange.inject(broken.NoFile(file=folder.format("monthly", "2026-10")))
    for day in days:
        desk.exchange.inject(broken.NoFile(file=folder.format("daily", day)))


async def test_a_new_series_waits_for_its_first_file(quiet: Desk):
    """A new series of futures claims nothing of a first day whose file may still come, and has it once it is there."""
    without(quiet, "2026-10-28")
    wanting(quiet, EARLIER, market="usdm")
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    assert bounds(quiet)["since"] == us("2026-10-29")
    assert quiet.rows("gaps") == []
    quiet.exchange.heal()
    await quiet.run()
    assert bounds(quiet)["since"] == us(EARLIER)
    assert whole(quiet)
    assert quiet.rows("gaps") == []


async def test_a_new_series_says_what_no_file_has(quiet: Desk):
    """First days of futures that have no file and cannot be late any more are told as not retained, and by whom."""
    without(quiet, *(f"2026-10-{day}" for day in range(15, 18)))
    wanting(quiet, "2026-10-15", market="usdm")
    [receipt] = await quiet.run()
    assert receipt.outcome == "done", receipt.why()
    [gap] = quiet.rows("gaps")
    assert (gap["reason"], gap["since"], gap["until"]) == (
        "not_retained",
        instant("2026-10-15"),
        instant("2026-10-18"),
    )
    assert "the listing of data/futures/um/monthly/aggTrades/QUIET/" in gap["evidence"]
    assert whole(quiet)


async def test_what_futures_forgot_without_an_archive_is_told(quiet: Desk):
    """Where there is no archive, what the exchange does not return any more is not_retained."""
    wanting(quiet, "2026-11-02T06:00", market="usdm", source="rest")
    await quiet.run()
    quiet.flows["prices"]["since"] = EARLIER
    await quiet.run()
    assert whole(quiet)
    [gap] = quiet.rows("gaps")
    assert (gap["reason"], gap["since"]) == ("not_retained", instant(EARLIER))
    assert abs(gap["until"] - instant("2026-10-31T13:00:30")) < timedelta(seconds=1)


@pytest.mark.parametrize("source", ["auto", "rest"])
@pytest.mark.parametrize("dataset", KINDS)
async def test_a_plan_of_earlier_trades_is_what_the_run_asks_for(quiet: Desk, dataset: str, source: str):
    """Requests, weight and files of the plan are those of the run behind it."""
    wanting(quiet, LATER, dataset, source=source)
    await quiet.run()
    wanting(quiet, EARLIER, dataset, source=source)
    [plan] = await plan_flows(quiet.config, ["prices"], state=quiet.state, clock=lambda: quiet.exchange.now_us)
    before = len(quiet.rows("archive_files"))
    [receipt] = await quiet.run()
    assert (plan.requests, plan.weight) == (receipt.requests, receipt.weight)
    assert plan.files == len(quiet.rows("archive_files")) - before


@pytest.mark.parametrize("source", ["auto", "rest"])
async def test_a_span_of_days_is_backfilled(quiet: Desk, source: str):
    """`backfill --since --until` brings the trades of these days, and no later ones; the next run goes on from there."""
    wanting(quiet, LATER, source=source)
    window = Window(instant("2026-10-28"), instant("2026-10-30T12:00"))
    [plan] = await plan_flows(
        quiet.config, ["prices"], window, state=quiet.state, clock=lambda: quiet.exchange.now_us
    )  # fmt: skip
    [receipt] = await quiet.backfill("2026-10-28", "2026-10-30T12:00")
    assert receipt.outcome == "done", receipt.why()
    assert (plan.requests, plan.weight) == (receipt.requests, receipt.weight)
    times = stored(quiet).sort_by("time")["time"]
    assert instant("2026-10-28") <= times[0].as_py()
    assert times[-1].as_py() < instant("2026-10-30T12:00")
    assert whole(quiet)
    await quiet.run()
    assert whole(quiet)
    assert bounds(quiet)["until"] > us("2026-11-02T11:00")


async def test_nothing_is_claimed_before_the_first_file(quiet: Desk):
    """With `source: archive` a series begins with its first file, however much earlier it is wanted from."""
    for since in ("2026-08-01", "2026-07-01"):
        wanting(quiet, since, source="archive")
        [receipt] = await quiet.run()
        assert receipt.outcome == "done", receipt.why()
        assert bounds(quiet)["since"] == us("2026-09-01")
    assert whole(quiet)
    assert quiet.asked("/api/") == []


@pytest.mark.parametrize(
    "answer",
    ["[]", '[{"a":99999999,"p":"1.0","q":"1.0","f":1,"l":1,"T":1793617200000,"m":true,"M":true}]'],
    ids=["nothing", "a later one"],
)
async def test_an_answer_that_the_lake_refutes_tells_of_no_earlier_trades(quiet: Desk, answer: str):
    """That nothing was traded since an earlier instant is no answer where later trades are stored: it is asked again."""
    wanting(quiet, LATER, source="rest")
    await quiet.run()
    held = bounds(quiet)
    wanting(quiet, EARLIER, source="rest")
    quiet.exchange.inject(Body(path="/api/v3/aggTrades", text=answer, skip=1))
    [receipt] = await quiet.run()
    assert receipt.outcome == "failed"
    assert "run again" in receipt.why()
    assert [bounds(quiet)[name] for name in ("since", "since_id")] == [held["since"], held["since_id"]]
    await quiet.run()
    assert whole(quiet)
    assert bounds(quiet)["since"] == us(EARLIER)
    assert bounds(quiet)["since_id"] < held["since_id"]


async def test_a_file_refutes_a_later_beginning(quiet: Desk):
    """Rows of a file are kept that come before the id with which a new series begins by the word of the exchange."""
    wanting(quiet, EARLIER)
    await quiet.run()
    begins = bounds(quiet)["since_id"]
    quiet.folder = quiet.folder / "once more"
    later = f'[{{"a":{begins + 1},"p":"1.0","q":"1.0","f":1,"l":1,"T":{us(LATER) // 1000},"m":true,"M":true}}]'
    quiet.exchange.inject(Body(path="/api/v3/aggTrades", text=later))
    await quiet.run()
    assert bounds(quiet)["since_id"] == begins
    assert whole(quiet)
