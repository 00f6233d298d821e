"""Transfers between the accounts of one master, as the documentation has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.simulator.endpoints.ledgers import Movement, ledger


def _result(rows: Sequence[Movement], _given: Mapping[str, Any], total: int) -> Any:
    return {"result": rows, "totalCount": total}


ENDPOINTS = (
    ledger(
        "sub-account/transfer/subUserHistory", "time", days=30, most=500, usual=500, of="type", of_default="2",
        filters=("asset",),
    ),
    ledger(
        "sub-account/universalTransfer", "createTimeStamp", days=7, most=500, usual=500, page="page", wrapped=_result,
    ),
)  # fmt: skip
