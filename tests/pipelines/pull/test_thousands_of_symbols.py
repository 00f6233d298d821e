"""As many symbols as the exchange has, whose prices come in one answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.desks import Desk

from connectors.simulator.futures import CONTRACTS
from connectors.simulator.market.listings import generated

COUNT = 3000
DATASETS = ["prices", "tickers", "book_tickers"]

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("market", ["spot", "usdm"])
async def test_all_prices_come_within_the_clients_patience(desk: Desk, market: str):
    """Prices, tickers and books of 3,000 symbols are pulled with the time-out that every client has, none asked twice."""
    desk.addresses |= {"usdm": desk.url}
    model = CONTRACTS[0]
    for one in generated(COUNT):
        desk.exchange.add_symbol(one)
        desk.exchange.futures.add(replace(model, symbol=one.symbol, base=one.base, price=one.price))
    desk.flows["now"] = {"kind": "market", "market": market, "datasets": DATASETS}
    receipts = await desk.run("now")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
    for dataset in DATASETS:
        assert len({row["symbol"] for row in desk.rows(dataset)} & {one.symbol for one in generated(COUNT)}) == COUNT
    asked = [one.path for one in desk.exchange.requests if "ticker" in one.path]
    assert len(asked) == len(set(asked)) == len(DATASETS)
