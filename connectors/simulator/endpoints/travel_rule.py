"""Deposits and withdrawals under the travel rule, as the documentation has them."""

from __future__ import annotations

from connectors.simulator.endpoints.ledgers import ledger

ENDPOINTS = (
    ledger("localentity/deposit/history", "insertTime", days=90, most=1000, usual=1000, page="offset"),
    ledger("localentity/withdraw/history", "applyTime", days=90, most=1000, usual=1000, page="offset"),
)
