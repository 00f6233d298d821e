"""What futures wallets gained and lost, and the positions in them."""

from __future__ import annotations

from datetime import timedelta

from schemas.datasets.account import ACCOUNT
from schemas.datasets.ledgers import ledger
from schemas.datasets.market import OBSERVED_AT
from schemas.model.cursor import ABSENCE, SNAPSHOTS
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FINE, RATE, TEXT, TIME, Column

_MARKET = Column("market", TEXT, "usdm or coinm")
_CLOSED = "of a position that is closed"

INCOME = ledger(
    "income",
    "Every change of a futures wallet: profits, fees, funding, transfers and the rest, kept for three months.",
    _MARKET,
    Column("income_type", TEXT, "REALIZED_PNL, COMMISSION, FUNDING_FEE, TRANSFER, or a word of its own"),
    Column("tran_id", TEXT, "given by the exchange; not unique, not even within a type"),
    Column("asset", TEXT, "such as USDT"),
    Column("trade_id", TEXT, "of the fill it comes from", null="where it comes from none"),
    Column("symbol", TEXT, "the contract", null="where it concerns none"),
    Column("income", FINE, "gained; lost when below zero", signed=True),
    Column("info", TEXT, "what the exchange adds", null="where there is nothing"),
    Column("time", TIME, "when it was booked, cut to the second"),
    key=("income_type", "tran_id", "asset", "trade_id", "symbol", "time"),
    time="time",
    settles=timedelta(days=1),
    of=("market",),
    counted=True,
)

POSITIONS = Dataset(
    name="positions",
    doc="Every futures position that is open, or was open at the previous snapshot; one snapshot a run.",
    columns=(
        ACCOUNT,
        _MARKET,
        Column("symbol", TEXT, "the contract"),
        Column("side", TEXT, "BOTH, or LONG and SHORT in hedge mode"),
        Column("position_amt", FINE, "held, in units or contracts; below zero when sold short", signed=True),
        Column("entry_price", RATE, "paid on average, on no tick for inverse contracts", null=_CLOSED),
        Column("break_even_price", RATE, "at which fees are earned back", null=_CLOSED, signed=True),
        Column("mark_price", RATE, "by which it is valued", null=_CLOSED),
        Column("unrealized_profit", FINE, "at the mark price; a loss when below zero", null=_CLOSED, signed=True),
        Column("liquidation_price", RATE, "at which it would be liquidated", null="where there is none"),
        Column("isolated_margin", FINE, "put aside for it alone", null="where the exchange does not say", signed=True),
        Column("notional", FINE, "its value", null="where the exchange does not say", signed=True),
        Column("margin_asset", TEXT, "in which it is settled", null="where the exchange does not say"),
        Column("leverage", TEXT, "such as 20", null="where the exchange does not say"),
        Column("margin_type", TEXT, "cross or isolated", null="where the exchange does not say"),
        Column("update_time", TIME, "when it last changed", null="where the exchange does not say"),
        OBSERVED_AT,
        Column("extra", EXTRA, "JSON of every other field of the row", null="when there is none"),
    ),
    key=("account", "market", "symbol", "side", "observed_at"),
    kind=Kind.SNAPSHOT,
    series=("account", "market"),
    cursor_fields=(*SNAPSHOTS, *ABSENCE),
    clock="observed_at",
    partition=("account", "month"),
    amounts=("position_amt",),
)
