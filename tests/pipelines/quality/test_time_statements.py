"""What `binlake prove` states of what comes along time: one hash by every road, and nothing complete that was not answered."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.lakes import at, filled, put, small_lake

from connectors.lake import Lake
from connectors.simulator.archive import faults as broken
from connectors.simulator.protocol.faults import Error
from pipelines.cli import main
from pipelines.quality.time_statements import TimeMonth, WantedTimes, prove_times
from schemas.datasets.archived import BOOK_DEPTH, LIQUIDATIONS, METRICS
from schemas.datasets.derivatives import FUNDING_RATES, LONG_SHORT_RATIOS
from schemas.model.series import Series

if TYPE_CHECKING:
    from pathlib import Path

    from support.desks import Desk

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-{}.zip"
OF = {"market": "usdm", "symbol": "BTCUSDT"}
COVERED = {"usdm/BTCUSDT": "2026-01-30"}, {"usdm/BTCUSDT": "2026-02-03"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


@pytest.fixture
def futures(desk: Desk) -> Desk:
    """A desk whose exchange has the hosts of futures, and an archive."""
    desk.addresses |= {"usdm": desk.url, "coinm": desk.url, "archive": desk.url, "archive_list": desk.url}
    return desk


def wants(desk: Desk, *datasets: str, since: str, **more: Any) -> None:
    desk.flows["prices"] = {
        "kind": "market", "market": "usdm", "datasets": list(datasets), "symbols": ["BTCUSDT"], "since": since, **more,
    }  # fmt: skip


def stated(lake: Lake, *wanted: WantedTimes, **more: int) -> list[TimeMonth]:
    def damaged(table: str, problem: Exception) -> None:
        raise AssertionError(table) from problem

    told = {"everything": not wanted, "pick": lambda _: True, "on_damage": damaged}
    return list(prove_times(lake, wanted, NOW, **told, **more))


def proven(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    code = main(["prove", "--json", *words, "--config", str(desk.written())])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def funding(paid: str, rate: str, **more: Any) -> dict[str, Any]:
    return {**OF, "funding_time": paid, "funding_rate": rate, "rate_type": "Regular", **more}


def test_fundings_have_one_hash_by_every_road(tmp_path: Path) -> None:
    """What the archive prints and what the exchange does, some milliseconds apart and with less beside it, is one."""
    times = ["2026-01-31T16:00:00.003", "2026-01-31T23:59:59.998", "2026-02-01T08:00:00.001"]
    printed = Lake.open(tmp_path / "rest", "simulator"), Lake.open(tmp_path / "files", "simulator")
    put(
        printed[0],
        FUNDING_RATES,
        *(funding(one, "0.0001", mark_price="7") for one in times),
        since=COVERED[0],
        until=COVERED[1],
    )
    whole = ["2026-01-31T16:00", "2026-01-31T23:59:59.998", "2026-02-01T08:00"]
    put(
        printed[1],
        FUNDING_RATES,
        *(funding(one, "0.0001", rate_type="") for one in whole),
        since=COVERED[0],
        until=COVERED[1],
    )
    rest, files = map(stated, printed)
    assert [one.sha256 for one in rest] == [one.sha256 for one in files]
    assert [one.rows for one in rest] == [2, 1]
    other = Lake.open(tmp_path / "other", "simulator")
    put(other, FUNDING_RATES, *(funding(one, "0.0002") for one in times), since=COVERED[0], until=COVERED[1])
    assert stated(other)[0].sha256 != rest[0].sha256


def test_the_hash_is_that_of_the_documented_bytes(lake: Lake) -> None:
    """Instants, decimals and texts are written as PROOF.md says, in order of instant and of the rest of the key."""
    row = filled(LIQUIDATIONS, "2026-02-01") | {**OF, "side": "BUY", "ordinal": 0}
    put(lake, LIQUIDATIONS, row | {"ordinal": 1}, row, since=COVERED[0], until=COVERED[1])
    february = next(one for one in stated(lake) if one.month == "2026-02")

    def encoded(name: str, value: Any) -> bytes:
        if name == "time":
            return int(value.timestamp() * 1e6).to_bytes(8, "little", signed=True)
        if isinstance(value, str):
            return hashlib.sha256(value.encode()).digest()[:16]
        if isinstance(value, int):
            return value.to_bytes(8, "little", signed=True)
        return int(value * 10**8).to_bytes(16, "little", signed=True)

    rows = sorted(lake.table(LIQUIDATIONS).scan().to_pylist(), key=lambda one: one["ordinal"])
    names = [column.name for column in LIQUIDATIONS.columns if column.name not in LIQUIDATIONS.series]
    assert (
        february.sha256
        == hashlib.sha256(b"".join(encoded(name, one[name]) for one in rows for name in names)).hexdigest()
    )
    assert february.days == {"2026-02-01": february.sha256[:16]}
    assert (february.status, february.rows, february.checks) == ("covered", 2, {"unique_key": 0})


def test_pieces_of_any_size_have_one_hash(lake: Lake) -> None:
    """Order of storing, other symbols and kinds, and reading by days change nothing; a row that is there twice is named."""
    levels = [
        filled(BOOK_DEPTH, f"2026-01-{day}T00:00:30") | {**OF, "percentage": str(level), "depth": str(day)}
        for day in (31, 30)
        for level in (2, -1, 1)
    ]
    put(
        lake,
        BOOK_DEPTH,
        *levels,
        filled(BOOK_DEPTH, "2026-01-30") | {**OF, "symbol": "ETHUSDT"},
        since=COVERED[0],
        until=COVERED[1],
    )
    other = {"usdm/ETHUSDT": "2026-01-30"}, {"usdm/ETHUSDT": "2026-01-31"}
    put(lake, BOOK_DEPTH, since=other[0], until=other[1])
    kinds = {f"usdm/BTCUSDT/{kind}": bound for kind, bound in (("a", "2026-02-01"), ("b", "2026-02-01"))}
    rows = [
        filled(LONG_SHORT_RATIOS, f"2026-02-01T00:{5 * n:02}") | {**OF, "kind": kind} for n in (1, 0) for kind in "ab"
    ]
    put(lake, LONG_SHORT_RATIOS, *rows, since=kinds, until=dict.fromkeys(kinds, "2026-02-01T00:10"))
    whole = stated(lake)
    assert stated(lake, piece_rows=2) == whole
    assert [(one.key.name, one.rows, one.status) for one in whole if one.rows] == [
        ("book_depth/usdm/BTCUSDT", 6, "covered"),
        ("book_depth/usdm/ETHUSDT", 1, "covered"),
        ("long_short_ratios/usdm/BTCUSDT/a", 2, "complete"),
        ("long_short_ratios/usdm/BTCUSDT/b", 2, "complete"),
    ]
    put(lake, BOOK_DEPTH, levels[0])
    assert next(one for one in stated(lake)).checks == {"unique_key": 1}


def test_what_was_never_asked_is_missing(lake: Lake) -> None:
    """A series that a flow names and nobody pulled is missing from its `since` on, and so is what lies before coverage."""
    put(lake, METRICS, since=COVERED[0], until=COVERED[1])
    named = tuple(Series.of(METRICS, market="usdm", symbol=one) for one in ("BTCUSDT", "ETHUSDT"))
    found = stated(lake, WantedTimes("metrics", "usdm", at("2026-01-15"), named))
    assert [(one.symbol, one.since, one.until) for one in found if one.expected_rows is None] == [
        ("BTCUSDT", at("2026-01-15"), at("2026-01-30")),
        ("ETHUSDT", at("2026-01-15"), NOW),
    ]
    assert {one.status for one in found} == {"missing"}


@pytest.mark.soak
async def test_a_late_file_leaves_its_month_missing(futures: Desk, capsys: pytest.CaptureFixture[str]):
    """Walked by files: a day whose file did not come, or came broken, is missing and said why; afterwards all is there."""
    wants(futures, "metrics", since="2026-10-30", source="archive")
    for fault, reason in (
        (broken.NoFile(file=DAY.format("2026-10-31")), "late"),
        (broken.CutZip(file=DAY.format("2026-10-31")), "unusable"),
    ):
        futures.exchange.heal()
        futures.exchange.inject(fault)
        await futures.run()
        code, [october, _] = proven(futures, capsys)
        assert (code, october["status"], october["missing_rows"]) == (3, "missing", 288)
        assert [gap["reason"] for gap in october["gaps"]] == [reason]
    futures.exchange.heal()
    await futures.run()
    code, months = proven(futures, capsys)
    assert (code, [one["status"] for one in months]) == (0, ["complete", "complete"])


REFUSED = {
    "klines": "/fapi/v1/klines",
    "agg_trades": "/fapi/v1/aggTrades",
    "funding_rates": "/fapi/v1/fundingRate",
    "open_interest": "/futures/data/openInterestHist",
}


@pytest.mark.parametrize("dataset", REFUSED)
async def test_what_nobody_answered_is_never_complete(dataset: str, futures: Desk, capsys: pytest.CaptureFixture[str]):
    """Whatever the walk, where the address is refused nothing moves, and the months stay missing with exit code 3."""
    more = {"intervals": ["1h"]} if dataset == "klines" else {}
    wants(futures, "symbols", dataset, since="2026-11-01", source="rest", **more)
    futures.exchange.inject(Error(path=REFUSED[dataset], status=451, code=0, msg="Not here.", count=None))
    await futures.run()
    code, months = proven(futures, capsys)
    assert (code, {(one["dataset"], one["status"], one["rows"]) for one in months}) == (3, {(dataset, "missing", 0)})


async def test_what_differs_is_named_by_its_day(futures: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """A lake does not differ from its own statements; a day with another hash is named, and a month not held here."""
    wants(futures, "metrics", since="2026-10-31", source="archive")
    await futures.run()
    theirs = tmp_path / "theirs.jsonl"
    _, lines = proven(futures, capsys)
    theirs.write_text("\n".join(map(json.dumps, lines)))
    assert proven(futures, capsys, "--against", str(theirs)) == (0, [])
    lines[0] |= {"sha256": "0" * 64, "days": {"2026-10-31": "0" * 16}}
    lines[1] |= {"symbol": "ETHUSDT"}
    theirs.write_text("\n".join(map(json.dumps, lines)))
    code, found = proven(futures, capsys, "--against", str(theirs))
    assert code == 3
    assert [(one["series"], one["what"], one["since"], one["place"]) for one in found] == [
        ("metrics/usdm/BTCUSDT", "day", "2026-10-31", "differs"),
        ("metrics/usdm/ETHUSDT", "month", "2026-11-01", "only there"),
    ]
