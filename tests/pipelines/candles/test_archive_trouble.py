"""The archive's trouble, foreign objects in it, and files it changed long ago: none stops what the exchange gives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
from support.desks import instant, no_pause, us
from support.sampled import some_of

from connectors.binance.archive.errors import ArchiveRefused
from connectors.lake.sql.session import connect, run
from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Body, Error, Fault, Html, Redirect, Wrong
from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
from schemas.datasets.market import KLINES

if TYPE_CHECKING:
    from pathlib import Path

    from support.desks import Desk

FOLDER = "data/spot/monthly/klines/BTCUSDT/15m/"
MONTH = f"{FOLDER}BTCUSDT-15m-2026-09.zip"
END = "2026-11-02T12:00"
LAST_FILE_ENDS = "2026-11-02"


@pytest.fixture
def archived(desk: Desk) -> Desk:
    """A desk whose exchange has an archive, with some months of quarters wanted from it, and upkeep."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.market(["BTCUSDT"], ["15m"], since="2026-05-20")
    desk.flows["upkeep"] = {"kind": "maintenance"}
    return desk


def quarters(desk: Desk, since: str, symbol: str = "BTCUSDT", until: str = END) -> bool:
    """Whether every quarter of a symbol is there, from an instant to the end."""
    wanted = (instant(until) - instant(since)) // timedelta(minutes=15)
    return len(desk.rows("klines", symbol=symbol)) == wanted


TROUBLES = [
    Html(path="/", status=403, count=None),
    Html(path="/", status=503, count=None),
    Html(path="/", status=200, count=None),
    Redirect(path="/", to="http://127.0.0.1:9/", count=None),
    Html(path=f"/{MONTH}", status=403, count=None),
    Html(path=f"/{MONTH}", status=200, count=None),
    Html(path=f"/{MONTH}", status=503, count=None),
]


@pytest.mark.parametrize(
    "trouble",
    some_of(TROUBLES, most=3),
    ids=lambda one: f"{type(one).__name__}-{getattr(one, 'status', '')}-{one.path}"[-60:],
)
async def test_trouble_of_the_archive_is_fetched_over_rest(archived: Desk, trouble: Fault):
    """A listing or a file that does not come costs time and a note, never a candle, and is no word of the exchange."""
    archived.exchange.inject(trouble)
    [receipt] = await archived.run()
    assert (receipt.outcome, receipt.failures) == ("done", ())
    assert quarters(archived, "2026-05-20")
    assert archived.rows("gaps") == []
    noted = receipt.note + str([row["detail"] for row in archived.rows("archive_files", path=MONTH)])
    assert "archive" in noted or "CHECKSUM" in noted
    assert "firewall" not in noted


async def test_source_archive_stops_at_the_archives_trouble(archived: Desk):
    """Who asks for the archive is told that it cannot be asked, in one sentence, and gets no other source unasked."""
    archived.flows["prices"]["source"] = "archive"
    archived.exchange.inject(Html(path="/", status=403, count=None))
    with pytest.raises(ArchiveRefused, match=r"refuses this address.*`source: rest`"):
        await archived.run()
    assert archived.asked("/api/") == []


async def test_a_plan_needs_no_archive(archived: Desk):
    """What the archive cannot be asked for is priced as it would be fetched: over REST."""
    archived.exchange.inject(Html(path="/", status=403, count=None))
    (plan,) = await plan_flows(archived.config, ["prices"], state=archived.state)
    assert (plan.files, plan.requests > 10) == (0, True)


async def test_a_name_is_unknown_only_when_the_archive_has_said_so(archived: Desk):
    """While the archive cannot be asked, a symbol that the exchange does not list may still be one."""
    archived.market(["NANOXUSDT"], ["15m"], since="2026-11-01")
    archived.exchange.inject(Html(path="/", status=503, count=None))
    [receipt] = await archived.run()
    assert "the archive could not be asked" in receipt.failures[0].why
    archived.exchange.heal()
    [receipt] = await archived.run()
    assert receipt.failures[0].why.startswith("The exchange lists no symbol NANOXUSDT. ")


@pytest.mark.soak
async def test_foreign_objects_stop_no_series(archived: Desk, tmp_path: Path):
    """A month without its zero, a copy, a thirteenth month: left out, told once, and every candle comes."""
    for name in ("BTCUSDT-15m-2026-8.zip", "BTCUSDT-15m-2026-13.zip", "BTCUSDT-15m-2026-09 (1).zip"):
        place = tmp_path / "foreign" / FOLDER / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"what is this")
    archived.exchange.replay_archive(tmp_path / "foreign")
    archived.market(["BTCUSDT", "ETHUSDT"], ["15m"], since="2026-05-20")
    [receipt] = await archived.run()
    assert (receipt.outcome, receipt.failures) == ("done", ())
    assert receipt.note.startswith("3 foreign objects in the archive were left out, such as ")
    assert quarters(archived, "2026-05-20")
    assert quarters(archived, "2026-05-20", "ETHUSDT")


async def test_a_contradiction_in_one_series_stops_no_other(archived: Desk):
    """Two different candles for one instant in an answer fail that series; the other one is pulled."""
    archived.market(["BTCUSDT", "ETHUSDT"], ["15m"], since="2026-11-02")
    text = (
        "["
        + ",".join(
            f'[{us("2026-11-02") // 1000},"{price}","2","1","1","1",{us("2026-11-02T00:15") // 1000 - 1},"1",1,"1","1","0"]'
            for price in ("1.5", "1.7")
        )
        + "]"
    )
    archived.exchange.inject(Body(path="/api/v3/klines", symbol="BTCUSDT", text=text, count=None))
    [receipt] = await archived.run()
    assert [failure.series for failure in receipt.failures] == ["spot/BTCUSDT/15m"]
    assert quarters(archived, "2026-11-02", "ETHUSDT")


async def corrected(desk: Desk, *, days: int) -> None:
    """A lake that loaded a wrong price of September, which the archive put right so many days later."""
    wrong = broken.Changed(file=MONTH, open_ms=us("2026-09-12") // 1000, values={4: "1.00000000"})
    desk.exchange.inject(wrong)
    await desk.run()
    assert str(desk.rows("klines", open_time=instant("2026-09-12"))[0]["close"]).startswith("1.0000")
    desk.exchange.heal()
    desk.clock.advance(days * 86_400)


async def test_a_file_of_long_ago_is_no_more_final_than_another(archived: Desk):
    """Three years after its month, maintenance still notices a file that was published anew."""
    await corrected(archived, days=1100)
    await archived.run("upkeep")
    [correction] = archived.rows("corrections")
    assert '"close":"1.00000000"' in correction["before"]
    assert archived.rows("archive_files", path=MONTH)[-1]["changed"] == 1


async def test_a_pull_that_lists_a_folder_compares_its_files(archived: Desk):
    """History before what is there lists the months: one that changed since it was loaded is loaded again on the way."""
    archived.market(["BTCUSDT"], ["15m"], since="2026-08-20", source="archive")
    await corrected(archived, days=0)
    await archived.backfill("2026-05-20")
    assert len(archived.rows("corrections")) == 1
    assert quarters(archived, "2026-05-20", until=LAST_FILE_ENDS)


async def reloaded(desk: Desk, month: str, **more: Any) -> Any:
    first = instant(f"{month}-01")
    window = Window(first, (first + timedelta(days=32)).replace(day=1), again=True, **more)
    [receipt] = await run_flow(
        desk.config, "prices", window=window, progress=Silent(), stop=desk.stop, state=desk.state, pause=no_pause
    )
    return receipt


async def test_a_wrong_month_is_loaded_again_by_one_command(archived: Desk):
    """A candle that differs is replaced, one that is lacking comes back, both versions of the first are kept."""
    archived.exchange.inject(
        Wrong(path="/api/v3/klines", open_ms=us("2026-11-01T10:00") // 1000, values={4: "1.0"}, count=None)
    )
    archived.flows["prices"]["source"] = "rest"
    await archived.run()
    archived.exchange.heal()
    table = archived.lake.table(KLINES)
    when = archived.rows("klines")[-300]["open_time"]
    lost = table.scan().filter(pc.field("open_time") == when)
    table.replace(lost.select(KLINES.key), lost.slice(0, 0), [])
    receipt = await reloaded(archived, f"{when:%Y-%m}")
    other = await reloaded(archived, "2026-11")
    assert receipt.rows + other.rows == 2
    assert quarters(archived, "2026-05-20")
    assert len(archived.rows("corrections")) == 1
    assert (await reloaded(archived, "2026-11")).rows == 0


async def test_what_only_the_archive_has_is_loaded_again_from_there(archived: Desk):
    """`source: archive` asks the archive; a month whose file cannot be read fails by name and loses nothing."""
    archived.flows["prices"]["source"] = "archive"
    wrong = broken.Changed(file=MONTH, open_ms=us("2026-09-12") // 1000, values={4: "1.00000000"})
    archived.exchange.inject(wrong)
    await archived.run()
    archived.exchange.heal()
    assert (await reloaded(archived, "2026-09")).rows == 1
    assert archived.asked("/api/") == []
    archived.exchange.inject(broken.CutZip(file=MONTH))
    for day in range(1, 31):
        archived.exchange.inject(
            broken.NoFile(file=MONTH.replace("monthly", "daily").replace(".zip", f"-{day:02}.zip"))
        )
    receipt = await reloaded(archived, "2026-09")
    assert f"{MONTH} is unusable (truncated_zip)" in receipt.failures[0].why
    assert quarters(archived, "2026-05-20", until=LAST_FILE_ENDS)


@pytest.mark.soak
async def test_upkeep_goes_on_beside_symbols_that_only_the_archive_knows(archived: Desk):
    """The audit leaves them out, and a page that gets an error costs no other page."""
    archived.market(["BTCUSDT", "XRPUSDT"], ["15m"], since="2026-05-20")
    await archived.run()
    archived.exchange.remove("XRPUSDT")
    archived.clock.advance(2 * 3600)
    await archived.run()
    archived.exchange.inject(Error(path="/api/v3/klines", status=400, code=-1100, msg="Illegal characters."))
    archived.exchange.requests.clear()
    receipts = await archived.run("upkeep")
    assert {receipt.outcome for receipt in receipts} == {"done"}
    assert archived.asked("symbol=XRPUSDT") == []
    [audit] = archived.rows("check_results", check_name="archive_audit")
    assert audit["passed"]
    assert any("was not audited" in receipt.note for receipt in receipts)


async def test_gaps_name_the_rows_at_their_edges_across_pages(archived: Desk):
    """A hole that begins or ends with a page knows the candle in the page before or after, both ways through time."""
    archived.market(["XRPUSDT"], ["15m"], since="2026-10-14T02:00", source="rest")
    await archived.run()
    [row] = run(connect(archived.lake), "SELECT evidence FROM gaps WHERE until IS NOT NULL").to_pylist()
    assert '"row_after_opens":"2026-10-14T06:00:00Z"' in row["evidence"]
    archived.clock.advance(60)
    await archived.backfill("2026-10-13")
    [told] = run(connect(archived.lake), "SELECT * FROM gaps WHERE until IS NOT NULL").to_pylist()
    assert '"row_before_ends":"2026-10-14T02:00:00Z"' in told["evidence"]
    assert told["reason"] == "exchange_outage", "candles came before it, so the symbol was listed"
