"""What the public archive alone has: the exchange answers none of it over REST, or only its last days."""

from schemas.datasets.market import MARKET, SYMBOL
from schemas.model.cursor import TIME_COVERAGE
from schemas.model.dataset import DATE, MONTH, ORDINAL, Dataset, Kind
from schemas.model.fields import ID, MONEY, RATE, TEXT, TIME, Column


def _archived(
    name: str,
    doc: str,
    *columns: Column,
    key: tuple[str, ...] = ("time",),
    period: str = MONTH,
    grid: str | None = None,
) -> Dataset:
    """Rows of a symbol along the time of its files."""
    return Dataset(
        name=name,
        doc=doc,
        columns=(MARKET, SYMBOL, *columns),
        key=("market", "symbol", *key),
        kind=Kind.APPEND,
        series=("market", "symbol"),
        cursor="time",
        cursor_fields=TIME_COVERAGE,
        clock="time",
        partition=("market", period),
        grid=grid,
    )


_RATIO = "in some files, and always on coinm"

METRICS = _archived(
    "metrics",
    "Open interest and ratios of each five minutes, from the archive alone, which has them since September 2020.",
    Column("time", TIME, "start of the five minutes, at whose end the values were taken"),
    Column("label", TIME, "the time as printed: the end on usdm up to 2026-06-24, the start since, always on coinm"),
    Column("open_interest", RATE, "contracts held, in the base asset; on coinm their number"),
    Column("open_interest_value", RATE, "the same in the quote asset; on coinm in the base asset"),
    Column("top_account_ratio", RATE, "long to short accounts of top traders", null=_RATIO),
    Column("top_position_ratio", RATE, "long to short positions of top traders", null=_RATIO),
    Column("account_ratio", RATE, "long to short accounts of all traders", null=_RATIO),
    Column("taker_volume_ratio", RATE, "bought to sold by takers", null="in some files"),
    grid="5m",
)

BOOK_DEPTH = _archived(
    "book_depth",
    "What lies in the order book within some percent of the price, about every half minute, from the archive alone.",
    Column("time", TIME, "when it was seen, to the second"),
    Column("percentage", MONEY, "distance from the price: below zero bids, above zero asks", signed=True),
    Column("depth", MONEY, "all that is offered up to there, in the base asset; on coinm in contracts"),
    Column("notional", MONEY, "the same in the quote asset; on coinm in the base asset"),
    key=("time", "percentage"),
)

BOOK_TICKER_UPDATES = _archived(
    "book_ticker_updates",
    "Each change of the best bid and ask of a contract, from the archive alone, whose last files are of March 2024. "
    "An id that a file prints twice stands once.",
    Column("update_id", ID, "of the order book, which counts all its changes: many of them leave the best as it was"),
    Column("bid_price", MONEY, "best bid"),
    Column("bid_qty", MONEY, "its quantity, in the base asset; on coinm in contracts"),
    Column("ask_price", MONEY, "best ask"),
    Column("ask_qty", MONEY, "its quantity, in the base asset; on coinm in contracts"),
    Column("time", TIME, "when the book changed"),
    Column("event_time", TIME, "when the exchange told of it, some milliseconds later"),
    key=("time", "update_id"),
    period=DATE,
)

_LIQUIDATED = (
    Column("time", TIME, "of the last fill"),
    Column("side", TEXT, "BUY or SELL"),
    Column("order_type", TEXT, "as printed"),
    Column("time_in_force", TEXT, "as printed"),
    Column("orig_qty", MONEY, "ordered, in the base asset; on coinm in contracts"),
    Column("price", MONEY, "of the order"),
    Column("avg_price", MONEY, "at which it was filled on average"),
    Column("status", TEXT, "as printed"),
    Column("last_fill_qty", MONEY, "of the last fill"),
    Column("filled_qty", MONEY, "of all fills"),
)

_WORDS = ("side", "order_type", "time_in_force", "status")  # files are sorted by texts first

LIQUIDATIONS = _archived(
    "liquidations",
    "Orders by which positions were liquidated, each as of its last fill, from the archive alone, which has those of "
    "coinm from June 2023 to October 2024. Its files print each row twice; here it stands once.",
    *_LIQUIDATED,
    Column(ORDINAL, ID, "tells apart rows that agree in all else"),
    key=(*sorted((one.name for one in _LIQUIDATED), key=lambda name: name not in _WORDS), ORDINAL),
)

_QUOTED = "when nothing was quoted"

OPTION_SUMMARIES = _archived(
    "option_summaries",
    "The state of each option at the end of each hour, from the archive alone, which has May to October 2023.",
    Column("contract", TEXT, "the option, such as BTC-231027-33000-C"),
    Column("time", TIME, "start of the hour"),
    Column("underlying", TEXT, "the pair it is an option on; the symbol is that of the file"),
    Column("type", TEXT, "C a call, P a put"),
    Column("strike", TEXT, "expiry and strike price as printed, such as 231027-33000"),
    *(Column(name, MONEY, "price of the hour", null=_QUOTED) for name in ("open", "high", "low", "close")),
    Column("volume_contracts", MONEY, "traded in the hour", null=_QUOTED),
    Column("volume_usdt", MONEY, "as printed, which repeats volume_contracts", null=_QUOTED),
    *(
        Column(name, MONEY, "at the end of the hour", null=_QUOTED)
        for name in ("best_bid_price", "best_ask_price", "best_bid_qty", "best_ask_qty")
    ),
    Column("best_buy_iv", MONEY, "implied volatility of the best bid", null="in all files seen", signed=True),
    Column("best_sell_iv", MONEY, "of the best ask, as printed: -0.00000001 without one", null=_QUOTED, signed=True),
    *(Column(name, MONEY, "at the end of the hour", null=_QUOTED) for name in ("mark_price", "mark_iv")),
    *(
        Column(name, MONEY, "at the end of the hour", null=_QUOTED, signed=True)
        for name in ("delta", "gamma", "vega", "theta")
    ),
    Column("open_interest_contracts", MONEY, "held", null=_QUOTED),
    Column("open_interest_usdt", MONEY, "the same in USDT", null=_QUOTED),
    key=("contract", "time"),
    grid="1h",
)
