"""Everything that the archive publishes of a market, out of the simulated archive, while the API refuses everybody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.desks import us

from connectors.binance.archive.layouts import LAYOUTS
from connectors.binance.endpoints import FEEDING
from connectors.simulator.futures import CONTRACTS, INVERSE
from connectors.simulator.market.listings import LISTINGS
from connectors.simulator.protocol.faults import Restricted
from pipelines.estimate.flow import plan_flows
from schemas.datasets import DATASETS

if TYPE_CHECKING:
    from support.desks import Desk

REMOVED = ("liquidations", "usdm")  # its files were taken out of the archive
SYMBOLS = {"spot": "QUIETUSDT", "usdm": "QUIETUSDT", "coinm": "QUIETUSD_PERP", "option": "ETHUSDT"}
KINDS = {
    market: sorted(name for name, its in LAYOUTS if its == market and (name, its) != REMOVED) for market in SYMBOLS
}
# The last files of some are of then, and those of fundings are of months.
SINCE = {"liquidations": "2024-10-14", "book_ticker_updates": "2024-03-30", "funding_rates": "2026-10-01",
         "option_summaries": "2023-10-21"}  # fmt: skip


@pytest.fixture
def refused(desk: Desk) -> Desk:
    """A desk whose address the API refuses by 451; the archive serves it, with a symbol that hardly ever trades."""
    listed = {"base": "QUIET", "quiet": 0.9999, "listed_ms": us("2023-09-01") // 1000}
    desk.exchange.add_symbol(replace(LISTINGS[0], symbol="QUIETUSDT", **listed))
    desk.exchange.futures.add(replace(CONTRACTS[0], symbol="QUIETUSDT", **listed))
    desk.exchange.futures.add(replace(INVERSE[0], symbol="QUIETUSD_PERP", **listed), "coinm")
    desk.addresses = dict.fromkeys(("archive", "archive_list", "usdm", "coinm"), desk.url)
    for path in sorted({row.path for rows in FEEDING.values() for row in rows if row.market in KINDS}):
        desk.exchange.inject(Restricted(path=path, count=None))
    return desk


def wanting(desk: Desk, market: str, *datasets: str, source: str = "archive") -> str:
    candles = {"intervals": ["1h"]} if any("interval" in DATASETS[one].series for one in datasets) else {}
    desk.flows["some"] = {
        "kind": "market", "market": market, "datasets": list(datasets), "symbols": [SYMBOLS[market]],
        "since": SINCE.get(datasets[0], "2026-11-01"), "source": source, **candles,
    }  # fmt: skip
    return "some"


WALKED = ["klines", "trades", "funding_rates", "option_summaries"]


async def test_upkeep_asks_nothing_of_an_exchange_that_no_flow_asks(refused: Desk):
    """Candles of the archive are not audited over REST where every flow of their market is served by files alone."""
    flow = wanting(refused, "coinm", "klines")
    refused.flows["upkeep"] = {"kind": "maintenance"}
    await refused.run(flow)
    receipts = await refused.run("upkeep")
    assert {receipt.note for receipt in receipts} == {""}
    assert refused.asked("api/") == []
    refused.flows["other"] = refused.flows[flow] | {"source": "auto"}
    assert any("was not audited" in receipt.note for receipt in await refused.run("upkeep"))


@pytest.mark.soak
@pytest.mark.parametrize("market", KINDS)
async def test_a_person_without_the_api_can_do_everything(refused: Desk, market: str):
    """Each command does its work and ends well, no call of the API is made, and no check warns of what is not late."""
    datasets = [name for name in WALKED if name in KINDS[market]]
    flow = wanting(refused, market, *datasets)
    since, earlier = ("2023-10-21", "2023-10-20") if market == "option" else ("2026-10-01", "2026-09-30")
    refused.flows[flow] |= {"since": since, "every": "1h"}
    refused.flows["upkeep"] = {"kind": "maintenance"}
    refused.more = {"accounts": {}}
    said = dict[str, str]()
    async with refused.commands() as command:
        for words in (
            ("plan", "--series"), ("run",), ("backfill", flow, "--since", earlier),
            ("backfill", flow, "--reload", "--month", since[:7]), ("status",), ("check",), ("prove",), ("doctor",),
            ("query", "SELECT count(*) AS n FROM klines"),
        ):  # fmt: skip
            code, printed, complaints = await command(*words)
            assert (words, code) == (words, 0), printed + complaints
            said[words[0]] = printed + complaints
    assert refused.asked("api/") == []
    assert all(f"{name}/{market}/{SYMBOLS[market]}" in said["plan"] for name in datasets)
    assert "funding" not in said["check"], "files of a month come in the next one"
    assert "flows with source: archive ask nothing else" in said["doctor"]
    assert "audited" not in said["run"]


@pytest.mark.parametrize(
    "market", [pytest.param(one, marks=[pytest.mark.soak] * (one in ("spot", "usdm"))) for one in KINDS]
)
async def test_whatever_the_archive_publishes_is_pulled_by_file(refused: Desk, market: str):
    """Each dataset that the archive has of a market comes out of its files, and no call of the API is made."""
    for dataset in KINDS[market]:
        flow = wanting(refused, market, dataset)
        [plan] = await plan_flows(refused.config, [flow], state=refused.state, clock=lambda: refused.exchange.now_us)
        [receipt] = await refused.run(flow)
        assert receipt.outcome == "done", receipt.why()
        assert (receipt.requests, plan.requests, plan.files > 0) == (0, 0, True)
        assert receipt.rows > 0, refused.rows("archive_files", dataset=dataset)
    assert [
        seen.target for seen in refused.exchange.requests if seen.target.startswith(("/api", "/fapi", "/dapi"))
    ] == []


@pytest.mark.parametrize(("market", "pair"), [("usdm", "QUIETUSDT"), ("coinm", "QUIETUSD")])
async def test_index_prices_are_named_by_pair_by_either_road(refused: Desk, market: str, pair: str):
    """A contract stands for its pair in the archive too, so that files and pages make one series of it."""
    await refused.run(wanting(refused, market, "mark_klines", "index_klines"))
    refused.exchange.heal()
    refused.clock.advance(7200)
    await refused.run(wanting(refused, market, "mark_klines", "index_klines", source="rest"))
    for dataset, name in (("mark_klines", SYMBOLS[market]), ("index_klines", pair)):
        rows = refused.rows(dataset)
        assert {row["symbol"] for row in rows} == {name}
        assert len(rows) == len({row["open_time"] for row in rows}) == 24 + 14
