"""Files of trades that the archive publishes anew: what they change, add and lack, by the ids of their rows."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import reopened, us

from connectors.simulator.archive import faults as broken
from connectors.simulator.futures import CONTRACTS
from pipelines.store.gaps import load_gaps
from schemas.datasets import DATASETS

if TYPE_CHECKING:
    from support.desks import Desk

KINDS = ["agg_trades", "trades"]
DAY = "data/futures/um/daily/{0}/QUIET/QUIET-{0}-2026-11-01.zip"
FOLDERS = {"agg_trades": "aggTrades", "trades": "trades"}


class Rewritten(broken.ArchiveFault, frozen=True):
    """The fourth row has another price, and happened a second later."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        cells = lines[3].split(b",")
        cells[1], cells[-2] = b"1.25", b"%d" % (int(cells[-2]) + 1000)
        return [*lines[:3], b",".join(cells), *lines[4:]]


class Shortened(broken.ArchiveFault, frozen=True):
    """Three rows of the middle are not there."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [*lines[:10], *lines[13:]]


@pytest.fixture
def quiet(desk: Desk) -> Desk:
    """A desk with upkeep, and the archive of a contract that hardly ever trades."""
    listed_ms = us("2026-09-01") // 1000
    desk.exchange.futures.add(replace(CONTRACTS[0], symbol="QUIET", quiet=0.9999, listed_ms=listed_ms))
    desk.addresses = {"archive": desk.url, "archive_list": desk.url, "usdm": desk.url}
    desk.flows["upkeep"] = {"kind": "maintenance"}
    return desk


def path_of(dataset: str) -> str:
    return DAY.format(FOLDERS[dataset])


async def loaded(
    desk: Desk, dataset: str, *faults: broken.ArchiveFault, since: str = "2026-11-01"
) -> list[dict[str, Any]]:
    """The rows of a day, as its file has them while these faults last."""
    for fault in faults:
        desk.exchange.inject(fault)
    desk.flows["prices"] = {
        "kind": "market", "market": "usdm", "datasets": [dataset], "symbols": ["QUIET"], "since": since,
        "source": "archive",
    }  # fmt: skip
    [receipt] = await desk.run()
    assert receipt.outcome == "done", receipt.why()
    return stored(desk, dataset)


async def kept_up(desk: Desk, *faults: broken.ArchiveFault) -> None:
    """An hour later, upkeep; the archive has these faults and no others."""
    desk.exchange.heal()
    for fault in faults:
        desk.exchange.inject(fault)
    desk.clock.advance(3600)
    assert {receipt.outcome for receipt in await desk.run("upkeep")} == {"done"}


def stored(desk: Desk, dataset: str) -> list[dict[str, Any]]:
    return sorted(desk.rows(dataset), key=lambda row: row[DATASETS[dataset].id_column])


def difference(desk: Desk, dataset: str) -> tuple[Any, ...]:
    """What the last version of the file did to the one before."""
    [*_, look] = desk.rows("archive_files", path=path_of(dataset))
    return tuple(look[name] for name in ("reason", "added", "removed", "changed"))


@pytest.mark.parametrize("dataset", KINDS)
async def test_what_changed_in_a_file_of_trades_is_corrected_and_kept(quiet: Desk, dataset: str):
    """A trade with other values takes the place of the stored one, of the same id; both versions stay."""
    wrong = await loaded(quiet, dataset, Rewritten(file=path_of(dataset)))
    await kept_up(quiet)
    assert difference(quiet, dataset) == (None, 0, 0, 1)
    right = stored(quiet, dataset)
    [place] = [at for at, row in enumerate(wrong) if row != right[at]]
    assert wrong[place]["price"] == Decimal("1.25")
    [correction] = quiet.rows("corrections")
    before, after = json.loads(correction["before"]), json.loads(correction["after"])
    assert (Decimal(before["price"]), Decimal(after["price"])) == (wrong[place]["price"], right[place]["price"])
    assert before["time"] - after["time"] == 1_000_000
    await kept_up(quiet)
    assert len(quiet.rows("corrections")) == 1


@pytest.mark.parametrize("dataset", KINDS)
async def test_ids_that_a_file_gains_fill_their_gap(quiet: Desk, dataset: str):
    """Ids that no file had are a gap; the file published anew brings them, and the gap is filled."""
    short = await loaded(quiet, dataset, Shortened(file=path_of(dataset)))
    [gap] = quiet.rows("gaps")
    assert (gap["reason"], gap["filled_at"]) == ("skipped_ids", None)
    await kept_up(quiet)
    assert difference(quiet, dataset) == (None, 3, 0, 0)
    assert len(stored(quiet, dataset)) == len(short) + 3
    assert [row["filled_at"] is not None for row in quiet.rows("gaps")] == [False, True]
    assert quiet.rows("corrections") == []


async def test_a_gap_is_filled_whose_ids_a_killed_run_left_stored(quiet: Desk):
    """Upkeep was killed between the rows that a file gained and the word that their gap is filled: the next says it."""
    await loaded(quiet, "agg_trades", Shortened(file=path_of("agg_trades")))
    await kept_up(quiet)
    series = reopened(quiet)
    before = stored(quiet, "agg_trades")
    await kept_up(quiet, Rewritten(file=path_of("agg_trades")))
    assert difference(quiet, "agg_trades") == (None, 0, 0, 1)
    assert len(stored(quiet, "agg_trades")) == len(before)
    assert load_gaps(quiet.lake, series.dataset)[series] == {}


async def test_trades_that_a_file_loses_stay(quiet: Desk):
    """What was printed once is not forgotten: the loss is counted, that of no other day, and the rows stay."""
    before = await loaded(quiet, "agg_trades", since="2026-10-31")
    await kept_up(quiet, Shortened(file=path_of("agg_trades")))
    assert difference(quiet, "agg_trades") == (None, 0, 3, 0)
    assert stored(quiet, "agg_trades") == before


async def test_a_file_of_trades_that_became_defective_changes_nothing(quiet: Desk):
    """It is noted with its reason; once it is published whole again, it is held against what is stored again."""
    before = await loaded(quiet, "agg_trades")
    await kept_up(quiet, broken.CutZip(file=path_of("agg_trades")))
    assert stored(quiet, "agg_trades") == before
    await kept_up(quiet)
    assert difference(quiet, "agg_trades") == (None, 0, 0, 0)
    assert stored(quiet, "agg_trades") == before
