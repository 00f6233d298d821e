"""What values an account beside whole series of candles."""

from __future__ import annotations

from schemas.datasets.market import MARKET, SYMBOL
from schemas.model.dataset import Dataset, Kind, Role
from schemas.model.fields import MONEY, TIME, Column

MINUTE_CLOSES = Dataset(
    name="minute_closes",
    doc="What a symbol cost in the minutes in which an account traded or paid a fee: the close of each one-minute "
    "candle that its valuation asked for, and of no other. A minute that is not here was not asked for, or ended less "
    "than ten minutes before it was. One without a candle is asked for again at least an hour later: two rows that far "
    "apart say that there is none. Nothing here counts as coverage of `klines`.",
    columns=(
        MARKET,
        SYMBOL,
        Column("open_time", TIME, "first instant of the minute"),
        Column("close", MONEY, "last price, in the quote asset", null="where no such candle came"),
        Column("asked_at", TIME, "when it was asked for"),
    ),
    key=("market", "symbol", "open_time", "asked_at"),
    kind=Kind.LOG,
    clock="open_time",
    partition=("market", "month"),
    role=Role.MINUTES,
)
