"""How the archive prints each dataset: in which folder, with files of which length, and what a line holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from schemas.datasets.archived import BOOK_DEPTH, BOOK_TICKER_UPDATES, LIQUIDATIONS, METRICS, OPTION_SUMMARIES
from schemas.datasets.derivatives import FUNDING_RATES
from schemas.datasets.market import INDEX_KLINES, KLINES, MARK_KLINES, PREMIUM_KLINES
from schemas.datasets.trades import AGG_TRADES, TRADES
from schemas.model.dataset import Dataset
from schemas.model.fields import TEXT
from schemas.model.grid import MINUTE_US

MARKET_FOLDERS = {"spot": "spot", "usdm": "futures/um", "coinm": "futures/cm", "option": "option"}
MARKETS = {folder: market for market, folder in MARKET_FOLDERS.items()}
_CANDLE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How files of one dataset are named and what a line of them holds."""

    dataset: Dataset
    folder: str  # the archive's word for the dataset
    markets: tuple[str, ...]
    header: str  # as files that have one print it
    renamed: Mapping[str, str] = field(default_factory=dict)  # printed names, and the columns that they are
    constants: Mapping[str, str] = field(default_factory=dict)  # what no line prints
    label: str | None = None  # the printed time, where the dataset's own is reckoned from it
    shift_us: Callable[[str, str], int] = lambda _market, _first_day: 0  # by how much, in files of a market and day
    hour_apart: bool = False  # lines begin with a date and an hour, which are one `time` to us
    text_times: tuple[str, ...] = ()  # columns that print `YYYY-MM-DD HH:MM:SS`
    monthly: bool = True
    daily: bool = True
    streamed: bool = False  # a file may be larger than the memory: it is read as it is unpacked, days before months

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of a line in order; those that the dataset does not have mean nothing."""
        header = self.header.replace("date,hour", "time") if self.hour_apart else self.header
        return tuple(self.renamed.get(name, name) for name in header.split(","))

    @cached_property
    def is_signed(self) -> bool:
        """Whether numbers of a line may be below zero."""
        return any(self.dataset.column(name).signed for name in self.read)

    @cached_property
    def has_text(self) -> bool:
        """Whether a line holds more than numbers."""
        return bool(self.text_times) or any(self.dataset.column(name).type is TEXT for name in self.read)

    @cached_property
    def read(self) -> tuple[str, ...]:
        """The columns of a line that the dataset has."""
        return tuple(name for name in self.columns if name in self.dataset.schema.names)


def _candles(dataset: Dataset, folder: str, *markets: str) -> Layout:
    return Layout(dataset=dataset, folder=folder, markets=markets, header=_CANDLE, renamed={"count": "trade_count"})


_AGGREGATED = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_TRADED = "id,price,qty,{},time,is_buyer_maker"


def _aggregates(header: str, *markets: str) -> Layout:
    renamed = {"quantity": "qty", "transact_time": "time"}
    return Layout(dataset=AGG_TRADES, folder="aggTrades", markets=markets, header=header, renamed=renamed)


def _trades(header: str, market: str) -> Layout:
    return Layout(dataset=TRADES, folder="trades", markets=(market,), header=header, renamed={"id": "trade_id"})


def _start_of_five_minutes_us(market: str, first_day: str) -> int:
    """Labels of USD-M were the end of the five minutes for years, those of COIN-M always their start."""
    return -5 * MINUTE_US if market == "usdm" and first_day < "2026-06-25" else 0


_FUTURES = ("usdm", "coinm")
_ALL = (
    _candles(KLINES, "klines", "spot", *_FUTURES),
    _candles(MARK_KLINES, "markPriceKlines", *_FUTURES),
    _candles(INDEX_KLINES, "indexPriceKlines", *_FUTURES),
    _candles(PREMIUM_KLINES, "premiumIndexKlines", *_FUTURES),
    Layout(
        dataset=FUNDING_RATES,
        folder="fundingRate",
        markets=_FUTURES,
        header="calc_time,funding_interval_hours,last_funding_rate",
        renamed={"calc_time": "funding_time", "last_funding_rate": "funding_rate"},
        constants={"rate_type": ""},
        daily=False,
    ),
    Layout(
        dataset=METRICS,
        folder="metrics",
        markets=_FUTURES,
        header="create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
        "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio",
        renamed={
            "create_time": "label",
            "sum_open_interest": "open_interest",
            "sum_open_interest_value": "open_interest_value",
            "count_toptrader_long_short_ratio": "top_account_ratio",
            "sum_toptrader_long_short_ratio": "top_position_ratio",
            "count_long_short_ratio": "account_ratio",
            "sum_taker_long_short_vol_ratio": "taker_volume_ratio",
        },
        label="label",
        shift_us=_start_of_five_minutes_us,
        text_times=("label",),
        monthly=False,
    ),
    Layout(
        dataset=BOOK_DEPTH,
        folder="bookDepth",
        markets=_FUTURES,
        header="timestamp,percentage,depth,notional",
        renamed={"timestamp": "time"},
        text_times=("time",),
        monthly=False,
    ),
    Layout(
        dataset=BOOK_TICKER_UPDATES,
        folder="bookTicker",
        markets=_FUTURES,
        header="update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
        renamed={
            "best_bid_price": "bid_price",
            "best_bid_qty": "bid_qty",
            "best_ask_price": "ask_price",
            "best_ask_qty": "ask_qty",
            "transaction_time": "time",
        },
        streamed=True,
    ),
    Layout(
        dataset=LIQUIDATIONS,
        folder="liquidationSnapshot",
        markets=_FUTURES,
        header="time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
        "last_fill_quantity,accumulated_fill_quantity",
        renamed={
            "original_quantity": "orig_qty",
            "average_price": "avg_price",
            "order_status": "status",
            "last_fill_quantity": "last_fill_qty",
            "accumulated_fill_quantity": "filled_qty",
        },
        monthly=False,
    ),
    Layout(
        dataset=OPTION_SUMMARIES,
        folder="EOHSummary",
        markets=("option",),
        header="date,hour,symbol,underlying,type,strike,open,high,low,close,volume_contracts,volume_usdt,"
        "best_bid_price,best_ask_price,best_bid_qty,best_ask_qty,best_buy_iv,best_sell_iv,mark_price,mark_iv,"
        "delta,gamma,vega,theta,openinterest_contracts,openinterest_usdt",
        renamed={
            "symbol": "contract",
            "openinterest_contracts": "open_interest_contracts",
            "openinterest_usdt": "open_interest_usdt",
        },
        hour_apart=True,
        text_times=("time",),
        monthly=False,
    ),
    _aggregates(f"{_AGGREGATED},is_best_match", "spot"),
    _aggregates(_AGGREGATED, "usdm", "coinm"),
    _trades(f"{_TRADED.format('quote_qty')},is_best_match", "spot"),
    _trades(_TRADED.format("quote_qty"), "usdm"),
    _trades(_TRADED.format("base_qty"), "coinm"),
)

LAYOUTS: Mapping[tuple[str, str], Layout] = {(one.dataset.name, market): one for one in _ALL for market in one.markets}
"""What the archive has, by dataset and market."""

BY_FOLDER: Mapping[tuple[str, str], Layout] = {(market, one.folder): one for one in _ALL for market in one.markets}
