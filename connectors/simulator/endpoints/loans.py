"""Flexible and VIP loans, as the documentation has them: up to 180 days at once, 90 unless asked."""

from __future__ import annotations

from connectors.simulator.endpoints.endpoint import Endpoint
from connectors.simulator.endpoints.ledgers import ledger, with_total


def _history(path: str, time: str, *filters: str, version: str = "v2") -> Endpoint:
    return ledger(
        f"loan/{path}/history", time, days=180, most=100, usual=10, page="current", weight=400, default_days=90,
        version=version, wrapped=with_total, filters=("loanCoin", *filters),
    )  # fmt: skip


ENDPOINTS = (
    _history("flexible/borrow", "borrowTime", "collateralCoin"),
    _history("flexible/repay", "repayTime", "collateralCoin"),
    _history("flexible/ltv/adjustment", "adjustTime", "collateralCoin"),
    _history("flexible/liquidation", "liquidationStartingTime", "collateralCoin"),
    _history("vip/repay", "repayTime", "orderId", version="v1"),
)
