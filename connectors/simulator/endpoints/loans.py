"""Flexible and VIP loans, as the documentation has them: up to 180 days at once, of interest 90, as by default."""

from __future__ import annotations

from connectors.simulator.endpoints.endpoint import Endpoint
from connectors.simulator.endpoints.ledgers import ledger, with_total


def _history(path: str, time: str, *filters: str, version: str = "v2", days: int = 180) -> Endpoint:
    return ledger(
        f"loan/{path}", time, days=days, most=100, usual=10, page="current", weight=400, default_days=90,
        version=version, wrapped=with_total, filters=("loanCoin", *filters),
    )  # fmt: skip


ENDPOINTS = (
    _history("flexible/borrow/history", "borrowTime", "collateralCoin"),
    _history("flexible/repay/history", "repayTime", "collateralCoin"),
    _history("flexible/ltv/adjustment/history", "adjustTime", "collateralCoin"),
    _history("flexible/liquidation/history", "liquidationStartingTime", "collateralCoin"),
    _history("vip/repay/history", "repayTime", "orderId", version="v1"),
    _history("vip/accruedInterest", "accrualTime", "orderId", version="v1", days=90),
)
