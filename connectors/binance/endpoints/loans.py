"""Flexible loans. Of the others, which the exchange has ended, statements alone tell."""

from __future__ import annotations

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.endpoints.sapi import ledger
from schemas.datasets import loans
from schemas.model.dataset import Dataset


def _history(name: str, dataset: Dataset) -> Endpoint:
    return ledger(
        f"loan/flexible/{name}/history",
        dataset,
        Windows(days=90, page="current"),
        version="v2",
        weight=400,
        page_limit=100,
        rows_at="rows",
        total="total",
    )


BORROWS = _history("borrow", loans.LOAN_BORROWS)
REPAYMENTS = _history("repay", loans.LOAN_REPAYMENTS)
ADJUSTMENTS = _history("ltv/adjustment", loans.LOAN_ADJUSTMENTS)
LIQUIDATIONS = _history("liquidation", loans.LOAN_LIQUIDATIONS)
