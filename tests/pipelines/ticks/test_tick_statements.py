"""What `binlake prove` states of trades: the same by every road, and every difference named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import us

from connectors.simulator.market.listings import LISTINGS
from pipelines.cli import main
from pipelines.quality.trade_statements import TradeMonth, prove_trades
from schemas.model.instants import moment

if TYPE_CHECKING:
    from support.desks import Desk

KINDS = ["agg_trades", "trades"]


@pytest.fixture
def quiet(desk: Desk) -> Desk:
    """A desk that wants every trade since the last hours of October of a symbol that hardly ever trades."""
    desk.exchange.add_symbol(replace(LISTINGS[0], symbol="QUIET", quiet=0.9999, listed_ms=us("2026-09-01") // 1000))
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    return wanting(desk)


def wanting(desk: Desk, **more: Any) -> Desk:
    desk.flows["prices"] = {
        "kind": "market", "market": "spot", "datasets": KINDS, "symbols": ["QUIET"], "since": "2026-10-31T20:00", **more,
    }  # fmt: skip
    return desk


def stated(desk: Desk, **more: int) -> list[TradeMonth]:
    def damaged(table: str, problem: Exception) -> None:
        raise AssertionError(table) from problem

    now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    everything = {"everything": True, "pick": lambda _: True, "on_damage": damaged}
    return list(prove_trades(desk.lake, [], now, **everything, **more))


def proven(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    code = main(["prove", "--json", *words, "--config", str(desk.written())])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.soak
async def test_trades_have_one_hash_by_every_road(quiet: Desk):
    """Files and pages, and pages alone, give the same ids and hashes, in pieces of any size."""
    await quiet.run()
    by_file = stated(quiet)
    assert [(one.dataset, one.month, one.status) for one in by_file] == [
        (kind, month, "complete") for kind in KINDS for month in ("2026-10", "2026-11")
    ]
    for october, november in (by_file[:2], by_file[2:]):
        assert october.until_id == november.since_id
        assert october.rows == october.expected_rows == sum_of_days(quiet, october) > 0
    assert stated(quiet, piece_ids=500) == by_file
    quiet.folder = quiet.folder / "rest"
    wanting(quiet, source="rest")
    await quiet.run()
    assert list(map(hashed, stated(quiet))) == list(map(hashed, by_file))


def hashed(one: TradeMonth) -> tuple[Any, ...]:
    return one.key, one.status, one.rows, one.since_id, one.until_id, one.sha256, one.days


def sum_of_days(desk: Desk, one: TradeMonth) -> int:
    days = [row["time"] for row in desk.rows(one.dataset) if f"{row['time']:%Y-%m}" == one.month]
    assert {f"{day:%Y-%m-%d}" for day in days} == one.days.keys()
    return len(days)


@pytest.mark.soak
async def test_what_differs_is_named_by_its_day(quiet: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """A lake does not differ from its own statements; a day with another hash is named, and a month not held here."""
    await quiet.run()
    theirs = tmp_path / "theirs.jsonl"
    code, lines = proven(quiet, capsys)
    assert (code, len(lines)) == (0, 4)
    theirs.write_text("\n".join(map(json.dumps, lines)))
    assert proven(quiet, capsys, "--against", str(theirs)) == (0, [])
    lines[3] |= {"sha256": "0" * 64, "days": lines[3]["days"] | {"2026-11-01": "0" * 16}}
    lines.append(lines[0] | {"symbol": "OTHER"})
    theirs.write_text("\n".join(map(json.dumps, lines)))
    code, found = proven(quiet, capsys, "--against", str(theirs))
    assert code == 3
    assert [(one["series"], one["what"], one["since"], one["place"]) for one in found] == [
        ("trades/spot/QUIET", "day", "2026-11-01", "differs"),
        ("agg_trades/spot/OTHER", "month", "2026-10-31", "only there"),
    ]


async def test_trades_that_are_promised_and_not_held_are_missing(quiet: Desk, capsys: pytest.CaptureFixture[str]):
    """Exit 3 for a symbol that a flow names and the lake lacks, and for days before what is held."""
    await quiet.run()
    wanting(quiet, symbols=["QUIET", "BTCUSDT"], since="2026-10-20")
    code, lines = proven(quiet, capsys, "prices")
    assert code == 3
    missing = {(one["symbol"], one["since"], one["until"]) for one in lines if one["status"] == "missing"}
    assert ("QUIET", "2026-10-20T00:00:00Z", "2026-10-31T20:00:00Z") in missing
    assert {symbol for symbol, _, _ in missing} == {"QUIET", "BTCUSDT"}


async def test_an_id_that_is_missing_is_told_with_its_gap(quiet: Desk):
    """A hole is missing rows and a gap with the ids that were asked for."""
    tape = quiet.exchange.tapes["spot"]
    first = tape.first_from(quiet.exchange.listing("QUIET", 2**42), us("2026-10-31T21:00")) // 2
    tape.unprinted["QUIET", "agg_trades"] = {first}
    wanting(quiet, datasets=["agg_trades"], source="rest")
    await quiet.run()
    october = stated(quiet)[0]
    assert (october.missing_rows, october.status, october.sound) == (1, "missing", False)
    assert [gap.evidence["ids"] for gap in october.gaps] == [[[first, first]]]
    assert october.since == moment(us("2026-10-31T20:00"))


async def test_trades_that_cannot_be_read_are_named(quiet: Desk, capsys: pytest.CaptureFixture[str]):
    """Exit 3 and the table's name where its data is gone; the other dataset is stated all the same."""
    await quiet.run()
    rmtree(quiet.lake.path / "trades" / "market=spot")
    assert main(["prove", "--json", "--config", str(quiet.written())]) == 3
    shown = capsys.readouterr()
    assert {json.loads(line)["dataset"] for line in shown.out.splitlines()} == {"agg_trades"}
    assert "The table trades cannot be examined, so nothing of it is stated" in shown.err
