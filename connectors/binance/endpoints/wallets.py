"""What each wallet beside spot holds now: one row per answer."""

from __future__ import annotations

from typing import Any

from connectors.binance.endpoints import holdings
from connectors.binance.endpoints.model import Endpoint, Pages, Security, Whole
from connectors.binance.pools import FUTURES, Pool, sapi_by_ip
from schemas.datasets.account import BALANCES
from schemas.model.wallets import WALLETS


def _held(path: str, pool: Pool | None = None, **row: Any) -> Endpoint:
    return Endpoint(
        name=path.removeprefix("/sapi/v1/").removeprefix("/"),
        path=path,
        pool=pool or sapi_by_ip(path),
        security=Security.SIGNED,
        dataset=BALANCES,
        **{"family": "wallet", "walk": Whole(), **row},
    )


FUNDING = _held(
    "/sapi/v1/asset/get-funding-asset",
    method="POST",  # it reads all the same
    constants={"wallet": "funding"},
    reshape=holdings.funding,
)

EARN_FLEXIBLE = _held(
    "/sapi/v1/simple-earn/flexible/position",
    weight=150,
    walk=Whole(pages=Pages(id="productId")),
    constants={"wallet": "earn_flexible"},
    rows_at="rows",
    reshape=holdings.flexible,
)

EARN_LOCKED = _held(
    "/sapi/v1/simple-earn/locked/position",
    weight=150,
    walk=Whole(pages=Pages(id="positionId")),
    constants={"wallet": "earn_locked"},
    rows_at="rows",
    reshape=holdings.locked,
)

MARGIN = _held(
    "/sapi/v1/margin/account",
    weight=10,
    walk=Whole(speaks_of=WALLETS["margin"][:2]),
    rows_at="userAssets",
    reshape=holdings.margin,
)

ISOLATED_MARGIN = _held(
    "/sapi/v1/margin/isolated/account",
    weight=10,
    walk=Whole(speaks_of=WALLETS["margin"][2:]),
    rows_at="assets",
    reshape=holdings.isolated_margin,
)

USDM = _held(
    "/fapi/v3/balance",
    FUTURES,
    family="usdm",
    market="usdm",
    weight=5,
    constants={"wallet": "usdm"},
    reshape=holdings.futures,
)

COINM = _held(
    "/dapi/v1/balance",
    FUTURES,
    family="coinm",
    market="coinm",
    constants={"wallet": "coinm"},
    reshape=holdings.futures,
)
