"""The ledgers of cross and isolated margin: `/sapi/v1/margin`."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from connectors.binance.endpoints.model import FanOut, Holds, Inside, Windows
from connectors.binance.endpoints.sapi import ledger
from schemas.datasets import margin
from schemas.model.wallets import ISOLATED

_KEPT = timedelta(days=90)
_WALLETS = FanOut(param="isolatedSymbol", column="wallet", values={"margin": None}, of_pair=ISOLATED)
_OPERATIONS = FanOut(param="type", column="operation", values={"borrow": "BORROW", "repay": "REPAY"})
_OF_PAIR: dict[str, Any] = {"held": {"isolatedSymbol": Holds("isolated_symbol")}}

# Newest first, with pages numbered from 1.
_pages = partial(Windows, inside=Inside.PAGES, limit="size", page="current")
_paged: dict[str, Any] = {"page_limit": 100, "rows_at": "rows", "total": "total"}

TRANSFERS = ledger("margin/transfer", margin.MARGIN_TRANSFERS, _pages(days=30, fan_out=(_WALLETS,)), **_paged)

LOANS = ledger(
    "margin/borrow-repay",
    margin.MARGIN_LOANS,
    _pages(days=7, fan_out=(_WALLETS, _OPERATIONS)),
    weight=10,
    **_paged,
    **_OF_PAIR,
)

INTEREST = ledger(
    "margin/interestHistory",
    margin.MARGIN_INTEREST,
    _pages(days=30, fan_out=(_WALLETS,), kept=_KEPT),
    wire={"interest_accrued_time": "interestAccuredTime"},  # the exchange spells it so
    **_paged,
    **_OF_PAIR,
)

# Split where it is full: by `fromId` it is walked within the window alone, and one id further than asked.
FLOWS = ledger(
    "margin/capital-flow",
    margin.MARGIN_FLOWS,
    Windows(
        days=7,
        fan_out=(FanOut(param="symbol", column="wallet", values={"margin": None}, of_pair=ISOLATED),),
        kept=_KEPT,
    ),
    weight=100,
    page_limit=1000,
    wire={"flow_id": "id"},
    held={"symbol": Holds("symbol")},
)

LIQUIDATIONS = ledger(
    "margin/forceLiquidationRec", margin.MARGIN_LIQUIDATIONS, _pages(days=30, fan_out=(_WALLETS,)), **_paged
)

SMALL_LIABILITIES = ledger(
    "margin/exchange-small-liability-history",
    margin.SMALL_LIABILITIES,
    Windows(days=30, limit="size", page="current", fixed={"current": "1"}),
    by_uid=True,
    weight=100,
    **_paged,
)
