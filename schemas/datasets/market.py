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


KLINES = Dataset(
    name="klines",
    doc="Closed candles, stored as the exchange prints them, also when off the grid.",
    columns=(
        MARKET,
        SYMBOL,
        Column("interval", TEXT, "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"),
        Column("open_time", TIME, "first instant of the candle"),
        Column("open", MONEY, "first price, in the quote asset"),
        Column("high", MONEY, "highest price"),
        Column("low", MONEY, "lowest price"),
        Column("close", MONEY, "last price"),
        Column("volume", MONEY, "in the base asset"),
        Column("close_time", TIME, "last instant of the candle, to the millisecond"),
        Column("quote_volume", MONEY, "in the quote asset"),
        Column("trade_count", ID, "number of trades"),
        Column("taker_buy_volume", MONEY, "bought by takers, in the base asset"),
        Column("taker_buy_quote_volume", MONEY, "bought by takers, in the quote asset"),
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


def _snapshot(name: str, doc: str, *columns: Column, role: Role | None = None) -> Dataset:
    """What each symbol of a market shows at one instant."""
    return Dataset(
        name=name,
        doc=doc,
        columns=(MARKET, SYMBOL, *columns, OBSERVED_AT),
        key=("market", "symbol", "observed_at"),
        kind=Kind.SNAPSHOT,
        series=("market",),
        cursor_fields=SNAPSHOTS,
        clock="observed_at",
        partition=("market", "month"),
        role=role,
    )


PRICES = _snapshot(
    "prices",
    "The last price of each symbol, one snapshot a run.",
    Column("price", MONEY, "last price, in the quote asset"),
)

TICKERS = _snapshot(
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
    Column("volume", MONEY, "in the base asset"),
    Column("quote_volume", MONEY, "in the quote asset", null="where the market does not say"),
    Column("open_time", TIME, "start of the 24 hours"),
    Column("close_time", TIME, "end of the 24 hours, the exchange's time"),
    Column("first_id", ID, "first trade", null="when there was none"),
    Column("last_id", ID, "last trade", null="when there was none"),
    Column("count", ID, "number of trades"),
    role=Role.RANKING,
)
