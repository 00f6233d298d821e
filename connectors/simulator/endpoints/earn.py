"""Simple earn, as the documentation has it: 30 days at once, and -6021 for more."""

from __future__ import annotations

from connectors.simulator.endpoints.endpoint import Endpoint
from connectors.simulator.endpoints.ledgers import ledger, with_total


def _history(path: str, *filters: str, weight: int = 150) -> Endpoint:
    return ledger(
        path, "time", days=30, most=100, usual=10, size="size", page="current", weight=weight,
        wrapped=with_total, too_wide=-6021, filters=filters,
    )  # fmt: skip


ENDPOINTS = (
    _history("simple-earn/flexible/history/subscriptionRecord", "asset", "productId", "purchaseId"),
    _history("simple-earn/locked/history/subscriptionRecord", "asset", "purchaseId"),
    _history("simple-earn/flexible/history/redemptionRecord", "asset", "productId", "redeemId"),
    _history("simple-earn/locked/history/redemptionRecord", "asset", "positionId", "redeemId"),
    _history("simple-earn/flexible/history/rewardsRecord", "asset", "productId", "type"),
    _history("simple-earn/locked/history/rewardsRecord", "asset", "positionId"),
    _history("onchain-yields/locked/history/subscriptionRecord", "asset", "purchaseId", "clientId", weight=50),
    _history("onchain-yields/locked/history/redemptionRecord", "asset", "positionId", "redeemId", weight=50),
    _history("onchain-yields/locked/history/rewardsRecord", "asset", "positionId", weight=50),
)
