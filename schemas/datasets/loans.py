"""What an account borrowed against collateral, beside margin."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ledger
from schemas.model.dataset import States
from schemas.model.fields import FINE, RATE, TEXT, TIME, Column

_LOAN = Column("loan_coin", TEXT, "borrowed, such as USDT")
_COLLATERAL = Column("collateral_coin", TEXT, "given as security, such as BNB")
_MONTH = timedelta(days=30)

LOAN_BORROWS = ledger(
    "loan_borrows",
    "Flexible loans that were taken, with the first collateral.",
    _LOAN,
    Column("initial_loan_amount", FINE, "borrowed"),
    _COLLATERAL,
    Column("initial_collateral_amount", FINE, "given as security"),
    Column("borrow_time", TIME, "when it was taken"),
    Column("status", TEXT, "SUCCESS, or a word for what is not done"),
    key=("loan_coin", "collateral_coin", "borrow_time"),
    time="borrow_time",
    settles=_MONTH,
    counted=True,
    states=(States("status", ("SUCCESS", "Succeeds"), ("PROCESSING", "Processing", "FAILED", "Failed")),),
)

LOAN_REPAYMENTS = ledger(
    "loan_repayments",
    "What was paid back of flexible loans, and the collateral that came free.",
    _LOAN,
    Column("repay_amount", FINE, "paid back"),
    _COLLATERAL,
    Column("collateral_return", FINE, "given back"),
    Column("repay_time", TIME, "when it was paid"),
    Column("repay_status", TEXT, "REPAID, or a word for what is not done"),
    key=("loan_coin", "collateral_coin", "repay_time"),
    time="repay_time",
    settles=_MONTH,
    counted=True,
    states=(States("repay_status", ("REPAID", "Repaid"), ("REPAYING", "Repaying", "FAILED", "Failed")),),
)

LOAN_ADJUSTMENTS = ledger(
    "loan_adjustments",
    "Collateral of flexible loans that was added or taken back.",
    _LOAN,
    _COLLATERAL,
    Column("direction", TEXT, "ADDITIONAL or REDUCED"),
    Column("collateral_amount", FINE, "added or taken back"),
    Column("adjust_time", TIME, "when it was moved"),
    key=("loan_coin", "collateral_coin", "adjust_time"),
    time="adjust_time",
    settles=timedelta(days=7),
    counted=True,
    states=(States("direction", ("ADDITIONAL", "REDUCED")),),
)

LOAN_LIQUIDATIONS = ledger(
    "loan_liquidations",
    "Flexible loans that the exchange ended, with what it took of the collateral.",
    _LOAN,
    Column("liquidation_debt", FINE, "paid off"),
    _COLLATERAL,
    Column("liquidation_collateral_amount", FINE, "taken"),
    Column("return_collateral_amount", FINE, "given back"),
    Column("liquidation_fee", FINE, "kept, a part of what was taken"),
    Column("liquidation_starting_time", TIME, "when it began"),
    Column("status", TEXT, "Liquidating or Liquidated"),
    key=("loan_coin", "collateral_coin", "liquidation_starting_time"),
    time="liquidation_starting_time",
    settles=_MONTH,
    counted=True,
    states=(States("status", ("Liquidated",), ("Liquidating",)),),
)

VIP_LOAN_REPAYMENTS = ledger(
    "vip_loan_repayments",
    "What was paid back of loans that only VIP accounts have; no list tells of the loans themselves.",
    Column("order_id", TEXT, "the loan"),
    _LOAN,
    Column("repay_amount", FINE, "paid back"),
    Column("collateral_coin", TEXT, "given as security, such as BNB,BTC,ETH"),
    Column("loan_date", TIME, "when the loan was taken", null="where the exchange does not say"),
    Column("repay_time", TIME, "when it was paid"),
    Column("repay_status", TEXT, "Repaid, Repaying or Failed"),
    key=("order_id", "repay_time"),
    time="repay_time",
    settles=_MONTH,
    counted=True,
    states=(States("repay_status", ("Repaid",), ("Repaying", "Failed")),),
    by_name=True,
)

VIP_LOAN_INTEREST = ledger(
    "vip_loan_interest",
    "Interest charged on loans that only VIP accounts have; a repayment pays it.",
    Column("order_id", TEXT, "the loan"),
    _LOAN,
    Column("principal_amount", FINE, "owed at that time"),
    Column("interest_amount", FINE, "charged"),
    Column("annual_interest_rate", RATE, "per year"),
    Column("accrual_time", TIME, "when it was charged"),
    key=("order_id", "accrual_time"),
    time="accrual_time",
    settles=timedelta(days=2),
    counted=True,
    by_name=True,
)
