"""What USD-M futures answer. Paths, weights and parameters are those of the reference, section 4.9."""

from __future__ import annotations

import math

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.kline_pages import Wanted
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter


def _ping(_exchange: Exchange, _call: Call) -> bytes:
    return b"{}"


def _time(_exchange: Exchange, call: Call) -> bytes:
    return msgspec.json.encode({"serverTime": call.now_ms})


def _funding_rates(exchange: Exchange, call: Call) -> bytes:
    """Every eight hours, at the price of that instant; without times the newest."""
    given = call.given
    since, until = given.get("startTime"), given.get("endTime")
    wanted = Wanted(
        since_ms=None if since is None else math.ceil(since),
        until_ms=None if until is None else math.floor(until),
        limit=min(given.get("limit", 100), 1000),
        now_ms=call.now_ms,
    )
    contract = exchange.futures.listing(given["symbol"], call.now_ms)
    candles = msgspec.json.decode(exchange.futures.charts["usdm"].page(contract, "8h", wanted))
    return msgspec.json.encode(
        [
            {"symbol": contract.symbol, "fundingTime": opened, "fundingRate": "0.00010000", "markPrice": price}
            for opened, price, *_ in candles
        ]
    )


ENDPOINTS = tuple(
    Endpoint(f"/fapi/v1/{name}", weight, parameters, answer, pool="futures")
    for name, weight, parameters, answer in (
        ("ping", 1, (), _ping),
        ("time", 1, (), _time),
        (
            "fundingRate",
            0,
            (
                Parameter("symbol", rules.symbol_text, mandatory=True),
                Parameter("startTime", rules.time_ms),
                Parameter("endTime", rules.time_ms),
                Parameter("limit", rules.limit),
            ),
            _funding_rates,
        ),
    )
)
