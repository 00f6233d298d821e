"""What an account traded: its orders through every state seen, its fills, and what took the place of fills."""

from datetime import timedelta
from typing import Any

from schemas.datasets.account import ACCOUNT
from schemas.datasets.market import MARKET, SYMBOL
from schemas.model.cursor import ID_COVERAGE, RESUMED, TIME_COVERAGE, free, rising
from schemas.model.dataset import Dataset, Kept, Kind, Lifecycle
from schemas.model.fields import EXTRA, FLAG, ID, MONEY, RATE, TEXT, TIME, Column

_ORDER_ID = Column("order_id", ID, "unique within the symbol, not beyond it")
_ORDER_LIST_ID = Column("order_list_id", ID, "the order list it belongs to", null="when to none")
VERSION = Column("version", ID, "1, 2, 3, ... as the states were seen")
SEEN_AT = Column("seen_at", TIME, "the exchange's time when this state was first seen")
EXTRA_FIELDS = Column("extra", EXTRA, "JSON of every other field", null="when there is none")
_PRICE = Column("price", MONEY, "in the quote asset")
_TRADE = (
    _ORDER_ID,
    _ORDER_LIST_ID,
    _PRICE,
    Column("qty", MONEY, "in the base asset"),
    Column("quote_qty", MONEY, "in the quote asset", null="where the market does not say"),
    Column("commission", MONEY, "the fee, in its own asset; negative for a rebate", signed=True),
    Column("commission_asset", TEXT, "what the fee was paid in", null="when there was none, or when misprinted"),
)
_IS_BUYER = Column("is_buyer", FLAG, "the account bought")
_IS_MAKER = Column("is_maker", FLAG, "the account's order rested on the book", null="when misprinted")
POSITION_SIDE = Column("position_side", TEXT, "BOTH, or LONG and SHORT in hedge mode", null="outside of futures")
_NO_FUTURES = "outside of futures"
_STP_MODE = Column("self_trade_prevention_mode", TEXT, "NONE, EXPIRE_MAKER, ...", null="in answers older than it")

GONE_SINCE = Column("gone_since", TIME, "when the exchange was first seen not to know it any more", null="until then")
GONE_AT = free("gone_at", "when the exchange was last seen not to know the symbol; 1970 once it knows it again")

# From when it was placed, however late it was canceled.
BY_FUTURES = Kept(undone=timedelta(days=3), from_start=True, done=timedelta(days=90))
_BY_MARGIN = Kept(undone=timedelta(days=3), from_start=True)  # nowhere is it said: no absence may be held against it
ORDER_LIFE = Lifecycle(
    stamp="update_time",
    status="status",
    open=("NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"),
    final=("FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"),
    fixed={"side": ".+"},
    start="time",
    done="executed_qty",
    kept={
        "spot": Kept(undone=timedelta(days=90)),
        "margin": _BY_MARGIN,
        "isolated_margin": _BY_MARGIN,
        "usdm": BY_FUTURES,
        "coinm": BY_FUTURES,
    },
)
_LIST_LIFE = Lifecycle(
    stamp="transaction_time",
    status="list_order_status",
    open=("EXECUTING",),
    final=("ALL_DONE", "REJECT"),
    fixed={"symbol": ".+", "contingency_type": ".+", "orders": r'"orderId":\d+'},
)

ORDERS = Dataset(
    name="orders",
    doc="Every order in every state it was seen in; a new version whenever anything about it changed.",
    columns=(
        ACCOUNT,
        MARKET,
        SYMBOL,
        _ORDER_ID,
        VERSION,
        Column("client_order_id", TEXT, "given by who placed it; an amendment changes it", null="when misprinted"),
        _ORDER_LIST_ID,
        Column("side", TEXT, "BUY or SELL", null="when misprinted"),
        Column("type", TEXT, "LIMIT, MARKET, STOP_LOSS_LIMIT, ... as printed", null="when misprinted"),
        Column(
            "status", TEXT, "NEW, PARTIALLY_FILLED, FILLED, CANCELED, EXPIRED, ... as printed", null="when misprinted"
        ),
        Column("time_in_force", TEXT, "GTC, IOC or FOK", null="when misprinted"),
        Column("price", MONEY, "the limit, in the quote asset", null="where it has none"),
        Column("avg_price", RATE, "at which it traded on average", null="until it traded, and outside of futures"),
        Column("stop_price", MONEY, "what sets it off", null="where nothing does"),
        Column("orig_qty", MONEY, "wanted, in the base asset; an amendment changes it"),
        Column("executed_qty", MONEY, "filled so far, in the base asset"),
        Column(
            "cumulative_quote_qty",
            MONEY,
            "filled so far, in the quote asset",
            null="where the exchange does not know it any more; of futures `cum_quote` has it, rounded",
        ),
        Column("orig_quote_order_qty", MONEY, "wanted, in the quote asset", null="when asked for otherwise"),
        Column("iceberg_qty", MONEY, "the part shown on the book", null="when all of it is"),
        Column("is_working", FLAG, "it is on the book", null="where the market does not say, or when misprinted"),
        Column("working_time", TIME, "when it came onto the book", null="when it never did"),
        _STP_MODE,
        Column("prevented_match_id", ID, "the match that was prevented", null="when none was"),
        Column("prevented_quantity", MONEY, "expired by such matches", null="when none was"),
        Column("used_sor", FLAG, "routed over several books", null="when it was not"),
        Column("working_floor", TEXT, "EXCHANGE or SOR", null="when not routed"),
        Column("strategy_id", ID, "given by who placed it", null="without one"),
        Column("strategy_type", ID, "given by who placed it", null="without one"),
        Column("trailing_delta", ID, "of a trailing stop, in basis points", null="for other orders"),
        Column("trailing_time", TIME, "when the trailing began", null="before and for other orders"),
        Column("expiry_reason", TEXT, "why it expired", null="where the exchange does not say"),
        POSITION_SIDE,
        Column("reduce_only", FLAG, "it may only make a position smaller", null=_NO_FUTURES),
        Column("close_position", FLAG, "it closes the whole position", null=_NO_FUTURES),
        Column("orig_type", TEXT, "the type it was placed as", null=_NO_FUTURES),
        Column(
            "cum_quote",
            RATE,
            "filled so far, in the quote asset, as rounded by the exchange",
            null="of COIN-M, and " + _NO_FUTURES,
        ),
        Column(
            "cum_base", RATE, "filled so far, in the coin", null="where the exchange does not say, and " + _NO_FUTURES
        ),
        Column("activate_price", MONEY, "from which a trailing stop follows the price", null="for other orders"),
        Column(
            "price_rate", RATE, "how far a trailing stop stays behind the price, in percent", null="for other orders"
        ),
        Column("working_type", TEXT, "MARK_PRICE or CONTRACT_PRICE, which sets it off", null=_NO_FUTURES),
        Column(
            "price_protect", FLAG, "it is not set off while mark and contract price are far apart", null=_NO_FUTURES
        ),
        Column("price_match", TEXT, "OPPONENT, QUEUE_5, ... where it follows the book, else NONE", null=_NO_FUTURES),
        Column("good_till_date", TIME, "when it expires by itself", null="when it does not, or not before 2100"),
        Column("time", TIME, "when it was placed"),
        Column("update_time", TIME, "when it last changed", null="where the exchange does not say"),
        EXTRA_FIELDS,
        GONE_SINCE,
        SEEN_AT,
    ),
    key=("account", "market", "symbol", "order_id", "version"),
    kind=Kind.VERSIONS,
    series=("account", "market", "symbol"),
    cursor_fields=(
        *ID_COVERAGE,
        *TIME_COVERAGE,
        *RESUMED,
        rising("changed_at", "when a version was last added"),
        free("open_since", "when the oldest order that may be open was placed; 1970 when none may be"),
        GONE_AT,
        free("retained_at", "when the stored orders were last compared with those the exchange still returns"),
        rising("walked_at", "when they were last asked for, where that is done only when there is news"),
        free("unsettled_id", "first id that the last run could not settle; 0 when it settled all", ID),
        free("unsettled_until_id", "first id after those it could not settle; 0 when it settled all", ID),
    ),
    clock="time",  # which never changes, so that all versions of an order lie in one partition
    partition=("account", "market", "month"),
    lifecycle=ORDER_LIFE,
    lasting=True,
)

ORDER_LISTS = Dataset(
    name="order_lists",
    doc="Every list of orders that belong together (OCO, OTO) in every state it was seen in.",
    columns=(
        ACCOUNT,
        MARKET,
        Column("order_list_id", ID, "unique within the market"),
        VERSION,
        SYMBOL,
        Column("contingency_type", TEXT, "OCO or OTO", null="when misprinted"),
        Column("list_status_type", TEXT, "RESPONSE, EXEC_STARTED, UPDATED or ALL_DONE", null="when misprinted"),
        Column("list_order_status", TEXT, "EXECUTING, ALL_DONE or REJECT", null="when misprinted"),
        Column("list_client_order_id", TEXT, "given by who placed it", null="when misprinted"),
        Column("transaction_time", TIME, "when it was placed or last changed"),
        Column("orders", EXTRA, "JSON list of its orders: symbol, orderId, clientOrderId", null="when misprinted"),
        EXTRA_FIELDS,
        SEEN_AT,
    ),
    key=("account", "market", "order_list_id", "version"),
    kind=Kind.VERSIONS,
    series=("account", "market"),
    cursor_fields=(
        *ID_COVERAGE,
        rising("changed_at", "when a version was last added"),
        rising("archive_at", "when the archive was last asked for symbols that the exchange does not list"),
    ),
    clock="transaction_time",
    partition=("account", "market"),
    comes_with="orders",
    lifecycle=_LIST_LIFE,
)


def _appended(name: str, doc: str, *columns: Column, clock: str = "time", **more: Any) -> Dataset:
    """What an account's trading brought and never changes; the first column names a row within its symbol."""
    series = ("account", "market", "symbol")
    return Dataset(
        name=name,
        doc=doc,
        columns=(ACCOUNT, MARKET, SYMBOL, *columns, EXTRA_FIELDS),
        key=(*series, columns[0].name),
        kind=Kind.APPEND,
        series=series,
        clock=clock,
        partition=("account", "market", "month"),
        **more,
    )


FILLS = _appended(
    "fills",
    "Every trade of the account with its fee in its own asset; of futures, the exchange returns three months.",
    Column("trade_id", ID, "unique within the symbol, not beyond it"),
    *_TRADE,
    Column("time", TIME, "when it was made; not always ascending with trade_id"),
    _IS_BUYER,
    _IS_MAKER,
    Column("is_best_match", FLAG, "as printed", null="where the exchange does not say"),
    POSITION_SIDE,
    Column(
        "realized_pnl", MONEY, "the profit of what it closed, before the fee", null="outside of futures", signed=True
    ),
    Column("margin_asset", TEXT, "in which the profit is paid", null="where the exchange does not say"),
    Column("base_qty", MONEY, "in the base asset, where qty counts contracts", null="elsewhere"),
    needs="orders",
    cursor="trade_id",
    cursor_fields=(
        *ID_COVERAGE,
        *TIME_COVERAGE,
        *RESUMED,
        rising("probed_at", "up to when the symbol was looked at for a first fill"),
        rising("matched_at", "the last change of orders up to which fills were compared with them"),
        rising("reconciled_at", "when all orders of the symbol were last compared with its fills"),
        GONE_AT,
    ),
    lasting=True,
)

ALLOCATIONS = _appended(
    "allocations",
    "What orders routed over several books received; these are not among the fills.",
    Column("allocation_id", ID, "unique within the symbol; not a trade's id"),
    Column("allocation_type", TEXT, "SOR", null="when misprinted"),
    *_TRADE,
    Column("time", TIME, "when it was made"),
    _IS_BUYER,
    _IS_MAKER,
    Column("is_allocator", FLAG, "as printed", null="when misprinted"),
    cursor="allocation_id",
    cursor_fields=ID_COVERAGE,
    comes_with="fills",
    lasting=True,
)

PREVENTED_MATCHES = _appended(
    "prevented_matches",
    "Matches of the account with itself that the exchange prevented, for orders that point to one.",
    Column("prevented_match_id", ID, "unique within the symbol"),
    Column("taker_order_id", ID, "the order that came in", null="when misprinted"),
    Column("maker_symbol", TEXT, "of the order that rested", null="where the exchange does not say"),
    Column("maker_order_id", ID, "the order that rested", null="when misprinted"),
    Column("trade_group_id", ID, "the group of accounts that must not trade with one another", null="when misprinted"),
    _STP_MODE,
    _PRICE,
    Column("taker_prevented_quantity", MONEY, "expired of the taker", null="when nothing was"),
    Column("maker_prevented_quantity", MONEY, "expired of the maker", null="when nothing was"),
    Column("transact_time", TIME, "when it would have been made"),
    clock="transact_time",
    comes_with="fills",
)
