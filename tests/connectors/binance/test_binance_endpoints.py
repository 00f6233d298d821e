"""The list of what may be asked, and what it costs."""

import pytest

from connectors.binance.endpoints import ALLOWED, ENDPOINTS
from connectors.binance.endpoints.model import Windows
from connectors.binance.endpoints.spot import (
    ALL_ORDER_LISTS,
    ALL_ORDERS,
    EXCHANGE_INFO,
    KLINES,
    MY_ALLOCATIONS,
    MY_PREVENTED_MATCHES,
    MY_TRADES,
    OPEN_ORDERS,
    ORDER,
    PRICE,
    TICKER_24H,
)
from schemas.model.fields import EXTRA


@pytest.mark.parametrize(
    ("endpoint", "params", "weight"),
    [
        (KLINES, {"symbol": "BTCUSDT", "limit": 1000}, 2),
        (EXCHANGE_INFO, {}, 20),
        (PRICE, {"symbol": "BTCUSDT"}, 2),
        (PRICE, {"symbols": ["BTCUSDT"]}, 4),
        (PRICE, {}, 4),
        (PRICE, {"symbol": None, "symbols": None}, 4),
        (TICKER_24H, {"symbol": "BTCUSDT"}, 2),
        (TICKER_24H, {"symbols": ["X"] * 20}, 2),
        (TICKER_24H, {"symbols": ["X"] * 21}, 40),
        (TICKER_24H, {"symbols": ["X"] * 100}, 40),
        (TICKER_24H, {"symbols": ["X"] * 101}, 80),
        (TICKER_24H, {}, 80),
        (OPEN_ORDERS, {}, 80),
        (OPEN_ORDERS, {"symbol": "BTCUSDT"}, 6),
        (ORDER, {"symbol": "BTCUSDT", "orderId": 1}, 4),
        (ALL_ORDERS, {"symbol": "BTCUSDT", "orderId": 0}, 20),
        (ALL_ORDER_LISTS, {"fromId": 0}, 20),
        (MY_TRADES, {"symbol": "BTCUSDT", "fromId": 0}, 20),
        (MY_TRADES, {"symbol": "BTCUSDT", "orderId": 1}, 5),
        (MY_ALLOCATIONS, {"symbol": "BTCUSDT"}, 20),
        (MY_PREVENTED_MATCHES, {"symbol": "BTCUSDT", "orderId": 1}, 20),
        (MY_PREVENTED_MATCHES, {"symbol": "BTCUSDT", "preventedMatchId": 1}, 2),
    ],
)
def test_a_call_costs_what_the_documentation_says(endpoint, params, weight):
    """The declared weight follows the parameters: how many symbols are asked for, or of which order."""
    assert endpoint.cost(params) == weight


def test_only_reading_calls_are_on_the_list():
    """Nothing that could change anything is on it, and no question twice; what is no GET reads all the same (T15)."""
    assert {(method, path) for method, path in ALLOWED if method != "GET"} == {
        ("POST", "/sapi/v1/asset/get-funding-asset"),
    }
    questions = {(one.method, one.path, one.market, asked_by(one)) for one in ENDPOINTS}
    assert len(questions) == len(ENDPOINTS)


def asked_by(endpoint):
    """The values of the parameters that a list is asked for by, one of each per call."""
    fan_outs = endpoint.walk.fan_out if isinstance(endpoint.walk, Windows) else ()
    return tuple((fan_out.param, *fan_out.values) for fan_out in fan_outs)


def test_a_get_that_changes_something_is_not_on_the_list():
    """Soft staking is switched by a GET: that it is a GET does not make it one that reads."""
    assert not [path for _, path in ALLOWED if path.endswith("/set")]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_row_speaks_of_columns_that_exist(endpoint):
    """Exceptions, sentinels and cut times name columns of the endpoint's dataset; JSON columns need none."""
    names = {*endpoint.wire, *endpoint.unset, *endpoint.whole_ms} - {""}  # the places of a row that mean nothing
    columns = {column.name: column for column in endpoint.dataset.columns} if endpoint.dataset else {}
    assert names <= columns.keys()
    assert not [name for name in endpoint.unset if columns[name].type is EXTRA]
