"""Banks, other people, Pay, and fees paid back, as the documentation has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.simulator.endpoints.ledgers import Movement, enveloped, ledger

_JUNE_2020_MS = 1_591_747_200_000


def _pay(rows: Sequence[Movement], _given: Mapping[str, Any], _total: int) -> Any:
    return {"code": "000000", "message": "success", "data": rows, "success": True}


def _rebates(rows: Sequence[Movement], given: Mapping[str, Any], total: int) -> Any:
    page = {"page": given.get("page", 1), "totalRecords": total, "totalPageNum": -(-total // 200), "data": rows}
    return {"status": "OK", "type": "GENERAL", "code": "000000000", "data": page}


ENDPOINTS = (
    ledger(
        "fiat/orders", "createTime", days=90, most=500, usual=100, size="rows", page="page", of="transactionType",
        default_days=30, start="beginTime", weight=90_000, by_uid=True, wrapped=enveloped,
    ),
    ledger(
        "c2c/orderMatch/listUserOrderHistory", "createTime", days=30, most=100, usual=100, size="rows", page="page",
        of="tradeType", start="startTimestamp", end="endTimestamp", kept_days=183, wrapped=enveloped,
    ),
    ledger(
        "pay/transactions", "transactionTime", days=90, most=100, usual=100, weight=3000, by_uid=True, kept_days=548,
        wrapped=_pay,
    ),
    ledger(
        "rebate/taxQuery", "updateTime", days=30, most=200, usual=200, size=None, page="page", weight=12_000,
        by_uid=True, default_days=7, begins_ms=_JUNE_2020_MS, wrapped=_rebates,
    ),
)  # fmt: skip
