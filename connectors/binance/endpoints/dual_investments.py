"""Dual investments: a list without a filter of time, in pages that mean something only whole."""

from __future__ import annotations

from connectors.binance.endpoints.model import Endpoint, Pages, Security, Whole
from connectors.binance.pools import sapi_by_ip
from schemas.datasets.dual_investments import DUAL_INVESTMENTS

POSITIONS = Endpoint(
    name="dci/product/positions",
    path=(_POSITIONS := "/sapi/v1/dci/product/positions"),
    pool=sapi_by_ip(_POSITIONS),
    family="wallet",
    security=Security.SIGNED,
    dataset=DUAL_INVESTMENTS,
    walk=Whole(
        pages=Pages(id="id", page="pageIndex", limit="pageSize"),
        idle=("SETTLED", "PURCHASE_FAIL", "REFUND_SUCCESS"),
    ),
    rows_at="list",
    wire={"position_id": "id", "status": "purchaseStatus"},
)
