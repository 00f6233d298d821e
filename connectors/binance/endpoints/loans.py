"""Flexible and VIP loans. Of the others, which the exchange has ended, statements alone tell."""

from __future__ import annotations

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from schemas.datasets import loans
from schemas.model.dataset import Dataset


def _history(path: str, dataset: Dataset, version: str = "v2") -> Endpoint:
    return ledger(
        f"loan/{path}",
        dataset,
        Windows(days=90, page="current", quiet=QUIET),
        version=version,
        weight=400,
        page_limit=100,
        rows_at="rows",
        total="total",
    )


BORROWS = _history("flexible/borrow/history", loans.LOAN_BORROWS)
REPAYMENTS = _history("flexible/repay/history", loans.LOAN_REPAYMENTS)
ADJUSTMENTS = _history("flexible/ltv/adjustment/history", loans.LOAN_ADJUSTMENTS)
LIQUIDATIONS = _history("flexible/liquidation/history", loans.LOAN_LIQUIDATIONS)
VIP_REPAYMENTS = _history("vip/repay/history", loans.VIP_LOAN_REPAYMENTS, "v1")
VIP_INTEREST = _history("vip/accruedInterest", loans.VIP_LOAN_INTEREST, "v1")
