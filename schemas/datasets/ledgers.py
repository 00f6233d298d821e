"""Movements of money beside trading, one dataset per list that the exchange keeps of them."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.account import ACCOUNT
from schemas.model.cursor import ABSENCE, RESUMED, TIME_COVERAGE
from schemas.model.dataset import ORDINAL, Dataset, Kind, States
from schemas.model.fields import EXTRA, FINE, ID, TEXT, TIME, Column

_STATE = (
    Column("version", ID, "1, 2, 3, ... as the states were seen"),
    Column("extra", EXTRA, "JSON of every other field", null="when there is none"),
    Column(
        "gone_since", TIME, "when the exchange was first seen to have stopped returning it", null="while it returns it"
    ),
    Column("seen_at", TIME, "the exchange's time when this state was first seen"),
)


def ledger(
    name: str,
    doc: str,
    *columns: Column,
    key: tuple[str, ...],
    time: str,
    settles: timedelta,
    of: tuple[str, ...] = (),
    states: tuple[States, ...] = (),
    counted: bool = False,
    told_by: str | None = None,
    names_pairs: tuple[str, ...] = (),
    by_name: bool = False,
    movements: bool = True,
) -> Dataset:
    """A list of an account's movements: `key` names one of them, and after `settles` it no longer changes.

    `of` names the columns that are asked for one value at a time, or from one endpoint each; each value is a series of
    its own. `states` says which words mean that a movement took place; `schemas/ledger` has the movements. Where the
    exchange gives no id, rows are `counted`: by the key, which has their time, and their place among those that agree
    in it. No group of datasets has one that a flow has to ask for `by_name`, and `movements` no list of states.
    """
    series = ("account", *of)
    ordinal = (Column(ORDINAL, ID, "1, 2, 3, ... among rows that agree in the rest of the key"),) if counted else ()
    return Dataset(
        name=name,
        doc=doc,
        columns=(ACCOUNT, *columns, *ordinal, *_STATE),
        key=(*series, *key, *(column.name for column in ordinal), "version"),
        kind=Kind.VERSIONS,
        series=series,
        cursor=time,
        cursor_fields=(*TIME_COVERAGE, *RESUMED, *ABSENCE),
        clock=time,
        partition=("account", "month"),
        settles=settles,
        states=states,
        told_by=told_by,
        names_pairs=names_pairs,
        by_name=by_name,
        movements=movements,
    )


ASSET = Column("asset", TEXT, "such as BNB")
_NETWORK = Column("network", TEXT, "the chain, such as ETH", null="where the exchange does not say")
_TX_ID = Column("tx_id", TEXT, "on the chain", null="until there is one")
_ADDRESS = Column("address", TEXT, "on the chain")
_TRANSFER_TYPE = Column("transfer_type", ID, "0 over a chain, 1 between accounts of the exchange")
_WALLET_TYPE = Column("wallet_type", ID, "0 spot, 1 funding", null="where the exchange does not say")
_WALLETS = States("wallet_type", ("0", "1"))
_COMPLETE_TIME = Column("complete_time", TIME, "when it was done", null="where the exchange does not say")

DEPOSITS = ledger(
    "deposits",
    "Everything paid in over a chain or from another account of the exchange, in every state it was seen in.",
    Column("deposit_id", TEXT, "given by the exchange"),
    ASSET,
    Column("amount", FINE, "credited"),
    _NETWORK,
    Column("status", ID, "0 pending, 1 success, 2 rejected, 6 credited but locked, 7 wrong, 8 to be confirmed by you"),
    _ADDRESS,
    Column("address_tag", TEXT, "memo or tag", null="where there is none"),
    _TX_ID,
    Column("insert_time", TIME, "when the exchange saw it"),
    _COMPLETE_TIME,
    _TRANSFER_TYPE,
    _WALLET_TYPE,
    Column("confirm_times", TEXT, "confirmations, such as 64/6", null="where it does not say"),
    key=("deposit_id",),
    time="insert_time",
    settles=timedelta(days=14),
    states=(States("status", ("1", "6"), ("0", "2", "7", "8")), _WALLETS),
)

WITHDRAWALS = ledger(
    "withdrawals",
    "Everything paid out, in every state it was seen in; the balance falls by amount and transaction_fee.",
    Column("withdrawal_id", TEXT, "given by the exchange"),
    ASSET,
    Column("amount", FINE, "sent, the fee not included"),
    Column("transaction_fee", FINE, "kept by the exchange, in the same asset"),
    _NETWORK,
    Column(
        "status", ID, "0 e-mail sent, 1 cancelled, 2 awaiting approval, 3 rejected, 4 processing, 5 failed, 6 completed"
    ),
    _ADDRESS,
    _TX_ID,
    Column("apply_time", TIME, "when it was asked for"),
    _COMPLETE_TIME,
    _TRANSFER_TYPE,
    _WALLET_TYPE,
    key=("withdrawal_id",),
    time="apply_time",
    settles=timedelta(days=14),
    states=(States("status", ("0", "2", "4", "6"), ("1", "3", "5"), open=("0", "2", "4")), _WALLETS),
)

DIVIDENDS = ledger(
    "dividends",
    "Airdrops, rewards and other distributions.",
    Column("dividend_id", ID, "given by the exchange"),
    ASSET,
    Column("amount", FINE, "distributed; `direction` says which way", signed=True),
    Column("div_time", TIME, "when it was distributed"),
    Column("en_info", TEXT, "what it was", null="where the exchange does not say"),
    Column("tran_id", ID, "of the distribution, shared by its rows"),
    Column("direction", ID, "1 in, -1 out", null="in answers from before January 2026"),
    key=("dividend_id",),
    time="div_time",
    settles=timedelta(days=1),
    states=(States("direction", ("1", "-1")),),
)

TRANSFERS = ledger(
    "transfers",
    "Movements between the account's own wallets; only CONFIRMED ones moved anything.",
    Column("type", TEXT, "from where to where, such as MAIN_UMFUTURE, or MARGIN_ISOLATEDMARGIN:BTCUSDT with the pair"),
    Column("tran_id", ID, "given by the exchange"),
    ASSET,
    Column("amount", FINE, "moved"),
    Column("status", TEXT, "PENDING, CONFIRMED or FAILED"),
    Column("timestamp", TIME, "when it was made"),
    key=("tran_id",),
    time="timestamp",
    settles=timedelta(days=2),
    of=("type",),
    states=(States("status", ("CONFIRMED",), ("PENDING", "FAILED")),),
)

CONVERSIONS = ledger(
    "conversions",
    "Assets changed into others at a quoted price.",
    Column("order_id", ID, "given by the exchange"),
    Column("quote_id", TEXT, "of the quote that was accepted"),
    Column("order_status", TEXT, "SUCCESS, or a word for what is not done"),
    Column("from_asset", TEXT, "given"),
    Column("from_amount", FINE, "given"),
    Column("to_asset", TEXT, "received"),
    Column("to_amount", FINE, "received"),
    Column("wallet_type", TEXT, "SPOT, FUNDING or EARN, or several of them", null="where the exchange does not say"),
    Column("create_time", TIME, "when it was made"),
    key=("order_id",),
    time="create_time",
    settles=timedelta(days=2),
    states=(
        States("order_status", ("SUCCESS",), ("PROCESS", "ACCEPT_SUCCESS", "FAIL")),
        States("wallet_type", ("SPOT", "FUNDING", "EARN")),
    ),
)

FIAT_PAYMENTS = ledger(
    "fiat_payments",
    "Crypto bought or sold for a national currency; only Completed ones moved anything.",
    Column("side", TEXT, "buy or sell"),
    Column("order_no", TEXT, "given by the exchange"),
    Column("fiat_currency", TEXT, "such as EUR"),
    Column("source_amount", FINE, "in the national currency"),
    Column("crypto_currency", TEXT, "such as BTC"),
    Column("obtain_amount", FINE, "in crypto"),
    Column("total_fee", FINE, "in the national currency"),
    Column("price", FINE, "in the national currency"),
    Column("status", TEXT, "Processing, Completed, Failed, Refunded, or a word of its own"),
    Column("payment_method", TEXT, "such as Credit Card", null="for sells"),
    Column("create_time", TIME, "when it was made"),
    Column("update_time", TIME, "when it last changed"),
    key=("order_no",),
    time="create_time",
    settles=timedelta(days=14),
    of=("side",),
    states=(States("status", ("Completed",), ("Processing", "Failed", "Refunded")),),
)

DUST = ledger(
    "dust",
    "Small balances changed into BNB, one row per asset given.",
    Column("wallet", TEXT, "whose balances they were: spot or margin"),
    Column("trans_id", ID, "of the asset's conversion"),
    Column("operation_id", ID, "of the whole operation, shared by its rows"),
    Column("from_asset", TEXT, "given"),
    Column("amount", FINE, "given"),
    Column("transfered_amount", FINE, "received"),
    Column("service_charge_amount", FINE, "the fee, in the asset received"),
    Column("target_asset", TEXT, "received", null="in answers that mean BNB"),
    Column("operate_time", TIME, "when it was made"),
    key=("from_asset", "operation_id", "trans_id"),
    time="operate_time",
    settles=timedelta(days=1),
    of=("wallet",),
)
