"""What accounts under the travel rule have beside the lists of all others. The newer version leaves withdrawals out."""

from __future__ import annotations

from connectors.binance.endpoints.model import Inside, Windows
from connectors.binance.endpoints.sapi import ledger
from schemas.datasets import travel_rule

_WALK = Windows(days=89, inside=Inside.OFFSET, page="offset")

DEPOSITS = ledger(
    "localentity/deposit/history",
    travel_rule.TRAVEL_RULE_DEPOSITS,
    _WALK,
    page_limit=1000,
    wire={"asset": "coin"},
)

WITHDRAWALS = ledger(
    "localentity/withdraw/history",
    travel_rule.TRAVEL_RULE_WITHDRAWALS,
    _WALK,
    page_limit=1000,
    wire={"asset": "coin", "withdrawal_id": "id"},
)
