"""What the ledgers of margin answer. Paths, weights, windows and pages are those of the reference, section 4.7.

Rows of isolated margin are filed under their pair, those of a loan under what was done and the pair: BORROW/BTCUSDT.
"""

from __future__ import annotations

from typing import Any

from connectors.simulator.endpoints.ledgers import ledger, with_total

_PAGED: dict[str, Any] = {"size": "size", "page": "current", "most": 100, "usual": 10, "wrapped": with_total}

ENDPOINTS = (
    ledger("margin/transfer", "timestamp", days=30, default_days=7, pair="isolatedSymbol", **_PAGED),
    ledger("margin/borrow-repay", "timestamp", days=7, weight=10, of="type", pair="isolatedSymbol", **_PAGED),
    ledger(
        "margin/interestHistory", "interestAccuredTime", days=30, default_days=7, kept_days=90, pair="isolatedSymbol",
        **_PAGED,
    ),
    ledger("margin/capital-flow", "timestamp", days=7, most=1000, usual=500, weight=100, kept_days=90, pair="symbol"),
    ledger("margin/forceLiquidationRec", "updatedTime", days=90, pair="isolatedSymbol", **_PAGED),
    ledger("margin/exchange-small-liability-history", "timestamp", days=30, weight=100, by_uid=True, **_PAGED),
)  # fmt: skip
