"""What the exchange answers: one row an endpoint. Paths, weights and parameters are those of the reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from connectors.simulator.account.orders import amount
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.kline_pages import Wanted
from connectors.simulator.market.listings import Listing
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal, combinations

_STATUS = rules.one_of(-1122, "Invalid symbolStatus.", "TRADING", "HALT", "BREAK")
_SYMBOLS = (
    Parameter("symbol", rules.symbol_text),
    Parameter("symbols", rules.json_list),
    Parameter("symbolStatus", _STATUS),
)
_CHOICE = combinations("", "symbol", "symbols", "symbolStatus", "symbol symbolStatus", "symbols symbolStatus")


def _ping(_exchange: Exchange, _call: Call) -> bytes:
    return b"{}"


def _time(_exchange: Exchange, call: Call) -> bytes:
    return msgspec.json.encode({"serverTime": call.now_us if call.micro else call.now_ms})


def _exchange_info(exchange: Exchange, call: Call) -> bytes:
    given = call.given
    if "symbol" in given or "symbols" in given:
        listings = _chosen(exchange, call)
    else:
        listings = _permitted(exchange.listed(call.now_ms), given, call.now_ms)
    infos: list[Any]
    if given.get("showPermissionSets") is False:
        whole = (exchange.info(listing, call.now_ms) for listing in listings)
        infos = [{name: value for name, value in info.items() if name != "permissionSets"} for info in whole]
    else:
        infos = [exchange.printed_info(listing, call.now_ms) for listing in listings]
    return msgspec.json.encode(
        {
            "timezone": "UTC",
            "serverTime": call.now_us if call.micro else call.now_ms,
            "rateLimits": exchange.limits.printed(),
            "exchangeFilters": [],
            "symbols": infos,
        }
    )


def _permitted(listings: Iterable[Listing], given: Mapping[str, Any], now_ms: int) -> list[Listing]:
    groups = set(given.get("permissions", ("SPOT", "MARGIN", "LEVERAGED")))
    status = given.get("symbolStatus")
    return [
        listing
        for listing in listings
        if groups.intersection(listing.groups) and status in (None, listing.status(now_ms))
    ]


def _klines(exchange: Exchange, call: Call) -> bytes:
    given = call.given
    since, until = given.get("startTime"), given.get("endTime")
    wanted = Wanted(
        since_ms=None if since is None else math.ceil(since),
        until_ms=None if until is None else math.floor(until),
        limit=min(given.get("limit", 500), 1000),
        now_ms=call.now_ms,
        micro=call.micro,
    )
    return exchange.charts.page(exchange.listing(given["symbol"], call.now_ms), given["interval"], wanted)


def _price(exchange: Exchange, call: Call) -> bytes:
    exchange.tickers.prepare_prices(_chosen(exchange, call), call.now_ms)
    return _one_or_many(exchange, call, lambda listing: exchange.tickers.price(listing, call.now_ms))


def _book_ticker(exchange: Exchange, call: Call) -> bytes:
    exchange.tickers.prepare_prices(_chosen(exchange, call), call.now_ms)
    return _one_or_many(exchange, call, lambda listing: exchange.tickers.book(listing, call.now_ms))


def _ticker_24h(exchange: Exchange, call: Call) -> bytes:
    mini = call.given.get("type") == "MINI"
    exchange.tickers.prepare_days(_chosen(exchange, call), call.now_ms)
    return _one_or_many(
        exchange, call, lambda listing: exchange.tickers.day(listing, call.now_ms, micro=call.micro, mini=mini)
    )


def _one_or_many(exchange: Exchange, call: Call, row: Callable[[Listing], dict[str, Any]]) -> bytes:
    """An object for `symbol`, an array for `symbols` or none; a status drops from lists and refuses the single."""
    status = call.given.get("symbolStatus")
    rows = [row(listing) for listing in _chosen(exchange, call) if status in (None, listing.status(call.now_ms))]
    if "symbol" not in call.given:
        return msgspec.json.encode(rows)
    if not rows:
        raise Refusal(-1220, f"The symbol's status does not match the requested symbolStatus '{status}'.")
    return msgspec.json.encode(rows[0])


def _chosen(exchange: Exchange, call: Call) -> list[Listing]:
    given = call.given
    if "symbol" in given:
        return [exchange.listing(given["symbol"], call.now_ms)]
    if "symbols" in given:
        return [exchange.listing(symbol, call.now_ms) for symbol in given["symbols"]]
    return exchange.listed(call.now_ms)


def _account(exchange: Exchange, call: Call) -> bytes:
    assert call.key is not None  # noqa: S101 - signed
    account = call.key.account
    balances = exchange.balances(account.uid, call.now_ms)
    if call.given.get("omitZeroBalances"):
        balances = {asset: amounts for asset, amounts in balances.items() if any(amounts)}
    return msgspec.json.encode(
        {
            **_COMMISSIONS,
            "canTrade": True,  # of the account, whatever the key may do
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.stamp(max(account.updated_ms, account.book.agenda.last_ms)),
            "accountType": "SPOT",
            "balances": [_balance(asset, *amounts) for asset, amounts in balances.items()],
            "permissions": ["SPOT"],
            "uid": account.uid,
        }
    )


_COMMISSIONS = {
    "makerCommission": 10,
    "takerCommission": 10,
    "buyerCommission": 0,
    "sellerCommission": 0,
    "commissionRates": {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"},
}


def _balance(asset: str, free: Decimal, locked: Decimal) -> dict[str, str]:
    return {"asset": asset, "free": amount(free), "locked": amount(locked)}


def _api_restrictions(_exchange: Exchange, call: Call) -> bytes:
    assert call.key is not None  # noqa: S101 - signed
    return msgspec.json.encode(call.key.restrictions(call.now_ms))


_WALLETS = ("Spot", "Funding", "Cross Margin", "Isolated Margin", "USD-M Futures", "COIN-M Futures", "Earn", "Options")


def _wallet_balances(exchange: Exchange, call: Call) -> bytes:
    """What each wallet is worth in one asset; only spot holds anything, and only pairs with that asset give a value."""
    assert call.key is not None  # noqa: S101 - signed
    held = exchange.balances(call.key.account.uid, call.now_ms)
    worth = sum(
        (sum(amounts) * _price_in(exchange, call, asset) for asset, amounts in held.items() if any(amounts)), Decimal(0)
    )
    return msgspec.json.encode(
        [
            {"activate": True, "balance": amount(worth) if wallet == "Spot" else "0", "walletName": wallet}
            for wallet in _WALLETS
        ]
    )


def _price_in(exchange: Exchange, call: Call, asset: str) -> Decimal:
    """What one of an asset is worth, by a pair of the two; nothing where there is none."""
    quote = call.given.get("quoteAsset", "BTC")
    for listing in exchange.listed(call.now_ms):
        if {listing.base, listing.quote} == {asset, quote}:
            price = Decimal(exchange.tickers.price(listing, call.now_ms)["price"])
            return price if listing.quote == quote else 1 / price
    return Decimal(asset == quote)


def _by_symbol(single: int, many: int) -> Callable[[Mapping[str, str]], int]:
    return lambda sent: single if "symbol" in sent else many


def _by_count(sent: Mapping[str, str]) -> int:
    if "symbol" in sent:
        return 2
    if "symbols" not in sent:
        return 80
    symbols = sent["symbols"].count(",") + 1
    return next(weight for most, weight in ((20, 2), (100, 40), (math.inf, 80)) if symbols <= most)


ENDPOINTS = (
    Endpoint("/api/v3/ping", 1, (), _ping),
    Endpoint("/api/v3/time", 1, (), _time),
    Endpoint(
        "/api/v3/exchangeInfo",
        20,
        (
            *_SYMBOLS,
            Parameter("permissions", rules.json_list_or_text),
            Parameter("showPermissionSets", rules.flag),
        ),
        _exchange_info,
        combinations=combinations("", "symbol", "symbols", "permissions", "symbolStatus", "permissions symbolStatus"),
    ),
    Endpoint(
        "/api/v3/klines",
        2,
        (
            Parameter("symbol", rules.symbol_text, mandatory=True),
            Parameter("interval", rules.interval, mandatory=True),
            Parameter("startTime", rules.time_ms),
            Parameter("endTime", rules.time_ms),
            Parameter("timeZone", rules.utc),
            Parameter("limit", rules.limit),
        ),
        _klines,
    ),
    Endpoint("/api/v3/ticker/price", _by_symbol(2, 4), _SYMBOLS, _price, combinations=_CHOICE),
    Endpoint("/api/v3/ticker/bookTicker", _by_symbol(2, 4), _SYMBOLS, _book_ticker, combinations=_CHOICE),
    Endpoint(
        "/api/v3/ticker/24hr",
        _by_count,
        (*_SYMBOLS, Parameter("type", rules.one_of(-1139, "Invalid ticker type.", "FULL", "MINI"))),
        _ticker_24h,
        combinations=_CHOICE,
    ),
    Endpoint("/api/v3/account", 20, (Parameter("omitZeroBalances", rules.flag),), _account, Security.SIGNED),
    Endpoint("/sapi/v1/account/apiRestrictions", 1, (), _api_restrictions, Security.SIGNED, "apiRestrictions"),
    Endpoint(
        "/sapi/v1/asset/wallet/balance",
        60,
        (Parameter("quoteAsset", rules.text),),
        _wallet_balances,
        Security.SIGNED,
        "ip:/sapi/v1/asset/wallet/balance",
    ),
)
