"""What each wallet beside spot holds now: one row per answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from connectors.binance.endpoints import holdings, sapi
from connectors.binance.endpoints.model import Endpoint, FanOut, Pages, Security, Whole, Windows
from connectors.binance.pools import FUTURES, Pool, sapi_by_ip
from schemas.datasets.account import BALANCES
from schemas.datasets.account_snapshots import ACCOUNT_SNAPSHOTS
from schemas.model.wallets import WALLETS

_TYPES = {name: name for name in ("SPOT", "MARGIN", "FUTURES")}


def _held(path: str, pool: Pool | None = None, **row: Any) -> Endpoint:
    return Endpoint(
        name=path.removeprefix("/sapi/v1/").removeprefix("/"),
        path=path,
        pool=pool or sapi_by_ip(path),
        security=Security.SIGNED,
        dataset=BALANCES,
        **{"family": "wallet", "walk": Whole(), **row},
    )


def _earn(product: str, id_: str, reshape: Callable[..., Any]) -> Endpoint:
    """Positions of simple earn: but for their own rewards, what they hold came from spot or the funding wallet."""
    return _held(
        f"/sapi/v1/simple-earn/{product}/position",
        weight=150,
        walk=Whole(pages=Pages(id=id_), rests=timedelta(hours=1), beside=("spot", "funding")),
        constants={"wallet": f"earn_{product}"},
        rows_at="rows",
        reshape=reshape,
    )


DAILY = sapi.ledger(
    "accountSnapshot",
    ACCOUNT_SNAPSHOTS,
    Windows(
        days=29,
        fan_out=(FanOut(param="type", column="type", values=_TYPES, returned=True),),
        kept=timedelta(days=29),  # a month, says the exchange; what one window reaches, since each costs so much
        rests=timedelta(days=1),
        counted_by="update_time",
    ),
    weight=2400,
    page_limit=30,
    rows_at="snapshotVos",
    reshape=holdings.daily,
)

FUNDING = _held(
    "/sapi/v1/asset/get-funding-asset",
    method="POST",  # it reads all the same
    constants={"wallet": "funding"},
    reshape=holdings.funding,
)

EARN_FLEXIBLE = _earn("flexible", "productId", holdings.flexible)
EARN_LOCKED = _earn("locked", "positionId", holdings.locked)

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
