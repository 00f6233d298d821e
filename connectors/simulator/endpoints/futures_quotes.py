"""What contracts of futures show now. Rules are those of the reference, sections 4.9.1, 4.10 and 5.8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange
from connectors.simulator.futures import Contract
from connectors.simulator.market.intervals import HOUR_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter

_NOT_OF_FUTURES = ("prevClosePrice", "bidPrice", "bidQty", "askPrice", "askQty")
_USUAL_HOURS = 8  # from one funding to the next
_SYMBOL = (Parameter("symbol", rules.symbol_text),)

Shown = Callable[[Exchange, Contract, str, int], dict[str, Any]]


def _price(exchange: Exchange, contract: Contract, market: str, now_ms: int) -> dict[str, Any]:
    pair = {"ps": contract.pair} if market == "coinm" else {}
    return {**exchange.futures.tickers[market].price(contract, now_ms), **pair, "time": now_ms}


def _last(exchange: Exchange, contract: Contract, market: str, now_ms: int) -> Decimal:
    return Decimal(exchange.futures.tickers[market].price(contract, now_ms)["price"])


def _tick(contract: Contract) -> Decimal:
    return Decimal(1).scaleb(-contract.tick_decimals)


def _day(exchange: Exchange, contract: Contract, market: str, now_ms: int) -> dict[str, Any]:
    full = exchange.futures.tickers[market].day(contract, now_ms, micro=False, mini=False)
    row = {name: value for name, value in full.items() if name not in _NOT_OF_FUTURES}
    if contract.size is None:
        return row
    last = Decimal(row["lastPrice"]) or Decimal(1)
    coins = f"{Decimal(row['volume']) * contract.size / last:.8f}"
    del row["quoteVolume"]
    # What was paid for so many contracts is beyond what its unit holds; here they all cost the last price.
    return {**row, "weightedAvgPrice": row["lastPrice"], "pair": contract.pair, "baseVolume": coins}


def _book(exchange: Exchange, contract: Contract, market: str, now_ms: int) -> dict[str, Any]:
    last, tick = _last(exchange, contract, market, now_ms), _tick(contract)
    sides = {"bidPrice": f"{last - tick:f}", "bidQty": "1", "askPrice": f"{last + tick:f}", "askQty": "2"}
    return {"symbol": contract.symbol, **sides, "time": now_ms}


def _premium_index(exchange: Exchange, contract: Contract, market: str, now_ms: int) -> dict[str, Any]:
    """Mark and index price, and funding; a contract with a day of delivery has none."""
    last, length_ms = _last(exchange, contract, market, now_ms), contract.funding_hours * HOUR_MS
    perpetual = contract.kind == "PERPETUAL"
    return {
        "symbol": contract.symbol,
        **({} if contract.size is None else {"pair": contract.pair}),
        "markPrice": f"{last + _tick(contract):.8f}",
        "indexPrice": f"{last:.8f}",
        "estimatedSettlePrice": f"{last:.8f}",
        "lastFundingRate": "0.00010000" if perpetual else "",
        "interestRate": "0.00010000" if perpetual else "",
        "nextFundingTime": (now_ms // length_ms + 1) * length_ms if perpetual else 0,
        "time": now_ms,
    }


def _answer(market: str, shown: Shown) -> Callable[[Exchange, Call], bytes]:
    """All contracts that trade, or the one asked for: an array of COIN-M also then."""

    def answer(exchange: Exchange, call: Call) -> bytes:
        one = call.given.get("symbol")
        found = [one] if one is not None else [each.symbol for each in exchange.futures.listed(call.now_ms, market)]
        contracts = [exchange.contract(market, symbol, call.now_ms) for symbol in found]
        trading = [each for each in contracts if one is not None or each.status(call.now_ms) == "TRADING"]
        tickers = exchange.futures.tickers[market]
        (tickers.prepare_days if shown is _day else tickers.prepare_prices)(trading, call.now_ms)
        rows = [shown(exchange, each, market, call.now_ms) for each in trading]
        return msgspec.json.encode(rows[0] if one is not None and market == "usdm" else rows)

    return answer


def _funding_info(exchange: Exchange, call: Call) -> bytes:
    """Contracts of both markets, on whichever host (C26)."""
    contracts = [each for market in ("usdm", "coinm") for each in exchange.futures.listed(call.now_ms, market)]
    return msgspec.json.encode(
        [
            {
                "symbol": each.symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": each.funding_hours,
                "disclaimer": False,
                "updateTime": None,
            }
            for each in contracts
            if each.funding_hours != _USUAL_HOURS or each.symbol == "BTCUSD_PERP"
        ]
    )


def _insurance(exchange: Exchange, call: Call) -> bytes:
    """Funds and the contracts that share them: one for all that pay every eight hours, one for each other; or that of
    one contract.
    """
    shared: dict[str, list[str]] = {}
    for each in exchange.futures.listed(call.now_ms, "usdm"):
        shared.setdefault("shared" if each.funding_hours == _USUAL_HOURS else each.pair, []).append(each.symbol)
    funds = [{"symbols": symbols, "assets": _insured(symbols[0], call.now_ms)} for symbols in shared.values()]
    if (one := call.given.get("symbol")) is None:
        return msgspec.json.encode(funds)
    exchange.contract("usdm", one, call.now_ms)  # refuses one that is not known
    return msgspec.json.encode(
        next((fund for fund, named in zip(funds, shared.values(), strict=True) if one in named), {})
    )


def _insured(symbol: str, now_ms: int) -> list[dict[str, Any]]:
    """What a fund holds: another amount every hour, with more decimals than a price has."""
    hour = now_ms // HOUR_MS
    return [
        {"asset": asset, "marginBalance": f"{len(symbol) * 1000 + hour % 997}.{hour % 10**digits:0{digits}d}",
         "updateTime": hour * HOUR_MS + 2000}
        for asset, digits in (("USDT", 8), ("USDC", 7), ("BTC", 12))
    ]  # fmt: skip


def _weight(one: int, every: int) -> Callable[[Mapping[str, str]], int]:
    return lambda sent: one if "symbol" in sent else every


ENDPOINTS = (
    *(
        Endpoint(path, _weight(one, every), _SYMBOL, _answer(market, shown), pool="futures")
        for path, market, shown, one, every in (
            ("/fapi/v2/ticker/price", "usdm", _price, 1, 2),
            ("/dapi/v1/ticker/price", "coinm", _price, 1, 2),
            ("/fapi/v1/ticker/24hr", "usdm", _day, 1, 40),
            ("/dapi/v1/ticker/24hr", "coinm", _day, 1, 40),
            ("/fapi/v1/ticker/bookTicker", "usdm", _book, 2, 5),
            ("/dapi/v1/ticker/bookTicker", "coinm", _book, 2, 5),
            ("/fapi/v1/premiumIndex", "usdm", _premium_index, 1, 10),
            ("/dapi/v1/premiumIndex", "coinm", _premium_index, 10, 10),
        )
    ),
    Endpoint("/fapi/v1/insuranceBalance", 1, _SYMBOL, _insurance, pool="futures"),
    *(Endpoint(f"/{prefix}/v1/fundingInfo", 0, (), _funding_info, pool="funding") for prefix in ("fapi", "dapi")),
)
