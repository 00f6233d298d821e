"""A journal whose log is damaged costs a run its record, not its data."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from support.lakes import candle_series

from pipelines.cli.pulling import pull_each
from pipelines.store.gaps import Gap, write_gaps
from schemas.datasets import DATASETS

if TYPE_CHECKING:
    from support.desks import Desk

    from pipelines.context.progress import Progress
    from pipelines.context.receipts import Receipt

DAMAGED = 3


@pytest.fixture
async def pulled(desk: Desk) -> Desk:
    """A desk with flows of candles and of prices, each of which has run twice, and gaps."""
    desk.market(["BTCUSDT"])
    desk.flows["latest"] = {"kind": "market", "market": "spot", "datasets": ["prices"], "symbols": ["BTCUSDT"]}
    for _ in range(2):
        await desk.run("latest")
        await desk.run()
        write_gaps(desk.lake, [(candle_series("ETHUSDT", "1m"), Gap(since=0, until=1, reason="no_trades"))], 2)
        desk.clock.advance(60)
    return desk


def damage(desk: Desk, dataset: str) -> str:
    """Spoil the first entry of a table's log, which no repair can leave out; the table's folder."""
    table = desk.lake.path / DATASETS[dataset].table
    (table / "_delta_log" / f"{0:020}.json").write_bytes(b"{")
    return str(table)


@pytest.mark.parametrize("journal", ["runs", "api_requests"])
async def test_a_damaged_journal_costs_no_data(pulled: Desk, journal: str) -> None:
    """What was pulled is committed and in its receipt, the other table is written, and one sentence tells the rest."""
    other = {"runs": "api_requests", "api_requests": "runs"}[journal]
    table, before, known = damage(pulled, journal), pulled.bounds("BTCUSDT"), len(pulled.rows(other))
    done, beside = await pulled.run()
    assert (done.dataset, done.outcome, done.rows) == ("klines", "done", 1)
    assert pulled.bounds("BTCUSDT") != before
    assert len(pulled.rows(other)) > known
    [failure] = beside.failures
    assert table in failure.why
    assert beside.exit_code == DAMAGED


@pytest.mark.parametrize("journal", ["runs", "api_requests", "gaps"])
async def test_a_damaged_journal_stops_no_other_flow(
    pulled: Desk, journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each flow ends with its receipts, the damage is named in one sentence per flow, and the exit code is 3."""
    table = damage(pulled, journal)

    async def pull(name: str, _progress: Progress, _stop: asyncio.Event) -> list[Receipt]:
        return await pulled.run(name)

    assert await pull_each(["prices", "latest"], pull, json=True) == DAMAGED
    receipts = json.loads(capsys.readouterr().out)
    assert ("latest", "prices", "done") in {(one["flow"], one["dataset"], one["outcome"]) for one in receipts}
    told = [failure["why"] for one in receipts for failure in one["failures"]]
    assert all(table in why for why in told)
    assert len(told) == (1 if journal == "gaps" else 2)
