"""Movements of cross and isolated margin. A pair of isolated margin is a wallet of its own, and asked for by name."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ledger
from schemas.model.dataset import States
from schemas.model.fields import FINE, FLAG, ID, RATE, TEXT, TIME, Column

_WALLET = Column("wallet", TEXT, "asked for: margin, or isolated_margin: and the pair")
_PAIR = Column("isolated_symbol", TEXT, "the pair of isolated margin", null="of cross margin")
_ASSET = Column("asset", TEXT, "such as USDT")
_TX_ID = Column("tx_id", ID, "given by the exchange")
_STATUS = Column("status", TEXT, "PENDING, CONFIRMED or FAILED")
_STATES = (States("status", ("CONFIRMED",), ("PENDING", "FAILED")),)

MARGIN_TRANSFERS = ledger(
    "margin_transfers",
    "Movements into and out of margin wallets; only CONFIRMED ones moved anything.",
    _WALLET,
    _TX_ID,
    Column("type", TEXT, "ROLL_IN into margin, or ROLL_OUT of it"),
    _ASSET,
    Column("amount", FINE, "moved"),
    _STATUS,
    Column("trans_from", TEXT, "such as SPOT, CROSS_MARGIN, ISOLATED_MARGIN", null="where the exchange does not say"),
    Column("trans_to", TEXT, "such as SPOT, CROSS_MARGIN, ISOLATED_MARGIN", null="where the exchange does not say"),
    Column("from_symbol", TEXT, "the pair of isolated margin it left", null="where there is none"),
    Column("to_symbol", TEXT, "the pair of isolated margin it came to", null="where there is none"),
    Column("timestamp", TIME, "when it was made, to the second in some answers"),
    key=("tx_id",),
    time="timestamp",
    settles=timedelta(days=2),
    of=("wallet",),
    states=_STATES,
    names_pairs=("from_symbol", "to_symbol"),
)

MARGIN_LOANS = ledger(
    "margin_loans",
    "What was borrowed and repaid on margin; only CONFIRMED ones moved anything.",
    _WALLET,
    Column("operation", TEXT, "borrow or repay"),
    _TX_ID,
    _PAIR,
    _ASSET,
    Column("amount", FINE, "borrowed or repaid, principal and interest together"),
    Column("principal", FINE, "the part that is no interest"),
    Column("interest", FINE, "the part of a repayment that is interest", null="where the exchange does not say"),
    _STATUS,
    Column("type", TEXT, "AUTO or MANUAL", null="where the exchange does not say"),
    Column("timestamp", TIME, "when it was made"),
    key=("tx_id",),
    time="timestamp",
    settles=timedelta(days=2),
    of=("wallet", "operation"),
    states=_STATES,
    names_pairs=("isolated_symbol",),
)

MARGIN_INTEREST = ledger(
    "margin_interest",
    "Interest charged on what was borrowed on margin, each hour and when it was borrowed.",
    _WALLET,
    _TX_ID,
    _PAIR,
    _ASSET,
    Column("raw_asset", TEXT, "what was borrowed, where the interest is in another asset", null="where it is not said"),
    Column("principal", FINE, "what was borrowed at that time"),
    Column("interest", FINE, "charged"),
    Column("interest_rate", RATE, "per day"),
    Column("type", TEXT, "PERIODIC, ON_BORROW, either with _CONVERTED where it is in BNB, or PORTFOLIO"),
    Column("interest_accrued_time", TIME, "when it was charged"),
    key=("tx_id",),
    time="interest_accrued_time",
    settles=timedelta(days=2),
    of=("wallet",),
)

MARGIN_FLOWS = ledger(
    "margin_flows",
    "Every change of a margin wallet as the exchange books it, kept for 90 days; most are told by other lists as well.",
    _WALLET,
    Column("flow_id", ID, "given by the exchange"),
    Column("tran_id", ID, "of the movement, shared by its rows"),
    _ASSET,
    Column("symbol", TEXT, "the pair", null="where there is none"),
    Column("type", TEXT, "TRANSFER, BORROW, REPAY, BUY_INCOME, SELL_LIQUIDATION, ..."),
    Column("amount", FINE, "added; taken when below zero", signed=True),
    Column("note", TEXT, "what the exchange adds", null="where there is none"),
    Column("timestamp", TIME, "when it was booked"),
    key=("flow_id",),
    time="timestamp",
    settles=timedelta(days=1),
    of=("wallet",),
)

MARGIN_LIQUIDATIONS = ledger(
    "margin_liquidations",
    "Orders by which the exchange closed margin positions.",
    _WALLET,
    Column("symbol", TEXT, "the pair traded"),
    Column("order_id", ID, "given by the exchange, per symbol"),
    Column("side", TEXT, "BUY or SELL"),
    Column("price", FINE, "of the order"),
    Column("qty", FINE, "ordered, in the base asset"),
    Column("avg_price", FINE, "of what was executed"),
    Column("executed_qty", FINE, "executed, in the base asset"),
    Column("time_in_force", TEXT, "GTC, IOC or FOK", null="where the exchange does not say"),
    Column("is_isolated", FLAG, "whether the pair is one of isolated margin", null="where the exchange does not say"),
    Column("updated_time", TIME, "when it last changed"),
    key=("symbol", "order_id"),
    time="updated_time",
    settles=timedelta(days=2),
    of=("wallet",),
    told_by=MARGIN_FLOWS.name,
)

SMALL_LIABILITIES = ledger(
    "small_liabilities",
    "Small debts of cross margin that were paid with another asset.",
    _ASSET,
    Column("amount", FINE, "of the debt"),
    Column("target_asset", TEXT, "paid with"),
    Column("target_amount", FINE, "paid"),
    Column("biz_type", TEXT, "such as EXCHANGE_SMALL_LIABILITY", null="where the exchange does not say"),
    Column("timestamp", TIME, "when it was made"),
    key=("asset", "target_asset", "timestamp"),
    time="timestamp",
    settles=timedelta(days=1),
    counted=True,
)
