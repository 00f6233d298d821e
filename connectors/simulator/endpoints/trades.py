"""Trades, aggregated and one by one. Paths, weights and parameters are those of the reference, 4.1, 4.9 and 4.10."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS
from connectors.simulator.market.listings import Listing
from connectors.simulator.market.prints import Print, aggregated, single
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal, combinations

_TWO_DAYS_MS, _MONTH_MS = 2 * DAY_MS, 30 * DAY_MS
_ONE_SYMBOL = Parameter("symbol", rules.symbol_text, mandatory=True)
_FROM_ID = Parameter("fromId", rules.number)


def _agg_trades(exchange: Exchange, call: Call, market: str) -> bytes:
    given = call.given
    listing = exchange.traded(market, given["symbol"], call.now_ms)
    limit, tape = min(given.get("limit", 500), 1000), exchange.tapes[market]
    if market != "spot":
        _refuse_old(exchange, call, market, listing)
    end = tape.made(listing, call.now_us) // 2
    if given.get("endTime") is not None:
        end = min(end, -(-tape.first_from(listing, int(math.floor(given["endTime"]) + 1) * 1000) // 2))
    if given.get("fromId") is not None:
        first = given["fromId"]
    elif given.get("startTime") is not None:
        first = -(-tape.first_from(listing, math.ceil(given["startTime"] * 1000)) // 2)
    else:
        first = max(end - limit, 0)
    shown: list[dict[str, Any]] = []
    while first < end and len(shown) < limit:
        until = min(first + limit - len(shown), end)
        trades = tape.numbered(listing, 2 * first, 2 * (until - first), call.now_us)
        shown += aggregated(trades, _print(exchange, listing, market, call))
        first = until
    return msgspec.json.encode(shown)


def _refuse_old(exchange: Exchange, call: Call, market: str, listing: Listing) -> None:
    given, oldest_ms = call.given, call.now_ms - _TWO_DAYS_MS
    first = exchange.tapes[market].first_from(listing, oldest_ms * 1000) // 2
    if given.get("startTime", oldest_ms) < oldest_ms or given.get("fromId", first) < first:
        raise Refusal(-4166, "Search window is restricted to recent 2 days only.")
    if given.get("endTime", 0) - given.get("startTime", math.inf) >= HOUR_MS:
        raise Refusal(-4188, "The interval between startTime and endTime must be below an hour.")


def _historical_trades(exchange: Exchange, call: Call, market: str) -> bytes:
    given = call.given
    listing = exchange.traded(market, given["symbol"], call.now_ms)
    most = 1000 if market == "spot" else 500
    limit, tape = min(given.get("limit", most // 2), most), exchange.tapes[market]
    end = tape.made(listing, call.now_us)
    first = given.get("fromId", max(end - limit, 0))
    if market != "spot":
        first = max(first, tape.first_from(listing, (call.now_ms - _MONTH_MS) * 1000))
    shown: list[dict[str, Any]] = []
    while first < end and len(shown) < limit:
        until = min(first + limit - len(shown), end)
        shown += single(
            tape.numbered(listing, first, until - first, call.now_us), _print(exchange, listing, market, call)
        )
        first = until
    return msgspec.json.encode(shown)


def _print(exchange: Exchange, listing: Listing, market: str, call: Call) -> Print:
    return Print(exchange.tapes[market], listing, market, micro=call.micro)


def _rows(market: str, root: str, pool: str) -> tuple[Endpoint, ...]:
    spot = market == "spot"
    times = (Parameter("startTime", rules.time_ms), Parameter("endTime", rules.time_ms))
    chosen = combinations("", "fromId", "startTime", "endTime", "startTime endTime")
    return (
        Endpoint(
            f"{root}/aggTrades",
            4 if spot else 20,
            (_ONE_SYMBOL, _FROM_ID, *times, Parameter("limit", rules.limit if spot else rules.limit_to(1000))),
            partial(_agg_trades, market=market),
            pool=pool,
            combinations=chosen,
        ),
        Endpoint(
            f"{root}/historicalTrades",
            25 if spot else 200,
            (_ONE_SYMBOL, _FROM_ID, Parameter("limit", rules.limit if spot else rules.limit_to(500))),
            partial(_historical_trades, market=market),
            Security.PUBLIC if spot else Security.KEYED,
            pool,
        ),
    )


ENDPOINTS = (
    *_rows("spot", "/api/v3", "spot"),
    *_rows("usdm", "/fapi/v1", "futures"),
    *_rows("coinm", "/dapi/v1", "futures"),
)
