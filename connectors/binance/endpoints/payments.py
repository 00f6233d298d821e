"""Banks, other people, Pay, and fees paid back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.binance.endpoints.model import FanOut, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from schemas.datasets import payments

_MONTH = timedelta(days=30)
_TRADES = {"BUY": "BUY", "SELL": "SELL"}
_DIRECTIONS = {"deposit": "0", "withdrawal": "1"}

FIAT_ORDERS = ledger(
    "fiat/orders",
    payments.FIAT_ORDERS,
    Windows(
        days=89,
        start="beginTime",
        limit="rows",
        fan_out=(FanOut(param="transactionType", column="direction", values=_DIRECTIONS),),
        quiet=QUIET,
    ),
    by_uid=True,
    weight=90_000,
    page_limit=500,
    rows_at="data",
    total="total",
)

C2C_TRADES = ledger(
    "c2c/orderMatch/listUserOrderHistory",
    payments.C2C_TRADES,
    Windows(
        days=30,
        start="startTimestamp",
        end="endTimestamp",
        limit="rows",
        fan_out=(FanOut(param="tradeType", column="trade_type", values=_TRADES, returned=True),),
        kept=6 * _MONTH,
    ),
    page_limit=100,
    rows_at="data",
    total="total",
)

PAY_TRANSACTIONS = ledger(
    "pay/transactions",
    payments.PAY_TRANSACTIONS,
    Windows(days=89, kept=18 * _MONTH, quiet=QUIET),
    by_uid=True,
    weight=3000,
    page_limit=100,
    rows_at="data",
)

REBATES = ledger(
    "rebate/taxQuery",
    payments.REBATES,
    Windows(days=30, limit=None, page="page", begins=datetime(2020, 6, 10, tzinfo=UTC), quiet=QUIET),
    by_uid=True,
    weight=12_000,
    page_limit=200,
    rows_at="data.data",
    total="data.totalRecords",
)
