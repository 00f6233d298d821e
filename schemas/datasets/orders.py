"""What an account traded: its orders through every state seen, its fills, and what took the place of fills."""

from datetime import timedelta

from schemas.datasets.account import ACCOUNT
from schemas.datasets.market import MARKET, SYMBOL
from schemas.model.cursor import ID_COVERAGE, free, rising
from schemas.model.dataset import Dataset, Kind, Lifecycle
from schemas.model.fields import EXTRA, FLAG, ID, MONEY, TEXT, TIME, Column

_ORDER_ID = Column("order_id", ID, "unique within the symbol, not beyond it")
_ORDER_LIST_ID = Column("order_list_id", ID, "the order list it belongs to; NULL when to none", nullable=True)
_VERSION = Column("version", ID, "1, 2, 3, ... as the states were seen")
_SEEN_AT = Column("seen_at", TIME, "the exchange's time when this state was first seen")
_EXTRA = Column("extra", EXTRA, "JSON of every other field; NULL when there is none", nullable=True)
_PRICE = Column("price", MONEY, "in the quote asset")
_QTY = Column("qty", MONEY, "in the base asset")
_QUOTE_QTY = Column("quote_qty", MONEY, "in the quote asset; NULL where the market does not say", nullable=True)
_COMMISSION = Column("commission", MONEY, "the fee, in its own asset; negative for a rebate", signed=True)
_COMMISSION_ASSET = Column(
    "commission_asset", TEXT, "what the fee was paid in; NULL when there was none, or when misprinted", nullable=True
)
_IS_BUYER = Column("is_buyer", FLAG, "the account bought")
_IS_MAKER = Column("is_maker", FLAG, "the account's order rested on the book; NULL when misprinted", nullable=True)
_STP_MODE = Column(
    "self_trade_prevention_mode", TEXT, "NONE, EXPIRE_MAKER, ...; NULL in answers older than it", nullable=True
)

_GONE_AT = free("gone_at", "when the exchange was last seen not to know the symbol; 1970 once it knows it again")

ORDER_LIFE = Lifecycle(
    stamp="update_time",
    status="status",
    open=("NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"),
    final=("FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"),
    fixed={"side": ".+"},
    start="time",
    done="executed_qty",
    kept=timedelta(days=90),
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
        _VERSION,
        Column(
            "client_order_id",
            TEXT,
            "given by who placed it; an amendment changes it; NULL when misprinted",
            nullable=True,
        ),
        _ORDER_LIST_ID,
        Column("side", TEXT, "BUY or SELL; NULL when misprinted", nullable=True),
        Column("type", TEXT, "LIMIT, MARKET, STOP_LOSS_LIMIT, ... as printed; NULL when misprinted", nullable=True),
        Column(
            "status",
            TEXT,
            "NEW, PARTIALLY_FILLED, FILLED, CANCELED, EXPIRED, ... as printed; NULL when misprinted",
            nullable=True,
        ),
        Column("time_in_force", TEXT, "GTC, IOC or FOK; NULL when misprinted", nullable=True),
        Column("price", MONEY, "the limit, in the quote asset; NULL where it has none", nullable=True),
        Column("stop_price", MONEY, "what sets it off; NULL where nothing does", nullable=True),
        Column("orig_qty", MONEY, "wanted, in the base asset; an amendment changes it"),
        Column("executed_qty", MONEY, "filled so far, in the base asset"),
        Column(
            "cumulative_quote_qty",
            MONEY,
            "filled so far, in the quote asset; NULL where the exchange does not know it any more",
            nullable=True,
        ),
        Column(
            "orig_quote_order_qty", MONEY, "wanted, in the quote asset; NULL when asked for otherwise", nullable=True
        ),
        Column("iceberg_qty", MONEY, "the part shown on the book; NULL when all of it is", nullable=True),
        Column(
            "is_working",
            FLAG,
            "it is on the book; NULL where the market does not say, or when misprinted",
            nullable=True,
        ),
        Column("working_time", TIME, "when it came onto the book; NULL when it never did", nullable=True),
        _STP_MODE,
        Column("prevented_match_id", ID, "the match that was prevented; NULL when none was", nullable=True),
        Column("prevented_quantity", MONEY, "expired by such matches; NULL when none was", nullable=True),
        Column("used_sor", FLAG, "routed over several books; NULL when it was not", nullable=True),
        Column("working_floor", TEXT, "EXCHANGE or SOR; NULL when not routed", nullable=True),
        Column("strategy_id", ID, "given by who placed it; NULL without one", nullable=True),
        Column("strategy_type", ID, "given by who placed it; NULL without one", nullable=True),
        Column("trailing_delta", ID, "of a trailing stop, in basis points; NULL for other orders", nullable=True),
        Column("trailing_time", TIME, "when the trailing began; NULL before and for other orders", nullable=True),
        Column("expiry_reason", TEXT, "why it expired; NULL where the exchange does not say", nullable=True),
        Column("time", TIME, "when it was placed"),
        Column("update_time", TIME, "when it last changed; NULL where the exchange does not say", nullable=True),
        _EXTRA,
        Column(
            "gone_since",
            TIME,
            "when the exchange was first seen not to know it any more; NULL until then",
            nullable=True,
        ),
        _SEEN_AT,
    ),
    key=("account", "market", "symbol", "order_id", "version"),
    kind=Kind.VERSIONS,
    series=("account", "market", "symbol"),
    cursor_fields=(
        *ID_COVERAGE,
        rising("changed_at", "when a version was last added"),
        free("open_since", "when the oldest order that may be open was placed; 1970 when none may be"),
        _GONE_AT,
        free("retained_at", "when the stored orders were last compared with those the exchange still returns"),
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
        _VERSION,
        SYMBOL,
        Column("contingency_type", TEXT, "OCO or OTO; NULL when misprinted", nullable=True),
        Column(
            "list_status_type", TEXT, "RESPONSE, EXEC_STARTED, UPDATED or ALL_DONE; NULL when misprinted", nullable=True
        ),
        Column("list_order_status", TEXT, "EXECUTING, ALL_DONE or REJECT; NULL when misprinted", nullable=True),
        Column("list_client_order_id", TEXT, "given by who placed it; NULL when misprinted", nullable=True),
        Column("transaction_time", TIME, "when it was placed or last changed"),
        Column(
            "orders",
            EXTRA,
            "JSON list of its orders: symbol, orderId, clientOrderId; NULL when misprinted",
            nullable=True,
        ),
        _EXTRA,
        _SEEN_AT,
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

FILLS = Dataset(
    name="fills",
    doc="Every trade of the account, from the first one on, with its fee in its own asset.",
    columns=(
        ACCOUNT,
        MARKET,
        SYMBOL,
        Column("trade_id", ID, "unique within the symbol, not beyond it"),
        _ORDER_ID,
        _ORDER_LIST_ID,
        _PRICE,
        _QTY,
        _QUOTE_QTY,
        _COMMISSION,
        _COMMISSION_ASSET,
        Column("time", TIME, "when it was made; not always ascending with trade_id"),
        _IS_BUYER,
        _IS_MAKER,
        Column("is_best_match", FLAG, "as printed; NULL where the exchange does not say", nullable=True),
        _EXTRA,
    ),
    key=("account", "market", "symbol", "trade_id"),
    kind=Kind.APPEND,
    needs="orders",
    series=("account", "market", "symbol"),
    cursor="trade_id",
    cursor_fields=(
        *ID_COVERAGE,
        rising("probed_at", "up to when the symbol was looked at for a first fill"),
        rising("matched_at", "the last change of orders up to which fills were compared with them"),
        rising("reconciled_at", "when all orders of the symbol were last compared with its fills"),
        _GONE_AT,
    ),
    clock="time",
    partition=("account", "market", "month"),
    lasting=True,
)

ALLOCATIONS = Dataset(
    name="allocations",
    doc="What orders routed over several books received; these are not among the fills.",
    columns=(
        ACCOUNT,
        MARKET,
        SYMBOL,
        Column("allocation_id", ID, "unique within the symbol; not a trade's id"),
        Column("allocation_type", TEXT, "SOR; NULL when misprinted", nullable=True),
        _ORDER_ID,
        _ORDER_LIST_ID,
        _PRICE,
        _QTY,
        _QUOTE_QTY,
        _COMMISSION,
        _COMMISSION_ASSET,
        Column("time", TIME, "when it was made"),
        _IS_BUYER,
        _IS_MAKER,
        Column("is_allocator", FLAG, "as printed; NULL when misprinted", nullable=True),
        _EXTRA,
    ),
    key=("account", "market", "symbol", "allocation_id"),
    kind=Kind.APPEND,
    series=("account", "market", "symbol"),
    cursor="allocation_id",
    cursor_fields=ID_COVERAGE,
    clock="time",
    partition=("account", "market", "month"),
    comes_with="fills",
    lasting=True,
)

PREVENTED_MATCHES = Dataset(
    name="prevented_matches",
    doc="Matches of the account with itself that the exchange prevented, for orders that point to one.",
    columns=(
        ACCOUNT,
        MARKET,
        SYMBOL,
        Column("prevented_match_id", ID, "unique within the symbol"),
        Column("taker_order_id", ID, "the order that came in; NULL when misprinted", nullable=True),
        Column("maker_symbol", TEXT, "of the order that rested; NULL where the exchange does not say", nullable=True),
        Column("maker_order_id", ID, "the order that rested; NULL when misprinted", nullable=True),
        Column(
            "trade_group_id",
            ID,
            "the group of accounts that must not trade with one another; NULL when misprinted",
            nullable=True,
        ),
        _STP_MODE,
        _PRICE,
        Column("taker_prevented_quantity", MONEY, "expired of the taker; NULL when nothing was", nullable=True),
        Column("maker_prevented_quantity", MONEY, "expired of the maker; NULL when nothing was", nullable=True),
        Column("transact_time", TIME, "when it would have been made"),
        _EXTRA,
    ),
    key=("account", "market", "symbol", "prevented_match_id"),
    kind=Kind.APPEND,
    series=("account", "market", "symbol"),
    clock="transact_time",
    partition=("account", "market", "month"),
    comes_with="fills",
)
