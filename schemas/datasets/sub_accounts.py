"""Movements between the accounts of one master."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ASSET, ledger
from schemas.model.dataset import States
from schemas.model.fields import FINE, TEXT, TIME, Column

SUB_TRANSFERS = ledger(
    "sub_transfers",
    "Transfers with other accounts of one master, as the sub-account or the master tells of them.",
    Column("side", TEXT, "sub_in or sub_out, told by a sub-account; master_out, told by the master"),
    Column("tran_id", TEXT, "given by the exchange"),
    Column("type", TEXT, "1 in, 2 out", null="where the master tells of it"),
    Column("counter_party", TEXT, "master or subAccount", null="where the master tells of it"),
    ASSET,
    Column("qty", FINE, "moved"),
    Column("from_account_type", TEXT, "SPOT, USDT_FUTURE, COIN_FUTURE, MARGIN or ISOLATED_MARGIN"),
    Column("to_account_type", TEXT, "of the same"),
    Column("status", TEXT, "PROCESS, SUCCESS or FAILURE"),
    Column("time", TIME, "when it was made"),
    key=("tran_id",),
    time="time",
    settles=timedelta(days=2),
    of=("side",),
    states=(States("status", ("SUCCESS",), ("PROCESS", "FAILURE")),),
    by_name=True,
)
