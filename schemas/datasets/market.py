"""What the market prints: symbols, candles, prices, tickers."""

from schemas.model.cursor import SNAPSHOTS, TIME_COVERAGE
from schemas.model.dataset import Dataset, Kind, Role
from schemas.model.fields import EXTRA, FLAG, ID, MONEY, TEXT, TIME, Column

MARKET = Column("market", TEXT, "spot, usdm or coinm")
SYMBOL = Column("symbol", TEXT, "the exchange's name, exact to the code point, such as BTCUSDT")
OBSERVED_AT = Column("observed_at", TIME, "the exchange's time when the snapshot was asked for")

# From here up a month holds at most 31 candles of a symbol, so a partition is a year.
YEARLY_INTERVALS = frozenset({"1d", "3d", "1w", "1M"})

SYMBOLS = Dataset(
    name="symbols",
    doc="Every symbol the exchange ever listed to us; a new version whenever anything about it changed.",
    columns=(
        MARKET,
        SYMBOL,
        Column("status", TEXT, "TRADING, HALT, BREAK, ... as printed"),
        Column("base_asset", TEXT, "what is bought and sold"),
        Column("quote_asset", TEXT, "what it is paid in"),
        Column("base_asset_precision", ID, "decimals the exchange prints for the base asset"),
        Column("quote_asset_precision", ID, "decimals the exchange prints for the quote asset"),
        Column("is_spot_trading_allowed", FLAG, "", null="where the market does not say"),
        Column("is_margin_trading_allowed", FLAG, "", null="where the market does not say"),
        Column("permission_sets", EXTRA, "JSON: inner lists are OR, the outer is AND", null="in old answers"),
        Column("order_types", EXTRA, "JSON list", null="where the market does not say"),
        Column("filters", EXTRA, "JSON list of the symbol's filters", null="where the market does not say"),
        Column("pair", TEXT, "the underlying pair of a contract, such as BTCUSD of BTCUSD_PERP", null="on spot"),
        Column("contract_type", TEXT, "PERPETUAL, CURRENT_QUARTER, ... as printed", null="on spot"),
        Column("contract_size", ID, "what one contract is worth, in the quote asset", null="unless coinm"),
        Column("margin_asset", TEXT, "in which profit and loss are paid", null="on spot"),
        Column("onboard_date", TIME, "when the contract began to trade", null="on spot"),
        Column("delivery_date", TIME, "when the contract ends", null="on spot, and of a perpetual contract"),
        Column("extra", EXTRA, "JSON of every other field", null="when there is none"),
        Column("gone_since", TIME, "when exchangeInfo was first seen without it", null="while listed"),
        Column("valid_from", TIME, "the exchange's time when this version was first seen"),
    ),
    key=("market", "symbol", "valid_from"),
    kind=Kind.VERSIONS,
    series=("market",),
    cursor_fields=SNAPSHOTS,
    clock="valid_from",
    role=Role.LISTING,
)


def _candles(name: str, doc: str, symbol: Column = SYMBOL, *, volumes: bool = False, signed: bool = False) -> Dataset:
    """Closed candles of one kind; only those made of trades have volumes and counts."""
    return Dataset(
        name=name,
        doc=f"{doc} Closed candles, stored as the exchange prints them, also when off the grid.",
        columns=(
            MARKET,
            symbol,
            Column("interval", TEXT, "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"),
            Column("open_time", TIME, "first instant of the candle"),
            Column("open", MONEY, "first price, in the quote asset", signed=signed),
            Column("high", MONEY, "highest price", signed=signed),
            Column("low", MONEY, "lowest price", signed=signed),
            Column("close", MONEY, "last price", signed=signed),
            *((_VOLUME,) if volumes else ()),
            Column("close_time", TIME, "last instant of the candle, to the millisecond"),
            *(_OTHER_VOLUMES if volumes else ()),
        ),
        key=("market", "symbol", "interval", "open_time"),
        kind=Kind.APPEND,
        series=("market", "symbol", "interval"),
        cursor="open_time",
        cursor_fields=TIME_COVERAGE,
        clock="open_time",
        partition=("market", "interval", "month"),
        yearly=("interval", YEARLY_INTERVALS),
        role=Role.CANDLES,
    )


_VOLUME = Column("volume", MONEY, "in the base asset; of coinm in contracts")
_OTHER_VOLUMES = (
    Column("quote_volume", MONEY, "in the quote asset; of coinm in the base asset"),
    Column("trade_count", ID, "number of trades"),
    Column("taker_buy_volume", MONEY, "bought by takers, in the unit of volume"),
    Column("taker_buy_quote_volume", MONEY, "bought by takers, in the unit of quote_volume"),
)
_PAIR = Column("symbol", TEXT, "the pair, such as BTCUSDT of usdm and BTCUSD of coinm")
_PAIR_AND_TYPE = Column("symbol", TEXT, "the pair and the type of contract, such as BTCUSDT_PERPETUAL")

KLINES = _candles("klines", "Prices and volumes of what was traded.", volumes=True)
MARK_KLINES = _candles("mark_klines", "The mark price of each contract, by which it is liquidated.")
INDEX_KLINES = _candles("index_klines", "The index price of each pair, made of spot markets.", _PAIR)
PREMIUM_KLINES = _candles(
    "premium_klines", "The premium index of each contract over its index price, a ratio.", signed=True
)
CONTINUOUS_KLINES = _candles(
    "continuous_klines", "Prices and volumes of whichever contract of a type is current.", _PAIR_AND_TYPE, volumes=True
)


def snapshot(name: str, doc: str, *columns: Column, by: tuple[str, ...] = (), role: Role | None = None) -> Dataset:
    """What each symbol of a market shows at one instant, a row for each value of the columns in `by`."""
    return Dataset(
        name=name,
        doc=doc,
        columns=(MARKET, SYMBOL, *columns, OBSERVED_AT),
        key=("market", "symbol", *by, "observed_at"),
        kind=Kind.SNAPSHOT,
        series=("market",),
        cursor_fields=SNAPSHOTS,
        clock="observed_at",
        partition=("market", "month"),
        role=role,
    )


PRICES = snapshot(
    "prices",
    "The last price of each symbol, one snapshot a run.",
    Column("price", MONEY, "last price, in the quote asset"),
    Column("time", TIME, "when it was last traded", null="on spot, which does not say"),
)

TICKERS = snapshot(
    "tickers",
    "The rolling 24 hours of each symbol, one snapshot a run.",
    Column("price_change", MONEY, "last price minus the price 24 hours ago", signed=True),
    Column("price_change_percent", MONEY, "the same in percent", signed=True),
    Column("weighted_avg_price", MONEY, "quote volume divided by volume"),
    Column("prev_close_price", MONEY, "close of the previous day", null="where the market has none"),
    Column("last_price", MONEY, "last price"),
    Column("last_qty", MONEY, "last quantity"),
    Column("bid_price", MONEY, "best bid", null="where the market has none"),
    Column("bid_qty", MONEY, "its quantity", null="where the market has none"),
    Column("ask_price", MONEY, "best ask", null="where the market has none"),
    Column("ask_qty", MONEY, "its quantity", null="where the market has none"),
    Column("open_price", MONEY, "price 24 hours ago"),
    Column("high_price", MONEY, "highest price"),
    Column("low_price", MONEY, "lowest price"),
    Column("volume", MONEY, "in the base asset; of coinm in contracts"),
    Column("quote_volume", MONEY, "in the quote asset", null="where the market does not say"),
    Column("base_volume", MONEY, "in the base asset, where volume counts contracts", null="unless coinm"),
    Column("open_time", TIME, "start of the 24 hours"),
    Column("close_time", TIME, "end of the 24 hours, the exchange's time"),
    Column("first_id", ID, "first trade", null="when there was none"),
    Column("last_id", ID, "last trade", null="when there was none"),
    Column("count", ID, "number of trades"),
    role=Role.RANKING,
)

BOOK_TICKERS = snapshot(
    "book_tickers",
    "The best bid and ask of each symbol, one snapshot a run.",
    Column("bid_price", MONEY, "best bid", null="where nobody bids"),
    Column("bid_qty", MONEY, "its quantity"),
    Column("ask_price", MONEY, "best ask", null="where nobody asks"),
    Column("ask_qty", MONEY, "its quantity"),
    Column("time", TIME, "when the book last changed", null="on spot, which does not say"),
)
