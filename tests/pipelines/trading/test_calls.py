"""Which call of a market serves which purpose of trading."""

from dataclasses import fields

import pytest

from connectors.binance.endpoints import FEEDING
from connectors.binance.endpoints.model import ById
from pipelines.trading.calls import MARKETS, calls_of


@pytest.mark.parametrize("traded", MARKETS)
def test_the_calls_of_a_market_are_its_own(traded: str) -> None:
    """Each call speaks of the market it is named for, and whatever is walked by id there is among them."""
    calls = calls_of(traded)
    named = [call for one in fields(calls) if (call := getattr(calls, one.name)) is not None]
    assert {call.market for call in named} == {traded}
    walked = [endpoint for (_, market), rows in FEEDING.items() if market == traded for endpoint in rows]
    assert {endpoint for endpoint in walked if isinstance(endpoint.walk, ById)} <= {*named}
