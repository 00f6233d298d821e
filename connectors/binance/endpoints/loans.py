"""Flexible and VIP loans. Of the others, which the exchange has ended, statements alone tell."""

from __future__ import annotations

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from schemas.datasets import loans
from schemas.model.dataset import Dataset


def _history(name: str, dataset: Dataset, version: str = "v2") -> Endpoint:
    return ledger(
        f"loan/{name}/history",
        dataset,
        Windows(days=90, page="current", quiet=QUIET),
        version=version,
        weight=400,
        page_limit=100,
        rows_at="rows",
        total="total",
    )


BORROWS = _history("flexible/borrow", loans.LOAN_BORROWS)
REPAYMENTS = _history("flexible/repay", loans.LOAN_REPAYMENTS)
ADJUSTMENTS = _history("flexible/ltv/adjustment", loans.LOAN_ADJUSTMENTS)
LIQUIDATIONS = _history("flexible/liquidation", loans.LOAN_LIQUIDATIONS)
VIP_REPAYMENTS = _history("vip/repay", loans.VIP_LOAN_REPAYMENTS, "v1")
