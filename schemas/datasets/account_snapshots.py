"""What an account held at the end of each day, as the exchange tells it afterwards."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ASSET, ledger
from schemas.model.fields import FINE, TEXT, TIME, Column

_OF_FUTURES, _NOT_FUTURES, _OF_MARGIN = "of spot and margin", "of futures", "of spot and futures"

ACCOUNT_SNAPSHOTS = ledger(
    "account_snapshots",
    "What spot, cross margin and USD-M futures held at the end of each UTC day, told within a month; asked for once a "
    "day, since it costs much.",
    Column("type", TEXT, "SPOT, MARGIN or FUTURES"),
    ASSET,
    Column("update_time", TIME, "the end of the day, 23:59:59"),
    Column("free", FINE, "available", null=_NOT_FUTURES, signed=True),
    Column("locked", FINE, "held by open orders", null=_NOT_FUTURES, signed=True),
    Column("borrowed", FINE, "owed, without interest", null=_OF_MARGIN),
    Column("interest", FINE, "owed for what was borrowed", null=_OF_MARGIN),
    Column("net_asset", FINE, "free and locked without what is owed", null=_OF_MARGIN, signed=True),
    Column("wallet_balance", FINE, "without unrealised profit", null=_OF_FUTURES, signed=True),
    Column("margin_balance", FINE, "with unrealised profit", null=_OF_FUTURES, signed=True),
    key=("asset", "update_time"),
    time="update_time",
    settles=timedelta(days=1),
    of=("type",),
    movements=False,
)
