"""Simple earn. Windows of more than 30 days are refused, whatever older documentation says."""

from __future__ import annotations

from typing import Any

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.endpoints.sapi import ledger
from schemas.datasets import earn
from schemas.model.dataset import Dataset

_EVERY_KIND = {"type": "ALL"}


def _history(product: str, name: str, dataset: Dataset, fixed: dict[str, str] | None = None, **row: Any) -> Endpoint:
    return ledger(
        f"simple-earn/{product}/history/{name}",
        dataset,
        Windows(days=30, limit="size", fixed=fixed or {}),
        weight=150,
        page_limit=100,
        rows_at="rows",
        total="total",
        constants={"product": product},
        **row,
    )


SUBSCRIPTIONS = _history("flexible", "subscriptionRecord", earn.EARN_SUBSCRIPTIONS, wire={"project_id": "productId"})
LOCKED_SUBSCRIPTIONS = _history("locked", "subscriptionRecord", earn.EARN_SUBSCRIPTIONS)
REDEMPTIONS = _history("flexible", "redemptionRecord", earn.EARN_REDEMPTIONS)
LOCKED_REDEMPTIONS = _history("locked", "redemptionRecord", earn.EARN_REDEMPTIONS)
REWARDS = _history(
    "flexible", "rewardsRecord", earn.EARN_REWARDS, _EVERY_KIND, wire={"source_id": "projectId", "amount": "rewards"}
)
LOCKED_REWARDS = _history("locked", "rewardsRecord", earn.EARN_REWARDS, wire={"source_id": "positionId"})
