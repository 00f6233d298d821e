"""Contracts and candles of USD-M and COIN-M futures. Rules are those of the reference, sections 4.9.1, 4.10 and 5.8."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange
from connectors.simulator.futures import Contract
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.market.kline_pages import Wanted
from connectors.simulator.market.listings import Listing
from connectors.simulator.market.price_kinds import Row, Shown, index_price, mark_price, premium
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_MOST_ROWS = 1500
_WIDEST_MS = 200 * DAY_MS  # of COIN-M
_PREFIXES = {"usdm": "/fapi/v1", "coinm": "/dapi/v1"}
_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL")


def _exchange_info(exchange: Exchange, call: Call, market: str) -> bytes:
    contracts = [contract.info(call.now_ms) for contract in exchange.futures.listed(call.now_ms, market)]
    told: dict[str, Any] = {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": exchange.limits.printed_for_futures(),
        "exchangeFilters": [],
        "symbols": contracts,
    }
    if market == "usdm":
        assets = sorted({info["marginAsset"] for info in contracts})
        told["futuresType"] = "U_MARGINED"
        told["assets"] = [{"asset": one, "marginAvailable": True, "autoAssetExchange": "-10000"} for one in assets]
    return msgspec.json.encode(told)


def _traded(_contract: Listing, rows: Iterable[Row]) -> Iterable[Row]:
    """What was traded, as charts print it."""
    return rows


def _answer(market: str, shown: Shown) -> Callable[[Exchange, Call], bytes]:
    def answer(exchange: Exchange, call: Call) -> bytes:
        contract = _contract(exchange, call, market)
        rows = _page(exchange, call, market, contract)
        return rows if shown is _traded else _encoded(shown(contract, msgspec.json.decode(rows)))

    return answer


def _encoded(rows: Iterable[Row]) -> bytes:
    return msgspec.json.encode(list(rows))


def _contract(exchange: Exchange, call: Call, market: str) -> Contract:
    """The contract asked for by its symbol, by its pair, or by the pair and its type."""
    if "symbol" in call.given:
        return exchange.contract(market, call.given["symbol"], call.now_ms)
    kind = call.given.get("contractType", "PERPETUAL")
    for contract in exchange.futures.listed(call.now_ms, market):
        if (contract.pair, contract.kind) == (call.given["pair"], kind):
            return contract
    raise Refusal(-1121, "Invalid symbol.")


def _page(exchange: Exchange, call: Call, market: str, contract: Contract) -> bytes:
    """The page that the parameters ask for: of COIN-M the newest rows of a stretch, of USD-M the oldest."""
    given, since, until = call.given, call.given.get("startTime"), call.given.get("endTime")
    if since is not None and until is not None and since > until:
        raise Refusal(-1023, "Start time is greater than end time.")
    newest = market == "coinm"
    if newest and since is not None and until is not None and until - since > _WIDEST_MS:
        raise Refusal(-1127, "More than 200 days between startTime and endTime.")
    if newest and since is not None and until is None:
        until = since + _WIDEST_MS
    if newest and until is not None and since is None:
        since = until - _WIDEST_MS
    wanted = Wanted(
        since_ms=None if since is None or newest else math.ceil(since),
        until_ms=None if until is None else math.floor(until),
        limit=given.get("limit", 500),
        now_ms=call.now_ms,
    )
    page = exchange.futures.charts[market].page(contract, given["interval"], wanted)
    if not newest or since is None:
        return page
    return msgspec.json.encode([row for row in msgspec.json.decode(page) if row[0] >= since])


def _by_limit(sent: Mapping[str, str]) -> int:
    """What candles cost: as documented, which is never less than what was measured."""
    text = sent.get("limit", "")
    if not text.isdigit():
        return 5
    return next(weight for fewer, weight in ((100, 1), (500, 2), (1001, 5), (math.inf, 10)) if int(text) < fewer)


def _interval(name: str, value: str) -> str:
    """Those of spot, but for the second."""
    if value == "1s":
        raise Refusal(-1120, "Invalid interval.")
    return rules.interval(name, value)


_SYMBOL = Parameter("symbol", rules.symbol_text, mandatory=True)
_PAIR = Parameter("pair", rules.symbol_text, mandatory=True)
_TYPE = Parameter("contractType", rules.one_of(-4144, "Invalid contractType.", *_TYPES), mandatory=True)
_STRETCH = (
    Parameter("interval", _interval, mandatory=True),
    Parameter("startTime", rules.time_ms),
    Parameter("endTime", rules.time_ms),
    Parameter("limit", rules.limit_to(_MOST_ROWS)),
)
_KINDS: tuple[tuple[str, tuple[Parameter, ...], Shown], ...] = (
    ("klines", (_SYMBOL,), _traded),
    ("markPriceKlines", (_SYMBOL,), mark_price),
    ("premiumIndexKlines", (_SYMBOL,), premium),
    ("indexPriceKlines", (_PAIR,), index_price),
    ("continuousKlines", (_PAIR, _TYPE), _traded),
)


def _info_of(market: str) -> Endpoint:
    answer = lambda exchange, call: _exchange_info(exchange, call, market)  # noqa: E731 - as short as its row
    return Endpoint(f"{_PREFIXES[market]}/exchangeInfo", 1, (), answer, pool="futures")


ENDPOINTS = (
    *map(_info_of, _PREFIXES),
    *(
        Endpoint(f"{prefix}/{name}", _by_limit, (*named, *_STRETCH), _answer(market, shown), pool="futures")
        for market, prefix in _PREFIXES.items()
        for name, named, shown in _KINDS
    ),
)
