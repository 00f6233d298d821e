"""Files that the archive publishes anew: what they add, lack and change, and what is no better than before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import instant, reopened, us
from support.sampled import some_of

from connectors.lake import Move, Table
from connectors.lake.sql.session import connect, run
from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Body
from pipelines.candles import renewal
from schemas.datasets.market import KLINES
from schemas.model.series import Series

if TYPE_CHECKING:
    import pyarrow as pa
    from support.desks import Desk

MONTH = "data/spot/monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2026-09.zip"
DAY = "data/spot/daily/klines/BTCUSDT/15m/BTCUSDT-15m-2026-09-10.zip"
SINCE, HOLE_ENDS, UNTIL = "2026-09-02T10:00", "2026-09-10T00:30", "2026-10-01"
QUARTERS, A_DAY = (instant(UNTIL) - instant(SINCE)) // timedelta(minutes=15), 96
TWO_QUARTERS = broken.Lacking(file=MONTH, since_ms=us("2026-09-10") // 1000, until_ms=us(HOLE_ENDS) // 1000)


@pytest.fixture
def archived(desk: Desk) -> Desk:
    """A desk whose exchange has an archive, with the quarters of an hour of a September wanted, and upkeep."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.market(["BTCUSDT"], ["15m"], since=SINCE, source="archive")
    desk.flows["upkeep"] = {"kind": "maintenance"}
    return desk


async def loaded(desk: Desk, *faults: Any) -> None:
    """The month as the exchange shows it while these faults last."""
    for fault in faults:
        desk.exchange.inject(fault)
    [receipt] = await desk.backfill(SINCE, UNTIL)
    assert receipt.outcome == "done"


async def kept_up(desk: Desk, *faults: Any) -> None:
    """An hour later, upkeep; the exchange has these faults and no others."""
    desk.exchange.heal()
    for fault in faults:
        desk.exchange.inject(fault)
    desk.clock.advance(3600)
    assert {receipt.outcome for receipt in await desk.run("upkeep")} == {"done"}


def versions(desk: Desk, path: str = MONTH) -> list[tuple[Any, ...]]:
    """What each version of a file was, and what it did to the one before."""
    names = ("reason", "rows", "added", "removed", "changed")
    return [tuple(row[name] for name in names) for row in desk.rows("archive_files", path=path)]


def months(desk: Desk) -> list[tuple[Any, ...]]:
    told = run(connect(desk.lake), "SELECT rows, explained_rows, missing_rows, status FROM completeness")
    return [tuple(row.values()) for row in told.to_pylist()]


async def test_rows_that_a_file_gains_fill_their_gap(archived: Desk):
    """Half an hour that nobody had are a gap; the file published anew brings them, and the gap is filled."""
    nobody = (TWO_QUARTERS, broken.NoFile(file=DAY), Body(path="/api/v3/klines", text="[]"))
    await loaded(archived, *nobody)
    assert months(archived) == [(QUARTERS - 2, 0, 2, "missing")]
    await kept_up(archived)
    assert versions(archived)[-1] == (None, 30 * A_DAY, 2, 0, 0)
    assert months(archived) == [(QUARTERS, 0, 0, "complete")]
    first, filled = archived.rows("gaps")
    assert (first["since"], first["until"]) == (instant("2026-09-10"), instant(HOLE_ENDS))
    assert (filled["since"], filled["filled_at"] is not None) == (first["since"], True)
    assert archived.rows("corrections") == []


async def test_a_gap_is_filled_whose_candles_a_killed_run_left_stored(archived: Desk):
    """Upkeep was killed between the candles that a file gained and the word that their gap is filled: the next says it."""
    nobody = (TWO_QUARTERS, broken.NoFile(file=DAY), Body(path="/api/v3/klines", text="[]"))
    await loaded(archived, *nobody)
    await kept_up(archived)
    reopened(archived, reason="exchange_outage")
    await kept_up(archived, broken.Changed(file=MONTH, open_ms=us("2026-09-12") // 1000, values={4: "1.00000000"}))
    assert versions(archived)[-1] == (None, 30 * A_DAY, 0, 0, 1)
    assert months(archived) == [(QUARTERS, 0, 0, "complete")]
    assert archived.rows("gaps")[-1]["filled_at"] is not None


async def test_what_a_file_adds_and_changes_lands_in_one_commit(archived: Desk):
    """Nobody ever reads a month that is half the old file and half the new one."""
    other = broken.Changed(file=MONTH, open_ms=us("2026-09-12") // 1000, values={4: "1.00000000"})
    await loaded(archived, TWO_QUARTERS, other, broken.NoFile(file=DAY), Body(path="/api/v3/klines", text="[]"))
    before = archived.lake.table(KLINES).version()
    await kept_up(archived)
    assert versions(archived)[-1] == (None, 30 * A_DAY, 2, 0, 1)
    assert archived.lake.table(KLINES).version() == before + 1
    assert months(archived) == [(QUARTERS, 0, 0, "complete")]
    assert len(archived.rows("corrections")) == 1


@pytest.mark.soak
async def test_rows_that_a_file_loses_stay(archived: Desk):
    """What was printed once is not forgotten: the loss is counted, the rows and their hash stay."""
    await loaded(archived)
    before = archived.rows("klines")
    await kept_up(archived, TWO_QUARTERS)
    assert versions(archived)[-1] == ("incomplete", 30 * A_DAY - 2, 0, 2, 0)
    assert archived.rows("klines") == before
    assert months(archived) == [(QUARTERS, 0, 0, "complete")]


@pytest.mark.soak
async def test_a_file_that_became_defective_changes_nothing(archived: Desk):
    """It is noted with its reason and set aside; once it is published whole again, it is loaded again."""
    await loaded(archived)
    before = archived.rows("klines")
    await kept_up(archived, broken.CutZip(file=MONTH))
    assert versions(archived)[-1][:2] == ("truncated_zip", 0)
    assert archived.rows("klines") == before
    await kept_up(archived)
    assert versions(archived)[-1] == (None, 30 * A_DAY, 0, 0, 0)
    await kept_up(archived)
    assert len(versions(archived)) == 3


@pytest.mark.soak
async def test_a_file_that_was_set_aside_is_looked_at_again(archived: Desk):
    """A month that was defective when it was wanted is loaded once it is sound, and brings what was lacking."""
    nobody = (broken.NoFile(file=DAY), Body(path="/api/v3/klines", text="[]"))
    await loaded(archived, broken.CutZip(file=MONTH), *nobody)
    assert months(archived) == [(QUARTERS - A_DAY, 0, A_DAY, "missing")]
    await kept_up(archived, broken.NoFile(file=DAY))
    assert versions(archived)[-1] == (None, 30 * A_DAY, A_DAY, 0, 0)
    assert months(archived) == [(QUARTERS, 0, 0, "complete")]


@pytest.mark.soak
async def test_a_file_whose_series_moved_meanwhile_is_left_for_the_next_upkeep(
    archived: Desk, monkeypatch: pytest.MonkeyPatch
):
    """Another process commits while a file published anew is compared: it is not noted as loaded before it is."""
    await loaded(archived, broken.Changed(file=MONTH, open_ms=us("2026-09-12") // 1000, values={4: "1.00000000"}))
    read = renewal.held

    def overtaken(table: Table, series: Series, *span: int) -> pa.Table:
        monkeypatch.undo()
        other = archived.lake.table(KLINES)
        other.commit(None, [Move.of(series, {}, other.bounds())])
        return read(table, series, *span)

    monkeypatch.setattr(renewal, "held", overtaken)
    await kept_up(archived)
    assert len(versions(archived)) == 1
    await kept_up(archived)
    assert versions(archived)[-1] == (None, 30 * A_DAY, 0, 0, 1)
    assert archived.rows("klines", open_time=instant("2026-09-12"))[0]["close"] != 1


@pytest.mark.parametrize("fault", some_of([broken.NoChecksum(file=MONTH), broken.WrongChecksum(file=MONTH)]))
async def test_a_file_that_only_lacked_its_checksum_is_looked_at_again(archived: Desk, fault: broken.ArchiveFault):
    """The zip stays as it was and its CHECKSUM is mended: the file is loaded; until then it is noted once."""
    nobody = (broken.NoFile(file=DAY), Body(path="/api/v3/klines", text="[]"))
    await loaded(archived, fault, *nobody)
    await kept_up(archived, fault, *nobody)
    await kept_up(archived, fault, *nobody)
    assert len(versions(archived)) == 1
    await kept_up(archived, broken.NoFile(file=DAY))
    assert versions(archived)[-1] == (None, 30 * A_DAY, A_DAY, 0, 0)
    assert months(archived) == [(QUARTERS, 0, 0, "complete")]


async def test_an_outage_is_explained_by_what_was_seen(archived: Desk):
    """XRPUSDT stood still for four hours: missing until a second look, then explained, with evidence, never filled."""
    archived.market(["XRPUSDT"], ["15m"], since="2026-10-13", source="auto")
    await archived.run()
    assert [month[2:] for month in months(archived)] == [(16, "missing"), (0, "complete")]
    archived.clock.advance(3700)
    await archived.run()
    assert months(archived)[0] == (19 * A_DAY - 16, 16, 0, "explained")
    [gap] = [row for row in archived.rows("gaps", reason="exchange_outage") if row["confirmed_at"]]
    assert (gap["since"], gap["until"]) == (instant("2026-10-14T02:00"), instant("2026-10-14T06:00"))
    assert '"row_before_ends":"2026-10-14T02:00:00Z"' in gap["evidence"]
