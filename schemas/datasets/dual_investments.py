"""Dual investments: an amount of one coin is given, and comes back with a yield in that coin or in another."""

from __future__ import annotations

from schemas.datasets.account import ACCOUNT
from schemas.model.cursor import ABSENCE, SNAPSHOTS
from schemas.model.dataset import Dataset, Kind, States
from schemas.model.fields import EXTRA, FINE, ID, RATE, TEXT, TIME, Column

DUAL_INVESTMENTS = Dataset(
    name="dual_investments",
    doc="Every dual investment, in every state it was seen in. The exchange does not say what was paid when one was "
    "settled, nor in which of its two coins: `ledger` has what was given for it, and `reconciliation` names it as a "
    "cause of what is left over.",
    columns=(
        ACCOUNT,
        Column("position_id", TEXT, "given by the exchange"),
        Column("invest_coin", TEXT, "given, such as BTC"),
        Column("exercised_coin", TEXT, "in which it is paid back if it is exercised, such as USDT"),
        Column("subscription_amount", FINE, "given"),
        Column("strike_price", FINE, "at which it is exercised"),
        Column("duration", ID, "its term in days", null="where the exchange does not say"),
        Column("apr", RATE, "the yearly yield, as a fraction", null="where the exchange does not say", signed=True),
        Column("option_type", TEXT, "CALL or PUT", null="where the exchange does not say"),
        Column(
            "status",
            TEXT,
            "PENDING, PURCHASE_SUCCESS, PURCHASE_FAIL, REFUNDING, REFUND_SUCCESS, SETTLING or SETTLED",
        ),
        Column("order_id", TEXT, "of the subscription", null="where the exchange does not say"),
        Column("subscription_time", TIME, "when it was given", null="where the exchange does not say"),
        Column("purchase_end_time", TIME, "until when it could be bought", null="where the exchange does not say"),
        Column("settle_date", TIME, "when it is settled"),
        Column("extra", EXTRA, "JSON of every other field", null="when there is none"),
        Column("gone_since", TIME, "when the list was first seen without it", null="while it is listed"),
        Column("seen_at", TIME, "the exchange's time when this state was first seen"),
    ),
    key=("account", "position_id", "seen_at"),
    kind=Kind.VERSIONS,
    series=("account",),
    cursor_fields=(*SNAPSHOTS, *ABSENCE),
    clock="settle_date",
    partition=("account",),
    states=(
        States(
            "status",
            ("PURCHASE_SUCCESS", "SETTLING", "SETTLED"),
            ("PENDING", "PURCHASE_FAIL", "REFUNDING", "REFUND_SUCCESS"),
        ),
    ),
    movements=True,
)
