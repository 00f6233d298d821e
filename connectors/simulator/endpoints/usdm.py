"""What USD-M futures answer. Paths, weights and parameters are those of the reference, section 4.9."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.kline_pages import Wanted
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_MOST_ROWS = 1500


def _ping(_exchange: Exchange, _call: Call) -> bytes:
    return b"{}"


def _time(_exchange: Exchange, call: Call) -> bytes:
    return msgspec.json.encode({"serverTime": call.now_ms})


def _exchange_info(exchange: Exchange, call: Call) -> bytes:
    contracts = [contract.info(call.now_ms) for contract in exchange.futures.listed(call.now_ms)]
    assets = sorted({info["marginAsset"] for info in contracts})
    return msgspec.json.encode(
        {
            "timezone": "UTC",
            "serverTime": call.now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": exchange.limits.printed_for_futures(),
            "exchangeFilters": [],
            "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"} for asset in assets],
            "symbols": contracts,
        }
    )


def _klines(exchange: Exchange, call: Call) -> bytes:
    given = call.given
    since, until = given.get("startTime"), given.get("endTime")
    if since is not None and until is not None and since > until:
        raise Refusal(-1023, "Start time is greater than end time.")
    wanted = Wanted(
        since_ms=None if since is None else math.ceil(since),
        until_ms=None if until is None else math.floor(until),
        limit=given.get("limit", 500),
        now_ms=call.now_ms,
    )
    contract = exchange.futures.listing(given["symbol"], call.now_ms)
    return exchange.futures.charts.page(contract, given["interval"], wanted)


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
    candles = msgspec.json.decode(exchange.futures.charts.page(contract, "8h", wanted))
    return msgspec.json.encode(
        [
            {"symbol": contract.symbol, "fundingTime": opened, "fundingRate": "0.00010000", "markPrice": price}
            for opened, price, *_ in candles
        ]
    )


def _by_limit(sent: Mapping[str, str]) -> int:
    """What candles cost: as documented, which is never less than what was measured."""
    text = sent.get("limit", "")
    if not text.isdigit():
        return 5
    return next(weight for fewer, weight in ((100, 1), (500, 2), (1001, 5), (math.inf, 10)) if int(text) < fewer)


def _limit(name: str, value: str) -> int:
    """More than the maximum is refused here, where spot cuts it down in silence."""
    number = rules.limit(name, value)
    if number > _MOST_ROWS:
        raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
    return number


def _interval(name: str, value: str) -> str:
    """Those of spot, but for the second."""
    if value == "1s":
        raise Refusal(-1120, "Invalid interval.")
    return rules.interval(name, value)


ENDPOINTS = tuple(
    Endpoint(f"/fapi/v1/{name}", weight, parameters, answer, pool="futures")
    for name, weight, parameters, answer in (
        ("ping", 1, (), _ping),
        ("time", 1, (), _time),
        ("exchangeInfo", 1, (), _exchange_info),
        (
            "klines",
            _by_limit,
            (
                Parameter("symbol", rules.symbol_text, mandatory=True),
                Parameter("interval", _interval, mandatory=True),
                Parameter("startTime", rules.time_ms),
                Parameter("endTime", rules.time_ms),
                Parameter("limit", _limit),
            ),
            _klines,
        ),
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
