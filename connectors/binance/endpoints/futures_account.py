"""What an account has and earned on USD-M and COIN-M futures: `/fapi` and `/dapi`, signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.binance.endpoints.model import Bound, Endpoint, FanOut, Holds, Security, Unset, Whole, Windows
from connectors.binance.pools import FUTURES
from schemas.datasets.futures_account import INCOME, POSITIONS

_KNOWN_TYPES = (
    "TRANSFER", "WELCOME_BONUS", "REALIZED_PNL", "FUNDING_FEE", "COMMISSION", "INSURANCE_CLEAR", "REFERRAL_KICKBACK",
    "COMMISSION_REBATE", "API_REBATE", "CONTEST_REWARD", "CROSS_COLLATERAL_TRANSFER", "OPTIONS_PREMIUM_FEE",
    "OPTIONS_SETTLE_PROFIT", "INTERNAL_TRANSFER", "AUTO_EXCHANGE", "DELIVERED_SETTELMENT", "COIN_SWAP_DEPOSIT",
    "COIN_SWAP_WITHDRAW", "POSITION_LIMIT_INCREASE_FEE", "STRATEGY_UMFUTURES_TRANSFER", "FEE_RETURN", "BFUSD_REWARD",
    "SPECIAL_FUNDING_FEE",
)  # fmt: skip

# Where more rows share a second than an answer holds, each type is asked for alone, and each symbol of a type that does
# not fit either, since pages are no longer given.
_PARTS = (
    FanOut(param="incomeType", column="income_type", values={name: name for name in _KNOWN_TYPES}),
    FanOut(param="symbol", column="symbol", values={}, of_listed=True),
)
_INCOME: dict[str, Any] = {
    "dataset": INCOME,
    "page_limit": 1000,
    "held": {
        "startTime": Holds("time", Bound.FROM),
        "endTime": Holds("time", Bound.UP_TO),
        "incomeType": Holds("income_type"),
        "symbol": Holds("symbol"),
    },
}
_POSITIONS: dict[str, Any] = {
    "dataset": POSITIONS,
    "walk": Whole(),
    "unset": dict.fromkeys(("entry_price", "mark_price", "liquidation_price"), Unset.NOT_POSITIVE),
}
_WIRE = {"side": "positionSide", "unrealized_profit": "unRealizedProfit"}
_KEPT = timedelta(days=89)  # three months, which are no shorter


def _signed(path: str, market: str, **row: Any) -> Endpoint:
    name = path.removeprefix("/").replace("/v1/", "/").replace("/v3/", "/")
    return Endpoint(
        name=name,
        path=path,
        pool=FUTURES,
        family=market,
        market=market,
        constants={"market": market},
        security=Security.SIGNED,
        **row,
    )


USDM_INCOME = _signed(
    "/fapi/v1/income", "usdm", weight=30, walk=Windows(days=7, kept=_KEPT, unit_ms=1000, apart=_PARTS), **_INCOME
)
COINM_INCOME = _signed(
    "/dapi/v1/income", "coinm", weight=20, walk=Windows(days=30, kept=_KEPT, unit_ms=1000, apart=_PARTS), **_INCOME
)
USDM_POSITIONS = _signed("/fapi/v3/positionRisk", "usdm", weight=5, wire=_WIRE, **_POSITIONS)
COINM_POSITIONS = _signed("/dapi/v1/positionRisk", "coinm", wire=_WIRE | {"notional": "notionalValue"}, **_POSITIONS)
