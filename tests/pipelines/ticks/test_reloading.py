"""What the lake holds wrongly is loaded again on demand, whatever its dataset: from files, or over REST."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from support.desks import us

from connectors.lake import Move
from connectors.simulator.archive import faults as broken
from connectors.simulator.futures import CONTRACTS
from connectors.simulator.market.listings import LISTINGS
from schemas.datasets import DATASETS
from schemas.model.series import Series

if TYPE_CHECKING:
    from support.desks import Desk

FILE = "data/{}/daily/{}/QUIET/QUIET-{}-2026-11-01.zip"


class Thinned(broken.ArchiveFault, frozen=True):
    """Ten rows are not there."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [*lines[:-60], *lines[-50:]]


@pytest.fixture
def quiet(desk: Desk) -> Desk:
    """A desk with an archive, and a symbol of spot and futures that hardly ever trades."""
    listed = {"symbol": "QUIET", "quiet": 0.9999, "listed_ms": us("2026-09-01") // 1000}
    desk.exchange.add_symbol(replace(LISTINGS[0], **listed))
    desk.exchange.futures.add(replace(CONTRACTS[0], **listed))
    desk.addresses = dict.fromkeys(("archive", "archive_list", "usdm"), desk.url)
    return desk


async def pulled(desk: Desk, dataset: str, market: str, source: str, since: str = "2026-11-01") -> list[dict[str, Any]]:
    """What a run brings of a dataset."""
    desk.flows["prices"] = {
        "kind": "market", "market": market, "datasets": [dataset], "symbols": ["QUIET"], "since": since,
        "source": source,
    }  # fmt: skip
    [receipt] = await desk.run()
    assert receipt.outcome == "done", receipt.why()
    return desk.rows(dataset)


def spoil(desk: Desk, dataset: str, column: str, place: int = 3) -> dict[str, Any]:
    """Store another value in one row, as a fault of long ago might have; the row as it was."""
    table, right = desk.lake.table(DATASETS[dataset]), desk.rows(dataset)[place]
    before, wrong = ({name: right[name] for name in table.dataset.schema.names} for _ in range(2))
    wrong[column] = Decimal("7.5")
    series, bounds = Series.of_row(table.dataset, right), table.bounds()
    rows = [pa.Table.from_pylist([row], schema=table.dataset.schema) for row in (before, wrong)]
    table.replace(*rows, [Move.of(series, {}, bounds)])
    return right


CASES = [
    ("agg_trades", "spot", "auto", "price"),
    ("agg_trades", "spot", "rest", "price"),
    ("trades", "usdm", "archive", "price"),
    ("metrics", "usdm", "archive", "open_interest"),
    ("open_interest", "usdm", "rest", "open_interest"),
]


@pytest.mark.parametrize(("dataset", "market", "source", "column"), CASES)
async def test_a_wrong_row_is_corrected_on_demand(quiet: Desk, dataset: str, market: str, source: str, column: str):
    """The row takes its printed value again, both versions are kept, and a second time nothing differs."""
    right = await pulled(quiet, dataset, market, source)
    spoil(quiet, dataset, column)
    covered = quiet.lake.table(DATASETS[dataset]).bounds()
    for corrected in (1, 0):
        [receipt] = await quiet.backfill("2026-10-01", again=True)
        assert (receipt.outcome, receipt.rows) == ("done", corrected), receipt.why()
    assert quiet.rows(dataset) == right
    assert len(quiet.rows("corrections")) == 1
    after = quiet.lake.table(DATASETS[dataset]).bounds()
    assert {name: at for name, at in after.items() if not name.endswith("revision")} == {
        name: at for name, at in covered.items() if not name.endswith("revision")
    }, "nothing is claimed that was not there before"


async def test_ids_that_a_month_lacks_come_out_of_its_days(quiet: Desk):
    """The file of a month may have fewer rows than those of its days (GALAUSDT, 2023-03): they are there on demand."""
    quiet.exchange.inject(Thinned(file="data/futures/um/monthly/trades/QUIET/QUIET-trades-2026-10.zip"))
    before = await pulled(quiet, "trades", "usdm", "archive", since="2026-10-30")
    [gap] = quiet.rows("gaps")
    [receipt] = await quiet.backfill("2026-10-01", again=True)
    assert (receipt.outcome, receipt.rows) == ("done", 10), receipt.why()
    ids = [row["trade_id"] for row in quiet.rows("trades")]
    assert (len(ids), ids) == (len(before) + 10, list(range(ids[0], ids[-1] + 1)))
    assert [row["filled_at"] is None for row in quiet.rows("gaps", since=gap["since"])] == [True, False]


async def test_what_nobody_has_is_named_and_stays(quiet: Desk):
    """A day without a file, of which the exchange returns no trades either, is a failure; the others are loaded."""
    await pulled(quiet, "agg_trades", "usdm", "archive", since="2026-10-30")
    right = spoil(quiet, "agg_trades", "price")
    missing = [broken.NoFile(file=FILE.format("futures/um", "aggTrades", "aggTrades").replace("11-01", f"{month}-{day}"))
               for month, day in (("10", "31"),)]  # fmt: skip
    for fault in (*missing, broken.NoFile(file="data/futures/um/monthly/aggTrades/QUIET/QUIET-aggTrades-2026-10.zip")):
        quiet.exchange.inject(fault)
    [receipt] = await quiet.backfill("2026-10-01", again=True)
    assert (receipt.outcome, receipt.rows) == ("failed", 1)
    assert "2026-10-31 00:00:00 UTC to 2026-11-01 00:00:00 UTC: the archive has no file" in receipt.why()
    assert right in quiet.rows("agg_trades")


@pytest.mark.parametrize(("dataset", "market", "kind"), [("trades", "usdm", "trades"), ("metrics", "usdm", "metrics")])
async def test_a_file_that_cannot_be_read_is_named(quiet: Desk, dataset: str, market: str, kind: str):
    """Its defect is a failure that says so, and what is stored stays."""
    right = await pulled(quiet, dataset, market, "archive")
    quiet.exchange.inject(broken.CutZip(file=FILE.format("futures/um", kind, kind)))
    [receipt] = await quiet.backfill("2026-10-01", again=True)
    assert (receipt.outcome, quiet.rows(dataset)) == ("failed", right)
    assert "2026-11-01.zip is truncated_zip" in receipt.why()
