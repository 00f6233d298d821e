"""Every single trade of a market, one by one and as the exchange aggregates them."""

from schemas.datasets.market import MARKET, SYMBOL
from schemas.model.cursor import TRADE_COVERAGE
from schemas.model.dataset import Dataset, Kind
from schemas.model.fields import FLAG, ID, MONEY, TIME, Column

_TRADED_AT = Column("time", TIME, "when it was traded; an id may be a moment older than the one before it")
_IS_BUYER_MAKER = Column("is_buyer_maker", FLAG, "whether the buyer's order was in the book, so that the seller took")
_IS_BEST_MATCH = Column("is_best_match", FLAG, "as printed", null="where the market does not print it")


def _trades(name: str, doc: str, *columns: Column) -> Dataset:
    """Trades, of which the first column counts without holes."""
    return Dataset(
        name=name,
        doc=doc,
        columns=(MARKET, SYMBOL, *columns, _TRADED_AT, _IS_BUYER_MAKER, _IS_BEST_MATCH),
        key=("market", "symbol", columns[0].name),
        kind=Kind.APPEND,
        series=("market", "symbol"),
        cursor=columns[0].name,
        cursor_fields=TRADE_COVERAGE,
        clock="time",
        partition=("market", "date"),
    )


AGG_TRADES = _trades(
    "agg_trades",
    "Trades that one order took at one price at one moment, as one row. Ids count without holes; one that is not there "
    "is a row of `gaps`, also where the exchange prints a placeholder. Futures leave trades of the insurance fund out.",
    Column("agg_trade_id", ID, "counts the aggregates of the symbol"),
    Column("price", MONEY, "in the quote asset"),
    Column("qty", MONEY, "in the base asset; of coinm, contracts"),
    Column("first_trade_id", ID, "the first of its trades"),
    Column("last_trade_id", ID, "the last of its trades"),
)

TRADES = _trades(
    "trades",
    "Every trade. Ids count without holes; one that is not there is a row of `gaps`.",
    Column("trade_id", ID, "counts the trades of the symbol"),
    Column("price", MONEY, "in the quote asset"),
    Column("qty", MONEY, "in the base asset; of coinm, contracts"),
    Column("quote_qty", MONEY, "in the quote asset", null="for coinm"),
    Column("base_qty", MONEY, "in the base asset", null="for spot and usdm"),
)
