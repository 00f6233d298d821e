"""What each wallet beside spot holds, from the account's books. Paths, weights and fields are those of the reference,
sections 4.4 to 4.10 and 5.4 to 5.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import msgspec

from connectors.simulator.account.orders import ZERO
from connectors.simulator.account.wallet_books import Holdings
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_UNIT = Decimal("1e-8")
_NOTHING = (ZERO, ZERO)
_ISOLATED, _ISOLATED_DEBT = "isolated_margin:", "isolated_margin_debt:"
_MOST_ROWS = 100


def _wallets(exchange: Exchange, call: Call) -> Mapping[str, Holdings]:
    assert call.key is not None  # noqa: S101 - signed
    return exchange.wallets(call.key.account.uid)


def _funding(exchange: Exchange, call: Call) -> bytes:
    """Positive balances only."""
    wanted, held = call.given.get("asset"), _wallets(exchange, call).get("funding", {})
    return msgspec.json.encode(
        [
            {"asset": asset, "free": _text(free), "locked": _text(locked), "freeze": "0", "withdrawing": "0",
             "btcValuation": "0"}
            for asset, (free, locked) in held.items()
            if (free or locked) and wanted in (None, asset)
        ]
    )  # fmt: skip


def _flexible(exchange: Exchange, call: Call) -> bytes:
    rows = [
        {"asset": asset, "totalAmount": _text(free + locked), "productId": f"{asset}001", "canRedeem": True,
         "latestAnnualPercentageRate": "0.02", "tierAnnualPercentageRate": {}, "collateralAmount": "0",
         "cumulativeTotalRewards": "0", "autoSubscribe": True}
        for asset, (free, locked) in sorted(_wallets(exchange, call).get("earn_flexible", {}).items())
        if free or locked
    ]  # fmt: skip
    return _page(rows, call)


def _locked(exchange: Exchange, call: Call) -> bytes:
    """Each asset in two positions, where its amount can be parted."""
    held = _wallets(exchange, call).get("earn_locked", {})
    parts = [(asset, part) for asset, amounts in sorted(held.items()) for part in _parted(sum(amounts, ZERO))]
    rows = [
        {"positionId": 100_001 + place, "projectId": f"{asset}*120", "asset": asset, "amount": _text(part),
         "duration": "120", "APY": "0.05", "status": "HOLDING", "type": "NORMAL", "autoSubscribe": False}
        for place, (asset, part) in enumerate(parts)
    ]  # fmt: skip
    return _page(rows, call)


def _parted(amount: Decimal) -> list[Decimal]:
    first = (amount / 3).quantize(_UNIT, ROUND_DOWN)
    return [part for part in (first, amount - first) if part]


def _page(rows: Sequence[Mapping[str, Any]], call: Call) -> bytes:
    size = min(call.given.get("size", 10), _MOST_ROWS)
    first = (call.given.get("current", 1) - 1) * size
    return msgspec.json.encode({"rows": rows[first : first + size], "total": len(rows)})


def _margin(exchange: Exchange, call: Call) -> bytes:
    wallets = _wallets(exchange, call)
    if not {"margin", "margin_debt"} & wallets.keys():
        raise Refusal(-3003, "Margin account does not exist.")
    held, debts = wallets.get("margin", {}), wallets.get("margin_debt", {})
    rows = [_with_debt(asset, held, debts) for asset in sorted(held.keys() | debts.keys())]
    told = {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": "999",
        "tradeEnabled": True,
        "accountType": "MARGIN_1",
    }
    return msgspec.json.encode({**told, "totalAssetOfBtc": "0", "totalLiabilityOfBtc": "0", "userAssets": rows})


def _isolated(exchange: Exchange, call: Call) -> bytes:
    wallets, wanted = _wallets(exchange, call), call.given.get("symbols")
    symbols = {name.partition(":")[2] for name in wallets if name.startswith((_ISOLATED, _ISOLATED_DEBT))}
    return msgspec.json.encode(
        {"assets": [_pair(exchange, call, wallets, one) for one in sorted(symbols) if wanted is None or one in wanted]}
    )


def _pair(exchange: Exchange, call: Call, wallets: Mapping[str, Holdings], symbol: str) -> dict[str, Any]:
    held, debts = wallets.get(f"{_ISOLATED}{symbol}", {}), wallets.get(f"{_ISOLATED_DEBT}{symbol}", {})
    listing = exchange.listing(symbol, call.now_ms)
    sides = {"baseAsset": listing.base, "quoteAsset": listing.quote}
    told = {"symbol": symbol, "isolatedCreated": True, "enabled": True, "marginLevel": "999", "tradeEnabled": True}
    legs = {
        side: {**_with_debt(asset, held, debts), "borrowEnabled": True, "repayEnabled": True, "netAssetOfBtc": "0"}
        for side, asset in sides.items()
    }
    return {**told, **legs}


def _with_debt(asset: str, held: Holdings, debts: Holdings) -> dict[str, str]:
    """What is free of a debt's wallet was borrowed, what is locked there is interest; both are below zero."""
    (free, locked), (borrowed, interest) = held.get(asset, _NOTHING), debts.get(asset, _NOTHING)
    net = free + locked + borrowed + interest
    amounts = {"borrowed": -borrowed, "free": free, "interest": -interest, "locked": locked, "netAsset": net}
    return {"asset": asset, **{name: _text(amount) for name, amount in amounts.items()}}


def _usdm(exchange: Exchange, call: Call) -> bytes:
    more = {"maxWithdrawAmount": "0", "marginAvailable": True}
    return msgspec.json.encode([{**row, **more} for row in _futures(exchange, call, "usdm")])


def _coinm(exchange: Exchange, call: Call) -> bytes:
    return msgspec.json.encode([{**row, "withdrawAvailable": "0"} for row in _futures(exchange, call, "coinm")])


def _futures(exchange: Exchange, call: Call, wallet: str) -> Iterator[dict[str, Any]]:
    """What is locked is margin, and not available."""
    for asset, (free, locked) in sorted(_wallets(exchange, call).get(wallet, {}).items()):
        balance = _text(free + locked)
        yield {
            "accountAlias": "SgsR", "asset": asset, "balance": balance, "crossWalletBalance": balance,
            "crossUnPnl": "0", "availableBalance": _text(free), "updateTime": call.now_ms,
        }  # fmt: skip


def _daily(_exchange: Exchange, call: Call) -> bytes:
    """The ends of the days asked for, of the last month; `type` comes back lower-case."""
    given, now_ms = call.given, call.now_ms
    until_ms = int(given.get("endTime", now_ms))
    since_ms = max(int(given.get("startTime", until_ms - 7 * DAY_MS)), now_ms - 30 * DAY_MS)
    if until_ms - since_ms >= 30 * DAY_MS or not 7 <= given.get("limit", 7) <= 30:  # noqa: PLR2004 - as documented
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    first_ms = -(-(since_ms + 1_000) // DAY_MS) * DAY_MS - 1_000
    days = [day for day in range(first_ms, min(until_ms, now_ms) + 1, DAY_MS) if day >= since_ms]
    kind = given["type"]
    rows = [
        {"data": _DAYS[kind](call, day), "type": kind.lower(), "updateTime": day}
        for day in days[-given.get("limit", 7) :]
    ]
    return msgspec.json.encode({"code": 200, "msg": "", "snapshotVos": rows})


def _spot_day(call: Call, at_ms: int) -> dict[str, Any]:
    """What was moved in the wallet by then, and what fills moved."""
    assert call.key is not None  # noqa: S101 - signed
    account = call.key.account
    held = account.wallets.held("spot", at_ms)
    moved = account.book.moved_by(at_ms)
    rows = [
        {"asset": asset, "free": _text(sum(held.get(asset, _NOTHING), moved.get(asset, ZERO))), "locked": "0"}
        for asset in sorted(held.keys() | moved.keys())
    ]
    return {"balances": rows, "totalAssetOfBtc": "0"}


def _margin_day(call: Call, at_ms: int) -> dict[str, Any]:
    assert call.key is not None  # noqa: S101 - signed
    wallets = call.key.account.wallets
    if not {"margin", "margin_debt"} & wallets.all().keys():
        raise Refusal(-3003, "Margin account does not exist.")
    held, debts = (wallets.held(name, at_ms) for name in ("margin", "margin_debt"))
    rows = [_with_debt(asset, held, debts) for asset in sorted(held.keys() | debts.keys())]
    return {"marginLevel": "999", "totalAssetOfBtc": "0", "totalLiabilityOfBtc": "0", "userAssets": rows}


def _futures_day(call: Call, at_ms: int) -> dict[str, Any]:
    assert call.key is not None  # noqa: S101 - signed
    held = call.key.account.wallets.held("usdm", at_ms)
    totals = {asset: _text(free + locked) for asset, (free, locked) in sorted(held.items())}
    rows = [{"asset": asset, "marginBalance": total, "walletBalance": total} for asset, total in totals.items()]
    return {"assets": rows, "position": []}


_DAYS = {"SPOT": _spot_day, "MARGIN": _margin_day, "FUTURES": _futures_day}


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _sapi(path: str, weight: int, answer: Any, *parameters: Parameter, method: str = "GET") -> Endpoint:
    path = f"/sapi/v1/{path}"
    return Endpoint(path, weight, parameters, answer, Security.SIGNED, f"ip:{path}", method=method)


_PAGED = (Parameter("current", rules.number), Parameter("size", rules.limit))
_ASSET = Parameter("asset", rules.text)

ENDPOINTS = (
    _sapi("asset/get-funding-asset", 1, _funding, _ASSET, Parameter("needBtcValuation", rules.flag), method="POST"),
    _sapi("simple-earn/flexible/position", 150, _flexible, _ASSET, Parameter("productId", rules.text), *_PAGED),
    _sapi("simple-earn/locked/position", 150, _locked, _ASSET, Parameter("positionId", rules.text), *_PAGED),
    _sapi("margin/account", 10, _margin),
    _sapi("margin/isolated/account", 10, _isolated, Parameter("symbols", rules.text)),
    _sapi(
        "accountSnapshot",
        2400,
        _daily,
        Parameter("type", rules.one_of(-1130, "Data sent for parameter 'type' is not valid.", *_DAYS), mandatory=True),
        Parameter("startTime", rules.time_ms),
        Parameter("endTime", rules.time_ms),
        Parameter("limit", rules.limit),
    ),
    Endpoint("/fapi/v3/balance", 5, (), _usdm, Security.SIGNED, "futures"),
    Endpoint("/dapi/v1/balance", 1, (), _coinm, Security.SIGNED, "futures"),
)
