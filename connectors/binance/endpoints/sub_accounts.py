"""Transfers between the accounts of one master. Unasked, a sub-account's list has only those that went out."""

from __future__ import annotations

from connectors.binance.endpoints.model import FanOut, Holds, Windows
from connectors.binance.endpoints.sapi import ledger
from schemas.datasets.sub_accounts import SUB_TRANSFERS

OF_SUB_ACCOUNT = ledger(
    "sub-account/transfer/subUserHistory",
    SUB_TRANSFERS,
    Windows(days=30, fan_out=(FanOut(param="type", column="side", values={"sub_in": "1", "sub_out": "2"}),)),
    page_limit=500,
    held={"type": Holds("type")},
)

OF_MASTER = ledger(
    "sub-account/universalTransfer",
    SUB_TRANSFERS,
    Windows(days=6, page="page"),
    page_limit=500,
    rows_at="result",
    total="totalCount",
    constants={"side": "master_out"},
    wire={"qty": "amount", "time": "createTimeStamp"},
)
