"""Simple earn and yields on chains. Windows of more than 30 days are refused, whatever older documentation says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from schemas.datasets import earn
from schemas.model.dataset import Dataset

_PLACES = {"flexible": "simple-earn/flexible", "locked": "simple-earn/locked", "onchain": "onchain-yields/locked"}
_EVERY_KIND = {"type": "ALL"}


def _history(product: str, name: str, dataset: Dataset, sent: Mapping[str, str] | None = None, **row: Any) -> Endpoint:
    return ledger(
        f"{_PLACES[product]}/history/{name}",
        dataset,
        Windows(days=30, limit="size", page="current", fixed=sent or {}, quiet=QUIET),
        weight=50 if product == "onchain" else 150,
        page_limit=100,
        rows_at="rows",
        total="total",
        **{"constants": {"product": product}, **row},
    )


SUBSCRIPTIONS = _history("flexible", "subscriptionRecord", earn.EARN_SUBSCRIPTIONS, wire={"project_id": "productId"})
LOCKED_SUBSCRIPTIONS = _history("locked", "subscriptionRecord", earn.EARN_SUBSCRIPTIONS)
ON_CHAIN_SUBSCRIPTIONS = _history("onchain", "subscriptionRecord", earn.EARN_SUBSCRIPTIONS)
REDEMPTIONS = _history("flexible", "redemptionRecord", earn.EARN_REDEMPTIONS)
LOCKED_REDEMPTIONS = _history("locked", "redemptionRecord", earn.EARN_REDEMPTIONS)
ON_CHAIN_REDEMPTIONS = _history("onchain", "redemptionRecord", earn.EARN_REDEMPTIONS)
REWARDS = _history(
    "flexible", "rewardsRecord", earn.EARN_REWARDS, _EVERY_KIND, wire={"source_id": "projectId", "amount": "rewards"}
)
LOCKED_REWARDS = _history("locked", "rewardsRecord", earn.EARN_REWARDS, wire={"source_id": "positionId"})
ON_CHAIN_REWARDS = _history(
    "onchain",
    "rewardsRecord",
    earn.EARN_REWARDS,
    wire={"source_id": "positionId"},
    constants={"product": "onchain", "type": "On-chain"},
)
