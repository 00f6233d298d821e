"""Funding rates and what is counted every five minutes. Rules are those of the reference, 4.9.1, 4.10, 5.7 and 5.8."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange
from connectors.simulator.futures import Contract
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS, MINUTE_MS
from connectors.simulator.market.listings import funding_rate
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_FIVE_MS = 5 * MINUTE_MS
_KEPT_MS = 30 * DAY_MS
_MOST_FUNDINGS, _MOST_COUNTS = 1000, 500
_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "ALL")
_SPECIAL_MS = 28 * DAY_MS  # from one special funding to the next
_QUARTER_MS = 13 * 7 * DAY_MS
_LATE_MS = 13  # fundings are stamped up to so much late


def _fundings(contract: Contract, since_ms: int, until_ms: int) -> Iterator[dict[str, Any]]:
    """Each funding of a stretch, stamped a little late; now and then a special one at the same instant."""
    length_ms = contract.funding_hours * HOUR_MS
    inverse = contract.size is not None
    for slot in range((since_ms - _LATE_MS) // length_ms, until_ms // length_ms + 1):
        time_ms = slot * length_ms + slot % _LATE_MS
        if not max(since_ms, contract.listed_ms) <= time_ms <= until_ms:
            continue
        rates = [(funding_rate(slot), "Regular")]
        if slot * length_ms % _SPECIAL_MS < length_ms and not inverse:
            rates.append(("-0.00250000", "Special"))
        for rate, kind in rates:
            row = {"symbol": contract.symbol, "fundingTime": time_ms, "fundingRate": rate}
            yield row if inverse else {**row, "markPrice": f"{1000 + slot % 97}.12345678", "rateType": kind}


def _funding_rates(market: str) -> Callable[[Exchange, Call], bytes]:
    def answer(exchange: Exchange, call: Call) -> bytes:
        contract, given = exchange.contract(market, call.given["symbol"], call.now_ms), call.given
        if contract.kind != "PERPETUAL":
            return b"[]"
        limit, until = given.get("limit", 100), min(given.get("endTime", math.inf), contract.ends_ms(call.now_ms))
        since = given.get("startTime", until - 300 * contract.funding_hours * HOUR_MS)
        rows = list(_fundings(contract, math.ceil(since), math.floor(until)))
        return msgspec.json.encode(rows[:limit] if "startTime" in given else rows[-limit:])

    return answer


@dataclass(frozen=True)
class _Asked:
    """Of which contract or pair, and at which instant, a row is counted."""

    contract: Contract
    kind: str | None
    time_ms: int

    @property
    def named(self) -> dict[str, Any]:
        if self.contract.size is None:
            return {"symbol": self.contract.symbol}
        return {"pair": self.contract.pair, **({"contractType": self.kind} if self.kind else {})}

    def number(self, salt: int, digits: int) -> str:
        """A number above zero that follows from the instant."""
        return f"{1 + (self.time_ms // _FIVE_MS * 7919 + salt) % 9973 / 10_000:.{digits}f}"


def _open_interest(asked: _Asked) -> dict[str, Any]:
    supply = {"CMCCirculatingSupply": "19000000.00000000"} if asked.contract.size is None else {}
    return {
        **asked.named, "sumOpenInterest": asked.number(1, 8), "sumOpenInterestValue": asked.number(2, 16), **supply,
    }  # fmt: skip


def _accounts(asked: _Asked) -> dict[str, Any]:
    shares = {"longShortRatio": asked.number(3, 4), "longAccount": "0.5803", "shortAccount": "0.4197"}
    named = {"pair": asked.contract.pair} if asked.contract.size is not None else asked.named
    return {**named, **shares}


def _positions(asked: _Asked) -> dict[str, Any]:
    if asked.contract.size is None:
        return _accounts(asked)
    shares = {"longShortRatio": asked.number(4, 4), "longPosition": "0.4834", "shortPosition": "0.5166"}
    return {"pair": asked.contract.pair, **shares}


def _takers(asked: _Asked) -> dict[str, Any]:
    return {"buySellRatio": asked.number(5, 4), "buyVol": asked.number(6, 4), "sellVol": asked.number(7, 4)}


def _taker_contracts(asked: _Asked) -> dict[str, Any]:
    volumes = {"takerBuyVol": "390", "takerSellVol": "1478"}
    values = {"takerBuyVolValue": asked.number(8, 4), "takerSellVolValue": asked.number(9, 4)}
    return {"pair": asked.contract.pair, "contractType": asked.kind, **volumes, **values}


def _basis(asked: _Asked) -> dict[str, Any]:
    prices = {"indexPrice": "11277.20512500", "futuresPrice": "11427.1", "basis": "149.89487500"}
    rates = {"basisRate": "0.0133", "annualizedBasisRate": "" if asked.kind == "PERPETUAL" else asked.number(10, 4)}
    return {"pair": asked.contract.pair, "contractType": asked.kind, **prices, **rates}


def _contract(exchange: Exchange, call: Call) -> Contract:
    """The contract of USD-M by its symbol, or of either market by its pair and type."""
    if "symbol" in call.given:
        return exchange.contract("usdm", call.given["symbol"], call.now_ms)
    if "pair" not in call.given:
        raise rules.missing("symbol")
    kind = call.given.get("contractType", "PERPETUAL")
    for market in ("usdm", "coinm"):
        for contract in exchange.futures.listed(call.now_ms, market):
            if contract.pair == call.given["pair"] and kind in (contract.kind, "ALL"):
                return contract
    raise Refusal(-1121, "Invalid symbol.")


def _counted(row: Callable[[_Asked], dict[str, Any]]) -> Callable[[Exchange, Call], bytes]:
    """Rows of the last 30 days, the newest where there are more than asked for; periods without trades are left out."""

    def answer(exchange: Exchange, call: Call) -> bytes:
        contract, given = _contract(exchange, call), call.given
        until = min(given.get("endTime", math.inf), contract.ends_ms(call.now_ms))
        since = max(given.get("startTime", call.now_ms - _KEPT_MS), contract.listed_ms)
        if given.get("startTime", math.inf) < call.now_ms - _KEPT_MS:
            raise Refusal(-1130, "parameter 'startTime' is invalid.")
        slots = range(-(-math.ceil(since) // _FIVE_MS), math.floor(until) // _FIVE_MS + 1)
        times = [slot * _FIVE_MS for slot in slots if slot % 1009][-given.get("limit", 30) :]
        kind = given.get("contractType")
        rows = [{**row(_Asked(contract, kind, time_ms)), "timestamp": time_ms} for time_ms in times]
        return msgspec.json.encode(rows)

    return answer


def _deliveries(exchange: Exchange, call: Call) -> bytes:
    """Every delivery of a pair, newest first, under the midnight of its day; prices are bare numbers."""
    quarterly = {each.pair: each for each in exchange.futures.listed(call.now_ms, "usdm") if each.kind != "PERPETUAL"}
    contract = quarterly.get(call.given["pair"])
    if contract is None or contract.delisted_ms is None:
        return b"[]"
    times = range(contract.delisted_ms, contract.delisted_ms - 12 * _QUARTER_MS, -_QUARTER_MS)
    rows = (
        f'{{"deliveryTime":{at // DAY_MS * DAY_MS},"deliveryPrice":{20_000 + at // DAY_MS % 997}.10000000}}'
        for at in times
        if at <= call.now_ms
    )
    return f"[{','.join(rows)}]".encode()


_STRETCH = (Parameter("startTime", rules.time_ms), Parameter("endTime", rules.time_ms))
_FUNDING = (
    Parameter("symbol", rules.symbol_text, mandatory=True),
    *_STRETCH,
    Parameter("limit", rules.limit_to(_MOST_FUNDINGS)),
)
_COUNTS = (
    Parameter("symbol", rules.symbol_text),
    Parameter("pair", rules.symbol_text),
    Parameter("contractType", rules.one_of(-4144, "Invalid contractType.", *_TYPES)),
    Parameter("period", rules.one_of(-1130, "parameter 'period' is invalid.", "5m"), mandatory=True),
    *_STRETCH,
    Parameter("limit", rules.limit_to(_MOST_COUNTS)),
)

ENDPOINTS = (
    Endpoint("/fapi/v1/fundingRate", 0, _FUNDING, _funding_rates("usdm"), pool="funding"),
    Endpoint("/dapi/v1/fundingRate", 1, _FUNDING, _funding_rates("coinm"), pool="futures"),
    Endpoint(
        "/futures/data/delivery-price",
        1,
        (Parameter("pair", rules.symbol_text, mandatory=True),),
        _deliveries,
        pool="futures_data",
    ),
    *(
        Endpoint(f"/futures/data/{name}", 1, _COUNTS, _counted(row), pool="futures_data")
        for name, row in (
            ("openInterestHist", _open_interest),
            ("globalLongShortAccountRatio", _accounts),
            ("topLongShortAccountRatio", _accounts),
            ("topLongShortPositionRatio", _positions),
            ("takerlongshortRatio", _takers),
            ("takerBuySellVol", _taker_contracts),
            ("basis", _basis),
        )
    ),
)
