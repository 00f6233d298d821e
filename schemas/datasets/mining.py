"""What the mining pool paid to an account."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ledger
from schemas.model.fields import FINE, ID, TEXT, TIME, Column

MINING_PAYMENTS = ledger(
    "mining_payments",
    "What the pool paid to the miners that a flow names under `mining`. The exchange does not say into which wallet, "
    "so it moves nothing by itself; where it may explain what is left over, `causes` names it.",
    Column("miner", TEXT, "asked for: the name of a mining account"),
    Column("origin", TEXT, "pool, or other for bonuses, referrals and merged mining"),
    Column("coin_name", TEXT, "paid, such as BTC"),
    Column("type", ID, "a number of the exchange's own"),
    Column("profit_amount", FINE, "paid"),
    Column("transfer_amount", FINE, "of hash power that was given to somebody", null="where there is none"),
    Column("status", ID, "a number of the exchange's own"),
    Column("time", TIME, "the day it was paid for"),
    key=("coin_name", "type", "time"),
    time="time",
    settles=timedelta(days=7),
    of=("miner", "origin"),
    counted=True,
    by_name=True,
    movements=False,
)
