"""Money that an account exchanged with banks and other people, and what the exchange paid back of its fees."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.ledgers import ASSET, ledger
from schemas.model.dataset import States
from schemas.model.fields import EXTRA, FINE, ID, TEXT, TIME, Column

_UNSAID = "where the exchange does not say"

FIAT_ORDERS = ledger(
    "fiat_orders",
    "National currencies paid in and out; only Successful and Finished ones moved anything.",
    Column("direction", TEXT, "deposit or withdrawal"),
    Column("order_no", TEXT, "given by the exchange"),
    Column("fiat_currency", TEXT, "such as EUR"),
    Column("indicated_amount", FINE, "asked for, the fee included", null=_UNSAID),
    Column("amount", FINE, "credited or sent, the fee not included"),
    Column("total_fee", FINE, "kept on the way, in the same currency", null=_UNSAID),
    Column("method", TEXT, "such as BankAccount or Card", null=_UNSAID),
    Column("status", TEXT, "Processing, Successful, Finished, Failed, Expired, Refunded, or a word of its own"),
    Column("create_time", TIME, "when it was asked for"),
    Column("update_time", TIME, "when it last changed", null=_UNSAID),
    key=("order_no",),
    time="create_time",
    settles=timedelta(days=14),
    of=("direction",),
    states=(
        States(
            "status",
            ("Successful", "Finished"),
            ("Processing", "Failed", "Expired", "Refunding", "Refunded", "Refund Failed"),
        ),
    ),
)

C2C_TRADES = ledger(
    "c2c_trades",
    "Crypto bought from and sold to other people; only COMPLETED ones moved anything.",
    Column("trade_type", TEXT, "BUY or SELL"),
    Column("order_number", TEXT, "given by the exchange; more digits than ID holds"),
    Column("adv_no", TEXT, "the advertisement", null=_UNSAID),
    ASSET,
    Column("fiat", TEXT, "the currency paid, such as EUR"),
    Column("amount", FINE, "of the asset"),
    Column("total_price", FINE, "in the currency"),
    Column("unit_price", FINE, "in the currency"),
    Column("order_status", TEXT, "PENDING, TRADING, COMPLETED, CANCELLED, or a word of its own"),
    Column("create_time", TIME, "when it was made"),
    Column("commission", FINE, "in the asset, of whoever advertised", null=_UNSAID),
    Column("taker_commission", FINE, "in the asset, of whoever answered the advertisement", null=_UNSAID),
    Column("taker_amount", FINE, "of the asset, less the commission", null=_UNSAID),
    Column("advertisement_role", TEXT, "the account's part: MAKER or TAKER", null=_UNSAID),
    key=("order_number",),
    time="create_time",
    settles=timedelta(days=30),
    of=("trade_type",),
    states=(
        States(
            "order_status",
            ("COMPLETED",),
            ("PENDING", "TRADING", "BUYER_PAYED", "DISTRIBUTING", "IN_APPEAL", "CANCELLED", "CANCELLED_BY_SYSTEM"),
        ),
    ),
)

PAY_TRANSACTIONS = ledger(
    "pay_transactions",
    "What was paid and received with Binance Pay: transfers to people, purchases, gifts, refunds.",
    Column("transaction_id", TEXT, "given by the exchange"),
    Column("order_type", TEXT, "C2C, PAY, PAY_REFUND, CRYPTO_BOX, PAYOUT, REMITTANCE, or a word of its own"),
    Column("transaction_time", TIME, "when it was made"),
    Column("amount", FINE, "received, or paid if below zero", signed=True),
    Column("currency", TEXT, "of the amount"),
    Column("wallet_type", ID, "1 funding, 2 and 3 spot, 4 and 6 a card, 5 earn", null=_UNSAID),
    Column("funds_detail", EXTRA, "JSON list of the assets that moved, each with the amounts by wallet", null=_UNSAID),
    key=("transaction_id",),
    time="transaction_time",
    settles=timedelta(days=2),
    states=(States("wallet_type", ("1", "2", "3", "5"), ("4", "6")),),
)

REBATES = ledger(
    "rebates",
    "Trading fees paid back to the account, and commissions for those it referred.",
    ASSET,
    Column("type", ID, "1 commission rebate, 2 referral kickback"),
    Column("amount", FINE, "paid"),
    Column("update_time", TIME, "when it was paid"),
    key=("asset", "type", "update_time"),
    time="update_time",
    settles=timedelta(days=2),
    counted=True,
)
