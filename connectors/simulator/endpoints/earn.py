"""Simple earn, as the documentation has it: 30 days at once, and -6021 for more."""

from __future__ import annotations

from connectors.simulator.endpoints.endpoint import Endpoint
from connectors.simulator.endpoints.ledgers import ledger, with_total


def _history(path: str, *filters: str) -> Endpoint:
    return ledger(
        f"simple-earn/{path}", "time", days=30, most=100, usual=10, size="size", page="current", weight=150,
        wrapped=with_total, too_wide=-6021, filters=filters,
    )  # fmt: skip


ENDPOINTS = (
    _history("flexible/history/subscriptionRecord", "asset", "productId", "purchaseId"),
    _history("locked/history/subscriptionRecord", "asset", "purchaseId"),
    _history("flexible/history/redemptionRecord", "asset", "productId", "redeemId"),
    _history("locked/history/redemptionRecord", "asset", "positionId", "redeemId"),
    _history("flexible/history/rewardsRecord", "asset", "productId", "type"),
    _history("locked/history/rewardsRecord", "asset", "positionId"),
)
