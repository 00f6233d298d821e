"""Rows along their instants where several processes pull them, or an answer is odd: each row is there once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from connectors.simulator.protocol.faults import Latency, Misprinted
from schemas.datasets import DATASETS

if TYPE_CHECKING:
    from support.desks import Desk

CALLS = {"funding_rates": "/fapi/v1/fundingRate", "open_interest": "/futures/data/openInterestHist"}


@pytest.fixture
def futures(desk: Desk) -> Desk:
    """A desk whose exchange has the host of USD-M."""
    desk.addresses |= {"usdm": desk.url}
    return desk


def wanting(dataset: str, since: str) -> dict[str, Any]:
    return {
        "kind": "market", "market": "usdm", "datasets": [dataset], "symbols": ["BTCUSDT"], "since": since,
        "source": "rest",
    }  # fmt: skip


@pytest.mark.parametrize("dataset", CALLS)
async def test_a_run_that_began_later_stores_nothing_twice(futures: Desk, dataset: str):
    """Of two runs at once the later one reaches further: what the earlier one stored meanwhile it does not add again."""
    futures.flows |= {name: wanting(dataset, "2026-11-02T10:00") for name in ("prices", "others")}
    await futures.run()
    before = len(futures.rows(dataset))
    futures.clock.advance(9 * 3600)
    futures.exchange.inject(Latency(path=CALLS[dataset], seconds=0.4, count=None))
    seen, running = len(futures.asked(CALLS[dataset])), list[asyncio.Future[Any]]()
    for number, flow in enumerate(futures.flows, start=1):
        running.append(asyncio.ensure_future(futures.run(flow)))
        await futures.exchange_saw(seen + number, CALLS[dataset])
        futures.clock.advance(1000)
    receipts = [receipt for each in await asyncio.gather(*running) for receipt in each]
    assert [receipt.failures for receipt in receipts] == [(), ()]
    clock = str(DATASETS[dataset].clock)
    times = [row[clock] for row in futures.rows(dataset)]
    assert len(times) == len(set(times))
    assert len(times) == before + sum(receipt.rows for receipt in receipts)


class Early(Misprinted, frozen=True, kw_only=True):
    """Of a clock that is ahead: what was paid since an instant is not there yet."""

    ms: int

    def change(self, rows: list[Any]) -> list[Any]:
        return [row for row in rows if row["fundingTime"] < self.ms]


async def test_a_look_at_what_is_still_to_come_confirms_nothing(futures: Desk):
    """A day is covered ahead of its time by a clock that ran ahead: its fundings are asked for once they can be there."""
    futures.flows["prices"] = wanting("funding_rates", "2026-11-02T06:00")
    await futures.run()
    futures.exchange.inject(Early(path=CALLS["funding_rates"], values={}, ms=futures.exchange.now_ms, count=None))
    futures.clock.advance(30 * 3600)
    await futures.run()
    futures.clock.advance(-30 * 3600)
    futures.exchange.heal()
    for hours in (0.2, 1.5, 45, 8):
        futures.clock.advance(hours * 3600)
        await futures.run()
    paid = [row["funding_time"] for row in futures.rows("funding_rates")]
    assert {round((after - before).total_seconds() / 3600) for before, after in pairwise(paid)} == {8}


async def test_a_contract_that_is_gone_is_told(futures: Desk):
    """What a contract printed until the exchange forgot it between two runs cannot be asked for: the run says so."""
    futures.flows["prices"] = wanting("funding_rates", "2026-10-30") | {"symbols": ["ETHUSDT"]}
    [receipt] = await futures.run()
    assert receipt.note == ""
    futures.clock.advance(86_400)
    futures.exchange.futures.remove("ETHUSDT")
    futures.clock.advance(7200)
    [receipt] = await futures.run()
    assert (receipt.outcome, receipt.rows) == ("done", 0)
    assert "asked of ETHUSDT, which the exchange does not list any more" in receipt.note


class Lacking(Misprinted, frozen=True, kw_only=True):
    """The counts of a stretch are not there."""

    since_ms: int
    until_ms: int

    def change(self, rows: list[Any]) -> list[Any]:
        return [row for row in rows if not self.since_ms <= row["timestamp"] < self.until_ms]


@pytest.mark.parametrize("comes", [True, False])
async def test_of_a_gap_what_is_kept_still_is_asked_for(futures: Desk, comes: bool):
    """Where a pause was so long that half of a gap is not kept any more, the other half is looked at before it goes."""
    day = datetime(2026, 10, 26, tzinfo=UTC)
    noon = day + timedelta(hours=12)
    since_ms = round(day.timestamp() * 1000)
    futures.flows["prices"] = wanting("open_interest", "2026-10-25")
    futures.exchange.inject(
        Lacking(path=CALLS["open_interest"], values={}, since_ms=since_ms, until_ms=since_ms + 86_400_000, count=None)
    )
    await futures.run()
    futures.clock.advance((noon + timedelta(days=30, hours=-1)).timestamp() - futures.exchange.now_ms / 1000 + 7)
    if comes:
        futures.exchange.heal()
    await futures.run()
    last = {row["since"]: row for row in sorted(futures.rows("gaps"), key=lambda row: row["seen_at"])}
    lost, *later = (row for at, row in sorted(last.items()) if day <= at < day + timedelta(days=1))
    assert (lost["reason"], lost["since"], lost["until"] - noon < timedelta(minutes=1)) == ("not_retained", day, True)
    slots = [row["time"] for row in futures.rows("open_interest") if noon < row["time"] < day + timedelta(days=1)]
    assert len(slots) == (143 if comes else 0)
    assert {(row["confirmed_at"] is None, row["filled_at"] is None) for row in later} == {(comes, not comes)}


async def test_a_gap_is_confirmed_as_far_as_it_was_asked_for(futures: Desk):
    """Fetching a stretch again says nothing of the part of a gap behind it, which waits for its own second look."""
    day = datetime(2026, 10, 26, tzinfo=UTC)
    futures.flows["prices"] = wanting("open_interest", "2026-10-26")
    first = round(day.timestamp() * 1000) + 7_200_000
    lacking = {"since_ms": first, "until_ms": first + 7_200_000}
    futures.exchange.inject(Lacking(path=CALLS["open_interest"], values={}, **lacking, count=None))
    await futures.run()
    futures.clock.advance(7200)
    await futures.backfill("2026-10-26", "2026-10-26T03:00", again=True)
    told = [(row["since"].hour, row["until"].hour, row["confirmed_at"] is not None) for row in futures.rows("gaps")]
    assert [one for one in told if one[0] in (2, 3)] == [(2, 4, False), (2, 3, True), (3, 4, False)]
