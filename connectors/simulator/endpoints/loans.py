"""Flexible loans, as the documentation has them: up to 180 days at once, 90 unless asked."""

from __future__ import annotations

from connectors.simulator.endpoints.ledgers import ledger, with_total

ENDPOINTS = tuple(
    ledger(
        f"loan/flexible/{name}/history", time, days=180, most=100, usual=10, page="current", weight=400,
        default_days=90, version="v2", wrapped=with_total, filters=("loanCoin", "collateralCoin"),
    )
    for name, time in {
        "borrow": "borrowTime",
        "repay": "repayTime",
        "ltv/adjustment": "adjustTime",
        "liquidation": "liquidationStartingTime",
    }.items()
)  # fmt: skip
