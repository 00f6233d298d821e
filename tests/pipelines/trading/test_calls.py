"""Which call of a market serves which purpose of trading."""

from dataclasses import fields

import pytest

from connectors.binance.endpoints import FEEDING
from connectors.binance.endpoints.model import ById, Endpoint, SymbolWindows
from pipelines.trading.calls import MARKETS, calls_of
from schemas.model.wallets import TRADING


@pytest.mark.parametrize("traded", MARKETS)
def test_the_calls_of_a_market_are_its_own(traded: str) -> None:
    """Each call speaks of the market it is named for, and whatever of an account is walked symbol by symbol is among them."""
    calls = calls_of(traded)
    values = [getattr(calls, one.name) for one in fields(calls)]
    named = [call for call in values if isinstance(call, Endpoint) and call is not calls.wallet]
    assert {call.market for call in named} == {traded}
    walked = {
        endpoint
        for (_, market), rows in FEEDING.items()
        if market == traded
        for endpoint in rows
        if isinstance(endpoint.walk, ById | SymbolWindows) and "account" in endpoint.feeds.series
    }
    assert walked <= {*named}


def test_flows_name_the_markets_that_have_calls() -> None:
    """The wallets of flows.yaml that stand for a market to trade in are the markets that there are calls for."""
    assert {*MARKETS} == {market for markets in TRADING.values() for market in markets}
