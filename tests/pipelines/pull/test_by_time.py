"""Rows along their instants where several processes pull them, or an answer is odd: each row is there once."""

from __future__ import annotations

import asyncio
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
