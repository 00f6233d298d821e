"""What the ledgers of margin answer. Paths, weights, windows and pages are those of the reference, section 4.7.

Rows of isolated margin are filed under their pair, those of a loan under what was done and the pair: BORROW/BTCUSDT.
"""

from __future__ import annotations

from typing import Any

from connectors.simulator.endpoints.ledgers import ledger, with_total

_PAGED: dict[str, Any] = {"size": "size", "page": "current", "most": 100, "usual": 10, "wrapped": with_total}
_OF_PAIR: dict[str, Any] = _PAGED | {"pairs": ("isolatedSymbol",)}

ENDPOINTS = (
    ledger("margin/transfer", "timestamp", days=30, default_days=7, **_OF_PAIR),
    ledger("margin/borrow-repay", "timestamp", days=7, weight=10, of="type", **_OF_PAIR),
    ledger("margin/interestHistory", "interestAccuredTime", days=30, default_days=7, kept_days=90, **_OF_PAIR),
    ledger(
        "margin/capital-flow", "timestamp", days=7, most=1000, usual=500, weight=100, kept_days=90, pairs=("symbol",),
    ),
    ledger("margin/forceLiquidationRec", "updatedTime", days=90, **_OF_PAIR),
    ledger("margin/exchange-small-liability-history", "timestamp", days=30, weight=100, by_uid=True, **_PAGED),
)  # fmt: skip
