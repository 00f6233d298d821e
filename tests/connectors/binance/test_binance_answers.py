"""Answers held against their questions: a row that nobody asked for is refused by name."""

import json
from decimal import Decimal

import pytest
from support.binance_world import START_S

from connectors.binance.answers import held
from connectors.binance.decode import decode
from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.futures_account import COINM_INCOME, USDM_INCOME
from connectors.binance.endpoints.margin import FLOWS, INTEREST, LOANS
from connectors.binance.endpoints.model import ByTime, OnGrid, Windows
from connectors.binance.endpoints.payments import C2C_TRADES
from connectors.binance.endpoints.spot import (
    ACCOUNT,
    ALL_ORDER_LISTS,
    ALL_ORDERS,
    EXCHANGE_INFO,
    MY_ALLOCATIONS,
    MY_PREVENTED_MATCHES,
    MY_TRADES,
    OPEN_ORDERS,
    ORDER,
    PRICE,
    TICKER_24H,
)
from connectors.binance.endpoints.sub_accounts import OF_SUB_ACCOUNT
from connectors.binance.endpoints.wallet import TRANSFERS
from connectors.binance.errors import Mismatched, Unreadable
from connectors.simulator.protocol import faults
from schemas.datasets.algo_orders import ALGO_ORDERS
from schemas.datasets.orders import FILLS, ORDERS
from schemas.datasets.trades import AGG_TRADES, TRADES
from schemas.model.fields import DECIMALS, EXTRA, FLAG, ID, TEXT, TIME

NOW_US = int(START_S * 1e6)
TICKS = (AGG_TRADES, TRADES)
FILLERS = {TEXT: "BTCUSDT", EXTRA: [], ID: 7, FLAG: True, TIME: int(START_S * 1000)} | dict.fromkeys(DECIMALS, "1.0")
DATA = [endpoint for endpoint in ENDPOINTS if endpoint.dataset is not None]
NOTHING = [b"[]", b"{}", b"null", b"0", b'""', b"[[]]", b"[{}]", b"[null]", b'{"balances":[],"symbols":[]}']
KNOWN = {
    "market": "spot", "account": "main", "wallet": "spot", "interval": "1m", "observed_at": NOW_US, "version": 0,
    "valid_from": NOW_US, "seen_at": NOW_US, "gone_since": None,
}  # fmt: skip


def constants(endpoint):
    known = {name: value for name, value in KNOWN.items() if name in endpoint.dataset.schema.names}
    of_one = isinstance(endpoint.wire, tuple) or endpoint.dataset in TICKS
    return known | ({"symbol": "BTCUSDT"} if of_one else {})


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def answer(endpoint, *rows: dict):
    """The body of an answer whose rows have these values, and fillers for all others."""
    columns = [column for column in endpoint.dataset.columns if column.name not in constants(endpoint)]
    if isinstance(endpoint.wire, tuple):
        printed = [
            [row.get(name, FILLERS[endpoint.dataset.column(name).type]) if name else "0" for name in endpoint.wire]
            for row in rows
        ]
    else:
        names = {column.name: endpoint.wire.get(column.name, camel(column.name)) for column in columns}
        fillers = {column.name: FILLERS[column.type] for column in columns if column.name != "extra"}
        printed = [{names[name]: value for name, value in (fillers | row).items()} for row in rows]
    if endpoint.nested is not None:
        printed = [{"transId": 7, endpoint.nested: printed}]
    for name in reversed(endpoint.rows_at.split(".") if endpoint.rows_at else []):
        printed = {name: printed}
    return json.dumps(printed)


def read(endpoint, body, **params: object):
    """What becomes of this answer to these parameters."""
    known = constants(endpoint)
    return held(decode(body.encode(), endpoint, known), endpoint, known, params)


OF = {"symbol": "BTCUSDT"}
AT_MS = int(START_S * 1000)
BY_TIME = [one for one in ENDPOINTS if isinstance(one.walk, ByTime) and one.reshape is None]
CANDLES = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint.walk, OnGrid)]
LEDGERS = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint.walk, Windows) and endpoint.reshape is None]
ELSEWHERE = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.dataset in (*TICKS, ALGO_ORDERS) or (endpoint.market != "spot" and endpoint.dataset in (ORDERS, FILLS))
]


def other(endpoint, name):
    """An answer that a parameter speaks against: the question, the row, and how it is refused."""
    column, of = endpoint.held[name].column, OF if "symbol" in endpoint.held else {}
    if name.endswith("Id"):
        return of | {name: 8}, {column: 7}, f"answered {column} 7"
    return {
        "symbol": (of, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
        "startTime": (of | {"startTime": AT_MS + 1}, {}, "asked for startTime from"),
        "endTime": (of | {"endTime": AT_MS - 1}, {}, "asked for endTime up to"),
    }[name]


WRONG = [
    *((endpoint, *other(endpoint, name)) for endpoint in ELSEWHERE for name in endpoint.held),
    (PRICE, OF, {"symbol": "ETHUSDT"}, "asked for symbol BTCUSDT and answered symbol ETHUSDT"),
    (PRICE, {"symbols": ["BTCUSDT", "BNBUSDT"]}, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (TICKER_24H, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (TICKER_24H, {"symbols": ["BTCUSDT"]}, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    *((candles, OF | {"startTime": AT_MS + 1}, {}, "answered open_time") for candles in CANDLES),
    *((candles, OF | {"endTime": AT_MS - 1}, {}, "answered open_time") for candles in CANDLES),
    *((one, {"startTime": AT_MS + 1}, {}, f"answered {one.feeds.cursor}") for one in BY_TIME),
    *((one, {"endTime": AT_MS - 1}, {}, f"answered {one.feeds.cursor}") for one in BY_TIME),
    *((one, OF, {"symbol": "ETHUSDT"}, "answered symbol") for one in BY_TIME if "symbol" in one.held),
    (OPEN_ORDERS, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (ORDER, OF | {"orderId": 7}, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (ORDER, OF | {"orderId": 7}, {"order_id": 8}, "asked for orderId 7 and answered order_id 8"),
    (ALL_ORDERS, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (ALL_ORDERS, OF | {"orderId": 8}, {"order_id": 7}, "asked for orderId from 8 and answered order_id 7"),
    (ALL_ORDERS, OF | {"orderId": 0}, {"order_id": -7}, "answered order_id -7"),
    (ALL_ORDER_LISTS, {"fromId": 8}, {"order_list_id": 7}, "answered order_list_id 7"),
    (MY_TRADES, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (MY_TRADES, OF | {"orderId": 8}, {"order_id": 7}, "answered order_id 7"),
    (MY_TRADES, OF | {"fromId": 8}, {"trade_id": 7}, "answered trade_id 7"),
    (MY_ALLOCATIONS, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (MY_ALLOCATIONS, OF | {"fromAllocationId": 8}, {"allocation_id": 7}, "answered allocation_id 7"),
    (MY_PREVENTED_MATCHES, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    (MY_PREVENTED_MATCHES, OF | {"preventedMatchId": 8}, {"prevented_match_id": 7}, "answered prevented_match_id 7"),
    (FLOWS, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT"),
    *(
        (margin, {"isolatedSymbol": "BTCUSDT"}, {"isolated_symbol": "ETHUSDT"}, "answered isolated_symbol ETHUSDT")
        for margin in (LOANS, INTEREST)
    ),
    *(
        (income, {"incomeType": "COMMISSION"}, {}, "asked for incomeType COMMISSION")
        for income in (USDM_INCOME, COINM_INCOME)
    ),
    *((income, OF, {"symbol": "ETHUSDT"}, "answered symbol ETHUSDT") for income in (USDM_INCOME, COINM_INCOME)),
    (OF_SUB_ACCOUNT, {"type": "1"}, {"type": "2"}, "asked for type 1 and answered type"),
    (C2C_TRADES, {"tradeType": "BUY"}, {"trade_type": "SELL"}, "asked for tradeType BUY"),
    (TRANSFERS, {"type": "MAIN_FUNDING"}, {"type": "FUNDING_MAIN"}, "asked for type MAIN_FUNDING"),
    *((ledger, {ledger.walked(Windows).start: AT_MS + 1}, {}, f"answered {ledger.feeds.cursor}") for ledger in LEDGERS),
    *((ledger, {ledger.walked(Windows).end: AT_MS - 1}, {}, f"answered {ledger.feeds.cursor}") for ledger in LEDGERS),
]


@pytest.mark.parametrize(("endpoint", "params", "row", "sentence"), WRONG)
def test_a_row_that_was_not_asked_for_is_refused(endpoint, params, row, sentence):
    """A row of another symbol, an id or a time beyond what was asked is named, and nothing of the answer is taken."""
    with pytest.raises(Mismatched, match=sentence):
        read(endpoint, answer(endpoint, {}, row), **params)


def test_every_row_of_the_list_has_its_case():
    """Whatever parameter an endpoint holds its rows against stands in the table above."""
    plain = [
        endpoint for endpoint in ENDPOINTS if endpoint.reshape is None
    ]  # others are printed in shapes of their own
    held_against = {(endpoint.name, name) for endpoint in plain for name in endpoint.held}
    shown = {(endpoint.name, name) for endpoint, params, _, _ in WRONG for name in params}
    assert shown - held_against == {(candles.name, "symbol") for candles in CANDLES}, (
        "a candle does not say of which symbol it is"
    )
    assert held_against <= shown


AMOUNTS = [
    (endpoint, column.name, column.signed)
    for endpoint in DATA
    for column in endpoint.dataset.columns
    if column.type in DECIMALS and endpoint.reshape is None
]


@pytest.mark.parametrize(("endpoint", "name", "signed"), AMOUNTS, ids=lambda value: getattr(value, "name", str(value)))
def test_an_amount_below_zero_is_refused_where_there_is_none(endpoint, name, signed):
    """A negative price or quantity is never stored; where the exchange has a word for none, it is NULL."""
    body = answer(endpoint, {name: "-1.5"})
    if signed or name in endpoint.unset:
        (row,) = read(endpoint, body).to_pylist()
        assert row[name] == (Decimal("-1.5") if signed else None)
        return
    with pytest.raises(Mismatched, match=rf"printed -1\.5\d* for {name}, which is never below zero"):
        read(endpoint, body)


async def test_one_wrong_answer_is_an_accident(world):
    """What the second answer prints is taken."""
    world.exchange.inject(faults.Body(text=answer(PRICE, {"price": "-1"}), path=PRICE.path))
    async with world.client() as client:
        assert (await client.rows(PRICE, constants(PRICE), symbol="BTCUSDT"))["symbol"].to_pylist() == ["BTCUSDT"]


WHOLE = [(ACCOUNT, "free"), (PRICE, "price"), (TICKER_24H, "volume"), (EXCHANGE_INFO, "status"), (OPEN_ORDERS, "side")]


@pytest.mark.parametrize(("endpoint", "name"), WHOLE, ids=lambda value: getattr(value, "name", value))
def test_a_row_printed_twice_counts_once(endpoint, name):
    """In a list that is whole, such as an account's assets, nothing is counted twice; a contradiction is refused."""
    key = endpoint.dataset.identity[-1] if endpoint is not ACCOUNT else "asset"
    other = {key: 9 if key == "order_id" else "OTHER"}
    assert read(endpoint, answer(endpoint, {}, other, {}))[key].to_pylist() == [
        FILLERS[endpoint.dataset.column(key).type],
        *other.values(),
    ]
    with pytest.raises(Mismatched, match=r"printed .* twice, not with the same values"):
        read(endpoint, answer(endpoint, {}, other, {name: "2"}))


@pytest.mark.parametrize("body", NOTHING)
@pytest.mark.parametrize("endpoint", DATA, ids=lambda endpoint: endpoint.name)
def test_whatever_says_nothing_is_no_row_or_refused(endpoint, body):
    """An answer that says nothing becomes an empty table or one kind of error, at every endpoint."""
    try:
        assert decode(body, endpoint, constants(endpoint)).num_rows == 0
    except Unreadable as problem:
        assert endpoint.name in str(problem)  # noqa: PT017 - both ways of reading it are right


@pytest.mark.parametrize("endpoint", [EXCHANGE_INFO, PRICE, TICKER_24H], ids=lambda endpoint: endpoint.name)
async def test_a_list_that_always_holds_something_is_not_taken_for_empty(world, endpoint):
    """No symbols, or no prices at all, is no answer: it is asked for again, and refused."""
    world.exchange.inject(faults.Body(text=answer(endpoint), path=endpoint.path, count=None))
    async with world.client() as client:
        with pytest.raises(Mismatched, match=f"{endpoint.name} answered nothing at all"):
            await client.rows(endpoint, constants(endpoint))
    assert len(world.asked) == 2


@pytest.mark.parametrize("endpoint", [ACCOUNT, OPEN_ORDERS], ids=lambda endpoint: endpoint.name)
def test_an_account_may_have_nothing(endpoint):
    """An account without assets or open orders is one that has none."""
    assert read(endpoint, answer(endpoint)).num_rows == 0
