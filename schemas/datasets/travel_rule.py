"""Deposits and withdrawals of accounts under a law that has their other side named. They tell of the same movements."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ASSET, DEPOSITS, WITHDRAWALS, ledger
from schemas.model.dataset import States
from schemas.model.fields import FINE, ID, TEXT, TIME, Column

_TRAVEL_RULE = Column("travel_rule_status", ID, "0 completed, 1 pending, 2 failed", null="where it does not say")
_RECORD = Column("tr_id", ID, "of the record of the travel rule")
_NETWORK = Column("network", TEXT, "the chain, such as ETH", null="where the exchange does not say")
_TX_ID = Column("tx_id", TEXT, "on the chain", null="until there is one")
_COMPLETE_TIME = Column("complete_time", TIME, "when it was done", null="where the exchange does not say")

TRAVEL_RULE_DEPOSITS = ledger(
    "travel_rule_deposits",
    "Deposits of an account in a country whose law has their sender named; the questionnaire is not stored.",
    _RECORD,
    Column("tran_id", TEXT, "of the deposit", null="where the exchange does not say"),
    ASSET,
    Column("amount", FINE, "credited"),
    _NETWORK,
    Column("deposit_status", ID, "0 pending, 1 success, 2 rejected, 6 credited but locked, 7 wrong, 8 to be confirmed"),
    _TRAVEL_RULE,
    _TX_ID,
    Column("insert_time", TIME, "when the exchange saw it"),
    _COMPLETE_TIME,
    key=("tr_id",),
    time="insert_time",
    settles=timedelta(days=14),
    states=(States("deposit_status", ("1", "6"), ("0", "2", "7", "8")),),
    told_by=DEPOSITS.name,
    by_name=True,
)

TRAVEL_RULE_WITHDRAWALS = ledger(
    "travel_rule_withdrawals",
    "Withdrawals of an account in a country whose law has their receiver named; the questionnaire is not stored.",
    _RECORD,
    Column("withdrawal_id", TEXT, "of the withdrawal", null="until there is one"),
    ASSET,
    Column("amount", FINE, "sent, the fee not included"),
    Column("transaction_fee", FINE, "kept by the exchange, in the same asset", null="until it is known"),
    _NETWORK,
    Column(
        "withdrawal_status",
        ID,
        "0 e-mail sent, 1 cancelled, 2 awaiting approval, 3 rejected, 4 processing, 5 failed, 6 completed",
        null="before the questionnaire is answered",
    ),
    _TRAVEL_RULE,
    _TX_ID,
    Column("apply_time", TIME, "when it was asked for"),
    _COMPLETE_TIME,
    Column("wallet_type", ID, "0 spot, 1 funding", null="where the exchange does not say"),
    key=("tr_id",),
    time="apply_time",
    settles=timedelta(days=14),
    states=(States("withdrawal_status", ("0", "2", "4", "6"), ("1", "3", "5")), States("wallet_type", ("0", "1"))),
    told_by=WITHDRAWALS.name,
    by_name=True,
)
