"""What markets of futures print beside trades and candles."""

from datetime import timedelta
from typing import Any

from schemas.datasets.market import MARKET, SYMBOL, snapshot
from schemas.model.cursor import SNAPSHOTS, TIME_COVERAGE
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import EXTRA, FINE, ID, MONEY, RATE, TEXT, TIME, Column

_TIME = Column("time", TIME, "the instant that it speaks of")
_KIND = Column("kind", TEXT, "global_accounts, top_accounts or top_positions")
_RATE_TYPE = Column(
    "rate_type", TEXT, "Regular or Special, as printed; empty where it is not: in files, of coinm, in old answers"
)
_BY_TYPE = Column("symbol", TEXT, "the contract; of coinm the pair and the type of contract")
_BY_PAIR = Column("symbol", TEXT, "the contract; of coinm the pair")

PREMIUM_INDEX = snapshot(
    "premium_index",
    "The mark and index price of each contract and what its funding will be, one snapshot a run.",
    Column("mark_price", MONEY, "by which positions are liquidated"),
    Column("index_price", MONEY, "made of spot markets"),
    Column("estimated_settle_price", MONEY, "what a delivery would settle at now", null="in old answers"),
    Column("last_funding_rate", RATE, "of the interval that runs", null="of delivery contracts", signed=True),
    Column("interest_rate", RATE, "in the funding rate", null="of delivery contracts", signed=True),
    Column("next_funding_time", TIME, "when funding is paid next", null="of delivery contracts"),
    Column("time", TIME, "the exchange's time of these prices"),
)

INSURANCE_FUND = snapshot(
    "insurance_fund",
    "What covers the losses that liquidations leave, one snapshot a run. Contracts that share a fund show the same: to "
    "sum, take each fund and asset once.",
    Column("fund", TEXT, "the first contract of those that share it, as they are printed"),
    Column("asset", TEXT, "such as USDT"),
    Column("margin_balance", FINE, "held of it", signed=True),
    Column("update_time", TIME, "the exchange's time of this balance"),
    by=("asset",),
)

FUNDING_INFO = Dataset(
    name="funding_info",
    doc="Contracts whose funding has a cap, floor or interval of its own; all others pay every 8 hours.",
    columns=(
        MARKET,
        SYMBOL,
        Column("adjusted_funding_rate_cap", RATE, "the highest rate", signed=True),
        Column("adjusted_funding_rate_floor", RATE, "the lowest rate", signed=True),
        Column("funding_interval_hours", ID, "hours from one funding to the next"),
        Column("update_time", TIME, "when the exchange last changed it", null="where it does not say"),
        Column("extra", EXTRA, "JSON of every other field", null="when there is none"),
        Column("gone_since", TIME, "when it was first seen without it", null="while it has one of its own"),
        Column("valid_from", TIME, "the exchange's time when this version was first seen"),
    ),
    key=("market", "symbol", "valid_from"),
    kind=Kind.VERSIONS,
    series=("market",),
    cursor_fields=SNAPSHOTS,
    clock="valid_from",
    retired="gone_since",
)


def _by_time(
    name: str,
    doc: str,
    *columns: Column,
    symbol: Column = SYMBOL,
    clock: Column = _TIME,
    **more: Any,
) -> Dataset:
    """Rows of each series of a market along their instants."""
    series = ("market", "symbol", *(column.name for column in columns if column is _KIND))
    told = tuple(column.name for column in columns if column is _RATE_TYPE)
    return Dataset(
        name=name,
        doc=doc,
        columns=(MARKET, symbol, *(each for each in columns if each is _KIND), clock, *_others(columns)),
        key=(*series, *told, clock.name),
        kind=Kind.APPEND,
        series=series,
        cursor=clock.name,
        cursor_fields=TIME_COVERAGE,
        clock=clock.name,
        assumed=dict.fromkeys(told, "Regular"),
        partition=("market", "month"),
        **more,
    )


def _others(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(column for column in columns if column is not _KIND)


FUNDING_RATES = _by_time(
    "funding_rates",
    "What each perpetual contract paid at each funding; a special one beside a regular one is a row of its own.",
    Column("funding_rate", RATE, "of the position, paid by longs where it is above zero", signed=True),
    Column("mark_price", MONEY, "at which positions were valued", null="in old answers, in files, and of coinm"),
    _RATE_TYPE,
    clock=Column("funding_time", TIME, "when it was paid, as printed: some milliseconds late"),
    jitter=timedelta(seconds=1),
    paced_by=FUNDING_INFO.name,
)

OPEN_INTEREST = _by_time(
    "open_interest",
    "How many contracts are open, every 5 minutes; the exchange keeps 30 days.",
    Column("open_interest", RATE, "in the base asset; of coinm in contracts"),
    Column("open_interest_value", RATE, "in the quote asset; of coinm in the base asset"),
    Column("cmc_circulating_supply", RATE, "of the base asset, by CoinMarketCap", null="where it is not told"),
    symbol=_BY_TYPE,
    grid="5m",
)

LONG_SHORT_RATIOS = _by_time(
    "long_short_ratios",
    "How accounts and positions stand, every 5 minutes; the exchange keeps 30 days.",
    _KIND,
    Column("long_short_ratio", RATE, "longs for each short"),
    Column("long_share", RATE, "of all, from 0 to 1"),
    Column("short_share", RATE, "of all, from 0 to 1"),
    symbol=_BY_PAIR,
    grid="5m",
)

TAKER_VOLUME = _by_time(
    "taker_volume",
    "What takers bought and sold, every 5 minutes; the exchange keeps 30 days.",
    Column("buy_volume", RATE, "bought, in the base asset; of coinm in contracts"),
    Column("sell_volume", RATE, "sold, in the same unit"),
    Column("buy_sell_ratio", RATE, "bought for each sold", null="of coinm"),
    Column("buy_value", RATE, "bought, in the base asset", null="unless coinm"),
    Column("sell_value", RATE, "sold, in the base asset", null="unless coinm"),
    symbol=_BY_TYPE,
    grid="5m",
)

BASIS = _by_time(
    "basis",
    "By how much contracts of a type are above the index, every 5 minutes; the exchange keeps 30 days.",
    Column("index_price", MONEY, "made of spot markets"),
    Column("futures_price", MONEY, "of the contract"),
    Column("basis", MONEY, "the latter minus the former", signed=True),
    Column("basis_rate", RATE, "in parts of the index price", signed=True),
    Column("annualized_basis_rate", RATE, "over a year", null="of perpetual contracts", signed=True),
    symbol=Column("symbol", TEXT, "the pair and the type of contract, such as BTCUSDT_PERPETUAL"),
    grid="5m",
)

DELIVERY_PRICES = _by_time(
    "delivery_prices",
    "The prices at which contracts of a pair were delivered, a quarter after the other; usdm alone.",
    Column("delivery_price", MONEY, "at which positions were settled"),
    symbol=Column("symbol", TEXT, "the pair, such as BTCUSDT"),
    clock=Column("delivery_time", TIME, "the midnight, UTC, that began the day of delivery"),
)
