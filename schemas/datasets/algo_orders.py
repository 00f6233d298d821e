"""Orders of futures that wait for a price: the exchange keeps them apart from the orders that they become."""

from __future__ import annotations

from schemas.datasets.account import ACCOUNT
from schemas.datasets.market import MARKET, SYMBOL
from schemas.datasets.orders import BY_FUTURES, EXTRA_FIELDS, GONE_AT, GONE_SINCE, POSITION_SIDE, SEEN_AT, VERSION
from schemas.model.cursor import RESUMED, TIME_COVERAGE, free, rising
from schemas.model.dataset import Dataset, Kind, Lifecycle
from schemas.model.fields import FLAG, ID, MONEY, TEXT, TIME, Column

_MISPRINTED = "when misprinted"

ALGO_ORDERS = Dataset(
    name="algo_orders",
    doc="Every conditional order of USD-M futures (stops, take-profits, trailing stops) in every state it was seen in. "
    "Once its trigger price is reached it becomes an order of its own, which `orders` has.",
    columns=(
        ACCOUNT,
        MARKET,
        SYMBOL,
        Column("algo_id", ID, "unique within the symbol, not beyond it"),
        VERSION,
        Column("client_algo_id", TEXT, "given by who placed it", null=_MISPRINTED),
        Column("algo_type", TEXT, "CONDITIONAL, or a word of its own", null=_MISPRINTED),
        Column("order_type", TEXT, "STOP, STOP_MARKET, TAKE_PROFIT, TRAILING_STOP_MARKET, ...", null=_MISPRINTED),
        Column("side", TEXT, "BUY or SELL", null=_MISPRINTED),
        POSITION_SIDE,
        Column("time_in_force", TEXT, "GTC, IOC or FOK", null=_MISPRINTED),
        Column("algo_status", TEXT, "NEW, TRIGGERED, FINISHED, CANCELED, EXPIRED, ... as printed", null=_MISPRINTED),
        Column("quantity", MONEY, "wanted", null="where it closes the whole position"),
        Column("trigger_price", MONEY, "what sets it off", null="where nothing does"),
        Column("price", MONEY, "the limit of the order that it becomes", null="where that has none"),
        Column("actual_order_id", TEXT, "the order that it became, in `orders`", null="until it became one"),
        Column("actual_price", MONEY, "at which that order traded on average", null="until it traded"),
        Column("working_type", TEXT, "MARK_PRICE or CONTRACT_PRICE, which sets it off", null=_MISPRINTED),
        Column("reduce_only", FLAG, "it may only make a position smaller", null=_MISPRINTED),
        Column("close_position", FLAG, "it closes the whole position", null=_MISPRINTED),
        Column("create_time", TIME, "when it was placed"),
        Column("update_time", TIME, "when it last changed", null="where the exchange does not say"),
        Column("trigger_time", TIME, "when its price was reached", null="until then"),
        EXTRA_FIELDS,
        GONE_SINCE,
        SEEN_AT,
    ),
    key=("account", "market", "symbol", "algo_id", "version"),
    kind=Kind.VERSIONS,
    series=("account", "market", "symbol"),
    cursor_fields=(
        *TIME_COVERAGE,
        *RESUMED,
        rising("changed_at", "when a version was last added"),
        free("open_since", "when the oldest one that may be open was placed; 1970 when none may be"),
        GONE_AT,
    ),
    clock="create_time",
    partition=("account", "market", "month"),
    comes_with="orders",
    lifecycle=Lifecycle(
        stamp="update_time",
        status="algo_status",
        open=("NEW", "TRIGGERING", "TRIGGERED"),
        final=("FINISHED", "CANCELED", "REJECTED", "EXPIRED"),
        fixed={"side": ".+"},
        start="create_time",
        kept={"usdm": BY_FUTURES},
    ),
)
