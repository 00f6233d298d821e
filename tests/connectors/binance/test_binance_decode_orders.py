"""Answers about orders and fills, recorded and from the documentation, to Arrow without loss."""

import json
from decimal import Decimal

import pytest

from connectors.binance.decode import decode, decode_readable
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.endpoints.spot import (
    ALL_ORDER_LISTS,
    ALL_ORDERS,
    MY_ALLOCATIONS,
    MY_PREVENTED_MATCHES,
    MY_TRADES,
    OPEN_ORDERS,
    ORDER,
)
from connectors.binance.errors import Unreadable
from schemas.model.fields import DECIMALS, EXTRA, TIME

OF_ACCOUNT = {"account": "main", "market": "spot"}
OF_VERSION = {**OF_ACCOUNT, "version": 0, "seen_at": 1_700_000_000_000_000}
SAMPLES = {
    "GetOrder": ORDER,
    "GetOrders": ALL_ORDERS,
    "GetOpenOrders": OPEN_ORDERS,
    "GetUserTrades": MY_TRADES,
    "GetPreventedTrades": MY_PREVENTED_MATCHES,
    "GetOcoOrders": ALL_ORDER_LISTS,
}
RECORDED = {"get_open_orders_*": OPEN_ORDERS, "get_order_*": ORDER}
OLD = {"GET_api_v3_allOrders*": ALL_ORDERS, "GET_api_v3_openOrders*": OPEN_ORDERS}
ALLOCATION = {
    "symbol": "BTCUSDT", "allocationId": 0, "allocationType": "SOR", "orderId": 1, "orderListId": -1,
    "price": "1.00000000", "qty": "5.00000000", "quoteQty": "5.00000000", "commission": "0.00000000",
    "commissionAsset": "BTC", "time": 1687506878118, "isBuyer": True, "isMaker": False, "isAllocator": False,
}  # fmt: skip


def constants(endpoint: Endpoint) -> dict:
    assert endpoint.dataset is not None
    return OF_VERSION if "version" in endpoint.dataset.schema.names else OF_ACCOUNT


def assert_nothing_lost(body: bytes, endpoint: Endpoint) -> None:
    """Each printed field is in its column, NULL where it only means that there is none, or in `extra`."""
    assert endpoint.dataset is not None
    assert isinstance(endpoint.wire, dict)
    printed = json.loads(body)
    rows = decode(body, endpoint, constants(endpoint)).to_pylist()
    printed = printed if isinstance(printed, list) else [printed]
    assert len(rows) == len(printed) > 0
    for row, fields in zip(rows, printed, strict=True):
        left = dict(fields)
        for column in endpoint.dataset.columns:
            first, *rest = column.name.split("_")
            wire = endpoint.wire.get(column.name, first + "".join(map(str.capitalize, rest)))
            if wire in left:
                assert same(row[column.name], left.pop(wire), column.type), column.name
        assert left == json.loads(row["extra"] or "{}")


def same(stored, printed, kind) -> bool:
    if stored is None:
        return Decimal(printed) <= 0
    if kind is TIME:
        return int(stored.timestamp() * 1000) == printed
    if kind is EXTRA:
        return json.loads(stored) == printed
    return stored == (Decimal(printed) if kind in DECIMALS else printed)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_documentation_is_read_whole(recorded, name):
    """The documented answer of every endpoint of order history decodes without loss."""
    text = (recorded / "endpoint-samples" / "JKorf-Binance.Net" / "Spot" / "Trading" / f"{name}.txt").read_text()
    assert_nothing_lost(text.split("\n", 3)[3].encode(), SAMPLES[name])


@pytest.mark.parametrize("pattern", RECORDED)
def test_real_answers_are_read_whole(recorded, pattern):
    """Orders recorded from the live exchange decode without loss, although they lack younger fields."""
    paths = sorted((recorded / "vcr-cassettes" / "dvcrn-binance.ex").glob(f"{pattern}.json"))
    assert paths
    for path in paths:
        for exchanged in json.loads(path.read_text()):
            assert_nothing_lost(exchanged["response"]["body"].encode(), RECORDED[pattern])


@pytest.mark.parametrize("pattern", OLD)
def test_answers_of_old_are_read_whole(recorded, pattern):
    """An order without list, working time or quote quantity is an order; those columns are NULL."""
    paths = sorted((recorded / "rest-json" / "gocryptotrader").glob(f"{pattern}.json"))
    assert paths
    for path in paths:
        assert_nothing_lost(json.dumps(json.loads(path.read_text())["response"]).encode(), OLD[pattern])


def test_an_allocation_is_read_whole():
    """Allocations have an id space of their own, which begins at 0."""
    assert_nothing_lost(json.dumps([ALLOCATION]).encode(), MY_ALLOCATIONS)
    assert decode(json.dumps([ALLOCATION]).encode(), MY_ALLOCATIONS, OF_ACCOUNT)["allocation_id"][0].as_py() == 0


PRINTED = {
    "symbol": "LTCBTC", "orderId": 1, "orderListId": -1, "clientOrderId": "a", "price": "0.00000000",
    "origQty": "1.0", "executedQty": "1.0", "cummulativeQuoteQty": "-1.00000000", "status": "FILLED",
    "timeInForce": "GTC", "type": "MARKET", "side": "BUY", "stopPrice": "0.0", "icebergQty": "0",
    "isWorking": True, "workingTime": -1, "origQuoteOrderQty": "0.000000", "trailingTime": -1,
    "time": 1499827319559, "updateTime": 1499827319559,
}  # fmt: skip
FILL = {
    "symbol": "LTCBTC", "id": 9, "orderId": 1, "orderListId": -1, "price": "1", "qty": "1", "quoteQty": "1",
    "commission": "0", "commissionAsset": "BNB", "time": 1499827319559, "isBuyer": True, "isMaker": True,
    "isBestMatch": True,
}  # fmt: skip


def order(**changes: object) -> dict:
    return decode(json.dumps({**PRINTED, **changes}).encode(), ORDER, OF_VERSION).to_pylist()[0]


def test_sentinels_are_null():
    """What the exchange prints for nothing is NULL: no sum is absurd and no order worked in 1969."""
    row = order()
    unset = ("order_list_id", "price", "stop_price", "iceberg_qty", "working_time", "trailing_time")
    assert [row[name] for name in (*unset, "cumulative_quote_qty", "orig_quote_order_qty")] == [None] * 8
    assert order(price="0.00000001")["price"] == Decimal("0.00000001")
    assert order(orderListId=0)["order_list_id"] == 0
    assert order(cummulativeQuoteQty="0")["cumulative_quote_qty"] == 0


@pytest.mark.parametrize(
    ("name", "value", "column"),
    [
        ("clientOrderId", 5, "client_order_id"),
        ("clientOrderId", None, "client_order_id"),
        ("status", 5, "status"),
        ("status", None, "status"),
        ("side", ["BUY"], "side"),
        ("type", False, "type"),
        ("timeInForce", {"a": "0.10"}, "time_in_force"),
        ("isWorking", "true", "is_working"),
        ("usedSor", 1, "used_sor"),
        ("orderListId", "7", "order_list_id"),
        ("strategyId", 2**63, "strategy_id"),
        ("strategyId", 1.5, "strategy_id"),
        ("strategyId", True, "strategy_id"),
        ("preventedMatchId", 10**30, "prevented_match_id"),
    ],
)
def test_what_only_describes_refuses_nothing(name, value, column):
    """A text, flag or number that does not fit its column is NULL there and stands in `extra` as printed."""
    row = order(**{name: value, "more": 1})
    assert row[column] is None
    assert json.loads(row["extra"]) == {"more": 1} | ({} if value is None else {name: value})
    assert row["order_id"] == 1


MISFITS = [
    ("price", 1.5), ("price", "x"), ("origQty", None), ("executedQty", "1e-9"), ("time", "1499827319559"),
    ("time", None), ("time", -1), ("time", 0), ("time", 5), ("updateTime", "x"), ("updateTime", 5),
    ("workingTime", 5), ("symbol", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), MISFITS)
def test_money_and_times_refuse_their_row(name, value):
    """A row whose money, time or symbol cannot be held is refused under its id with the field; the others are kept."""
    good = {**PRINTED, "orderId": 3}
    body = json.dumps([good, {**PRINTED, "orderId": 4, name: value}, {**good, "orderId": 5}])
    rows, refused = decode_readable(body.encode(), ALL_ORDERS, OF_VERSION)
    assert rows["order_id"].to_pylist() == [3, 5]
    assert [one.id for one in refused] == [4]
    column = {
        "updateTime": "update_time",
        "origQty": "orig_qty",
        "executedQty": "executed_qty",
        "workingTime": "working_time",
    }.get(name, name)
    assert any(word in refused[0].why for word in (name, column))
    with pytest.raises(Unreadable):
        decode(body.encode(), ALL_ORDERS, OF_VERSION)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"isBuyer": None}, "the field isBuyer is null instead of true or false"),
        ({"isBuyer": "yes"}, "the field isBuyer is text instead of true or false"),
        ({"qty": 1.5}, "the field qty is a number with decimals instead of text"),
        ({"orderId": "7"}, "the field orderId is text instead of a whole number"),
        ({"qty": ...}, "the field qty is missing"),
        (5, "a row is a whole number instead of an object"),
    ],
)
def test_a_misprint_is_told_in_words(value, told):
    """A row that cannot be read is named with its dataset, the field, what came, what belongs there and the way out."""
    odd = {name: held for name, held in (FILL | value).items() if held is not ...} if isinstance(value, dict) else value
    rows, refused = decode_readable(json.dumps([{**FILL, "id": 8}, odd]).encode(), MY_TRADES, OF_ACCOUNT)
    assert rows["trade_id"].to_pylist() == [8]
    assert refused[0].why == (
        f"The answer of myTrades does not match the declaration of fills: {told}. "
        "It was not stored. Run again; if it stays so, update binlake, or report it."
    )


def test_an_amount_below_zero_refuses_its_row():
    """A quantity below zero is refused with its row, and no other row with it."""
    body = json.dumps([PRINTED, {**PRINTED, "orderId": 4, "origQty": "-1"}])
    rows, refused = decode_readable(body.encode(), ALL_ORDERS, OF_VERSION)
    assert (rows["order_id"].to_pylist(), [one.id for one in refused]) == ([1], [4])


@pytest.mark.parametrize("value", [None, "4", 2**63, -1.5])
def test_an_id_that_cannot_be_read_refuses_its_row(value):
    """A row that cannot be told from others is refused without an id; a body that is no list is refused whole."""
    body = json.dumps([PRINTED, {**PRINTED, "orderId": value}]).encode()
    rows, refused = decode_readable(body, ALL_ORDERS, OF_VERSION)
    assert (rows.num_rows, [one.id for one in refused]) == (1, [None])
    with pytest.raises(Unreadable):
        decode_readable(b"[1,", ALL_ORDERS, OF_VERSION)


def test_a_fee_of_nothing_needs_no_asset():
    """A fill without a fee may come without the asset of the fee."""
    fill = {**FILL, "commission": "0.00000000", "commissionAsset": None}
    assert decode(json.dumps([fill]).encode(), MY_TRADES, OF_ACCOUNT)["commission_asset"].to_pylist() == [None]


@pytest.mark.parametrize("value", [-1, 0, None])
def test_an_update_that_never_was_is_null(value):
    """An order that was never updated did not change in 1969."""
    assert order(updateTime=value)["update_time"] is None


def test_fields_to_come_are_kept():
    """A field that the schema does not know is in `extra`, digits and all."""
    assert json.loads(order(somethingNew="0.100")["extra"]) == {"somethingNew": "0.100"}
