"""Each family of calls has a host, a clock and pools of its own."""

import json

import pytest
from support.binance_world import START_S

from connectors.binance.client import Client
from connectors.binance.decode import decode
from connectors.binance.endpoints import ENDPOINTS, coinm, spot, usdm
from connectors.binance.errors import UnknownSymbol
from connectors.binance.pools import FUNDING, FUTURES, FUTURES_DATA, SPOT
from connectors.binance.sites import resolve
from connectors.simulator.protocol import faults

OF_CANDLES = {"market": "usdm", "symbol": "BTCUSDT", "interval": "1m"}
CANDLES = {"symbol": "BTCUSDT", "interval": "1m"}
OF_CONTRACTS = {"market": "usdm", "valid_from": int(START_S * 1e6), "gone_since": None}


def futures(world):
    """A client of a site that serves futures and nothing else."""
    return Client(
        resolve({"usdm": world.url}), world.budget, None, world.asked.append, world.clock, world.sleep, family="usdm"
    )


async def test_an_address_of_futures_is_enough(world):
    """A site with an address of futures alone is asked for its own time, and spot is never called."""
    world.exchange.futures.skew_s = 42.0
    async with futures(world) as client:
        assert abs(client.now_us() / 1e6 - world.clock() - 42) < 0.002
        await client.rows(usdm.KLINES, OF_CANDLES, **CANDLES, limit=5)
    assert {request.path for request in world.asked} == {"/fapi/v1/time", "/fapi/v1/klines"}


async def test_each_host_has_its_clock(world):
    """Calls to two hosts whose clocks differ are stamped by the clock of each, and neither changes the other's."""
    world.exchange.skew_s, world.exchange.futures.skew_s = -5.0, 60.0
    async with world.client(usdm=world.url) as client:
        await client.rows(usdm.KLINES, OF_CANDLES, **CANDLES, limit=5)
        assert world.asked[0].path == usdm.TIME.path, "its clock is measured before its first call"
        await client.body(spot.PRICE)
        assert abs(client.now_us() / 1e6 - world.clock() + 5) < 0.002
    at = {request.path: request.asked_at / 1e6 - world.clock() for request in world.asked}
    assert abs(at[usdm.KLINES.path] - 60) < 0.002
    assert abs(at[spot.PRICE.path] + 5) < 0.002


async def test_hosts_may_share_a_pool(world):
    """USD-M and COIN-M are asked at hosts of their own and draw on one pool, whose minutes the first of them turns."""
    async with world.client(usdm=world.url, coinm=world.url) as client:
        assert client.at_home(spot.PRICE)
        assert not client.at_home(coinm.TIME)
        await client.body(usdm.EXCHANGE_INFO)
        await client.body(coinm.TIME)
    assert {request.path for request in world.asked} >= {usdm.TIME.path, coinm.TIME.path}
    assert world.budget.state(FUTURES).used == 6  # two looks at each clock, and one call each
    assert world.exchange.requests[-1].used == 6


async def test_each_pool_has_its_limit(world):
    """What futures say of their limit and of what is used counts for their pool alone."""
    async with world.client(usdm=world.url) as client:
        used = world.budget.state(SPOT).used
        await client.rows(usdm.EXCHANGE_INFO, OF_CONTRACTS)
        world.exchange.limits.futures = 1000
        await client.rows(usdm.EXCHANGE_INFO, OF_CONTRACTS)
        assert world.budget.state(FUTURES).limit == 1000
        assert world.budget.state(FUTURES).used == 4  # two looks at the clock, two at the contracts
        assert (world.budget.state(SPOT).used, world.budget.state(SPOT).limit) == (used, SPOT.limit)


async def test_a_pool_turns_with_its_own_clock(world):
    """A minute of futures ends when the clock of futures says so, however spot's stands."""
    world.exchange.futures.skew_s = 30.0
    async with world.client(usdm=world.url) as client:
        await client.rows(usdm.KLINES, OF_CANDLES, **CANDLES, limit=1500)
        world.clock.advance(25)  # to the 35th second of spot's minute, the fifth of the next one of futures
        assert (world.budget.state(FUTURES).used, world.budget.state(SPOT).used) == (0, 2)


@pytest.mark.parametrize(("limit", "weight"), [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1500, 10)])
async def test_the_declared_weight_is_what_is_charged(world, limit, weight):
    """Candles of futures are paid for by the limit that is sent, as the exchange counts it."""
    async with futures(world) as client:
        await client.rows(usdm.KLINES, OF_CANDLES, **CANDLES, limit=limit)
    assert world.asked[-1].weight == weight == world.exchange.requests[-1].weight
    assert usdm.KLINES.cost({}) == 5


@pytest.mark.parametrize(("rows", "limit"), [(1, 99), (99, 99), (100, 499), (9999, 499)])
def test_the_limit_costs_no_more_than_the_rows_need(rows, limit):
    """The largest limit of the same weight is sent; where the weight is flat, that is a whole page."""
    assert usdm.KLINES.limit_for(rows) == limit
    assert spot.KLINES.limit_for(rows) == spot.KLINES.page_limit


async def test_a_closed_contract_is_no_bug(world):
    """-4141, that a contract is closed, is a fact about it."""
    world.exchange.inject(faults.Error(path=usdm.KLINES.path, code=-4141, status=400, msg="Symbol is closed."))
    async with futures(world) as client:
        with pytest.raises(UnknownSymbol):
            await client.rows(usdm.KLINES, OF_CANDLES, **CANDLES, limit=5)


def test_the_host_of_a_family_serves_its_market():
    """Every call of futures goes to the host of futures and draws on their pool."""
    for prefix, market in (("/fapi", "usdm"), ("/dapi", "coinm")):
        of_futures = [endpoint for endpoint in ENDPOINTS if endpoint.path.startswith(prefix)]
        assert {(one.family, one.market) for one in of_futures} == {(market, market)}
        assert {one.pool for one in of_futures} <= {FUTURES, FUNDING}
        others = [one for one in ENDPOINTS if one.market == market and one not in of_futures]
        assert {(one.family, one.pool, one.path[:14]) for one in others} == {(market, FUTURES_DATA, "/futures/data/")}


def test_recorded_contracts_load_whole(recorded):
    """All 293 contracts of a recorded answer are held, and what the declaration does not know stands in `extra`."""
    body = (recorded / "exchange-info" / "um_2023-12-16.json").read_bytes()
    rows = decode(body, usdm.EXCHANGE_INFO, OF_CONTRACTS)
    assert (rows.num_rows, rows["quote_asset_precision"].null_count) == (293, 0)
    assert json.loads(rows["extra"][0].as_py())["liquidationFee"] == "0.012500"
    assert {*rows["contract_type"].to_pylist()} == {"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", ""}
    assert "SETTLING" in rows["status"].to_pylist()
