"""From the bytes of an answer to Arrow, exactly."""

import json
from decimal import Decimal, localcontext

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance.decode import decode
from connectors.binance.endpoints.spot import ACCOUNT, EXCHANGE_INFO, KLINES, PRICE, TICKER_24H
from connectors.binance.endpoints.wallet import API_RESTRICTIONS
from connectors.binance.errors import Unreadable
from schemas.datasets.account import BALANCES
from schemas.datasets.market import KLINES as KLINE_ROWS
from schemas.datasets.market import PRICES, SYMBOLS, TICKERS
from schemas.model.fields import DECIMALS

NOON_US = 1_700_000_000_000_000
OF_SERIES = {"market": "spot", "symbol": "BTCUSDT", "interval": "1h"}
OF_SNAPSHOT = {"market": "spot", "observed_at": NOON_US}
OF_LISTING = {"market": "spot", "valid_from": NOON_US}
OF_WALLET = {"account": "main", "wallet": "spot", "observed_at": NOON_US}

CANDLE = [1499040000000, "1", "2", "0.5", "1.5", "10", 1499043599999, "15", 3, "4", "6", "0"]


def kline(**changes: object) -> bytes:
    row = dict(zip(KLINES.wire, CANDLE, strict=False)) | changes
    return json.dumps([[*row.values(), "0"]]).encode()


def answers(recorded, pattern):
    """The recorded answers of a route, as the exchange sent them."""
    found = sorted((recorded / "rest-json" / "gocryptotrader").glob(pattern))
    assert found
    return [json.loads(path.read_text())["response"] for path in found]


def sample(recorded, name) -> bytes:
    """The documentation's sample of an endpoint: three lines about the call, then the answer."""
    text = (recorded / "endpoint-samples" / "JKorf-Binance.Net" / "Spot" / f"{name}.txt").read_text()
    return text.split("\n", 3)[3].encode()


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def assert_nothing_lost(rows: pa.Table, printed: list[dict], dataset) -> None:
    """Each printed field is in its column with the same digits, or in `extra`."""
    assert rows.num_rows == len(printed)
    decimals = {column.name for column in dataset.columns if column.type in DECIMALS}
    times = {name for name in rows.schema.names if pa.types.is_timestamp(rows.schema.field(name).type)}
    as_integers = rows.set_column(0, rows.schema.names[0], rows[0])
    for name in times:
        index = as_integers.schema.get_field_index(name)
        as_integers = as_integers.set_column(index, name, as_integers[name].cast(pa.int64()))
    for row, answer in zip(as_integers.to_pylist(), printed, strict=True):
        left = dict(answer)
        for name, stored in row.items():
            if camel(name) not in left:
                continue
            value = left.pop(camel(name))
            if name in decimals:
                assert stored == Decimal(value)
            elif name in times:
                assert stored == value * 1000
            elif isinstance(value, list):
                assert json.loads(stored) == value
            else:
                assert stored == value
        assert left == json.loads(row.get("extra") or "{}")


def test_recorded_klines_keep_every_digit(recorded):
    """Eleven recorded answers, up to a full page, come back as they were printed."""
    for printed in answers(recorded, "GET_api_v3_klines__*"):
        rows = decode(json.dumps(printed).encode(), KLINES, OF_SERIES)
        assert rows.schema == KLINE_ROWS.schema
        columns = [rows[name].cast(pa.int64()) if "_time" in name else rows[name] for name in KLINES.wire]
        stored = zip(*columns, strict=True)
        for row, candle in zip(stored, printed, strict=True):
            for name, value, text in zip(KLINES.wire, row, candle, strict=False):
                expected = text * 1000 if "_time" in name else Decimal(text) if isinstance(text, str) else text
                assert value.as_py() == expected


def test_the_recorded_exchange_info_loads_whole(recorded):
    """All 1,695 symbols of a real answer load; every field is in a column or in `extra`."""
    body = (recorded / "exchange-info" / "spot_2021-10-12.json").read_bytes()
    rows = decode(body, EXCHANGE_INFO, OF_LISTING)
    assert rows.schema == SYMBOLS.schema
    assert rows.num_rows == 1695
    assert_nothing_lost(rows, json.loads(body)["symbols"], SYMBOLS)
    assert rows["gone_since"].null_count == rows["permission_sets"].null_count == 1695


@pytest.mark.parametrize(
    ("endpoint", "pattern", "dataset"),
    [(TICKER_24H, "GET_api_v3_ticker_24hr__*", TICKERS), (PRICE, "GET_api_v3_ticker_price__*", PRICES)],
)
def test_recorded_tickers_keep_every_digit(recorded, endpoint, pattern, dataset):
    """One symbol comes as an object, all as a list; both become the same rows."""
    for printed in answers(recorded, pattern):
        rows = decode(json.dumps(printed).encode(), endpoint, OF_SNAPSHOT)
        assert rows.schema == dataset.schema
        assert_nothing_lost(rows, printed if isinstance(printed, list) else [printed], dataset)


def test_recorded_balances_keep_every_digit(recorded):
    """The rows of an account are the list under `balances`."""
    whole = answers(recorded, "GET_api_v3_account__*")
    excerpt = json.loads((recorded / "account" / "spot_account_excerpt.json").read_text())
    for printed in [*whole, excerpt]:
        rows = decode(json.dumps(printed).encode(), ACCOUNT, OF_WALLET)
        assert rows.schema == BALANCES.schema
        assert_nothing_lost(rows, printed["balances"], BALANCES)
        assert rows["extra"].null_count == rows.num_rows


@pytest.mark.parametrize(
    ("name", "endpoint", "constants", "rows_at"),
    [
        ("ExchangeData/GetPrice", PRICE, OF_SNAPSHOT, None),
        ("ExchangeData/GetTicker", TICKER_24H, OF_SNAPSHOT, None),
        ("ExchangeData/GetExchangeInfo", EXCHANGE_INFO, OF_LISTING, "symbols"),
        ("Account/GetAccountInfo", ACCOUNT, OF_WALLET, "balances"),
    ],
)
def test_documented_samples_decode_without_loss(recorded, name, endpoint, constants, rows_at):
    """What the documentation prints for an endpoint is what its declaration expects."""
    body = sample(recorded, name)
    printed = json.loads(body)
    rows = printed[rows_at] if rows_at else [printed]
    assert_nothing_lost(decode(body, endpoint, constants), rows, endpoint.dataset)


def test_the_documented_kline_decodes(recorded):
    """The documentation's candle, whose close time lies a week after its open time, is kept as printed."""
    row = decode(sample(recorded, "ExchangeData/GetKlines"), KLINES, OF_SERIES).to_pylist()[0]
    assert str(row["volume"]) == "148976.11427815"
    assert row["trade_count"] == 308
    assert (row["close_time"] - row["open_time"]).days == 6


def test_no_answer_is_an_empty_table():
    """An empty list has the schema of a full one."""
    assert decode(b"[]", KLINES, OF_SERIES).schema == KLINE_ROWS.schema
    assert decode(b'{"balances":[],"uid":1}', ACCOUNT, OF_WALLET).schema == BALANCES.schema


@given(st.from_regex(r"-?[0-9]{1,45}(\.[0-9]{1,12})?", fullmatch=True))
@settings(max_examples=500)
def test_a_decimal_survives_exactly_or_is_refused_by_name(text):
    """Whatever digits the exchange prints, they are stored to the last one or refused with column and value."""
    with localcontext(prec=100):
        exact = Decimal(text)
        fits = exact == exact.quantize(Decimal("1e-8")) and abs(exact) < Decimal(10) ** 30
    if fits:
        assert decode(kline(close=text), KLINES, OF_SERIES)["close"][0].as_py() == exact
        return
    with pytest.raises(Unreadable) as problem:
        decode(kline(close=text), KLINES, OF_SERIES)
    assert "close" in str(problem.value)
    assert text[:40] in str(problem.value)


@pytest.mark.parametrize("text", ["4" + "0" * 30, "4e30", "-3.5e37", "9" * 38, "6e68", "9e67", "1e-9"])
def test_a_number_too_large_does_not_wrap_around(text):
    """Beyond 127 bits arithmetic would come out as some other number; it is refused instead."""
    with pytest.raises(Unreadable, match="close"):
        decode(kline(close=text), KLINES, OF_SERIES)


@pytest.mark.parametrize("text", ["NaN", "inf", "1_000", " 1", "1 ", "\uff11", "0x1", "1,5", "", "1e400", "--1", "."])
def test_what_is_no_decimal_is_refused(text):
    """No text that only some parsers take for a number gets in, and an absent price is not a price."""
    with pytest.raises(Unreadable, match="close"):
        decode(kline(close=text), KLINES, OF_SERIES)


@pytest.mark.parametrize("value", [1.5, 1, None, True, ["1"], {}])
def test_money_that_is_not_text_is_refused(value):
    """A JSON number would have passed through a float somewhere; it is refused instead."""
    with pytest.raises(Unreadable, match="does not match"):
        decode(kline(close=value), KLINES, OF_SERIES)


@pytest.mark.parametrize(
    ("printed", "stored_us"),
    [
        (1499040000, 1499040000_000000),
        (1499040000000, 1499040000_000000),
        (1499040000123, 1499040000_123000),
        (1499040000123456, 1499040000_123456),
        (4_102_444_799, 4_102_444_799_000000),
        (4_102_444_799_999, 4_102_444_799_999_000),
        (1_498_867_200, 1_498_867_200_000_000),
        (1_498_867_200_000, 1_498_867_200_000_000),
        (1_498_867_200_000_000, 1_498_867_200_000_000),
    ],
)
def test_times_are_told_by_their_size(printed, stored_us):
    """Seconds, milliseconds and microseconds become the same instant."""
    rows = decode(kline(open_time=printed), KLINES, OF_SERIES)
    assert rows["open_time"].cast(pa.int64())[0].as_py() == stored_us


@pytest.mark.parametrize(
    "printed",
    [
        99_999_999_999,
        99_999_999_999_999,
        4_102_444_800_000,
        2**63 - 1,
        -(2**63),
        -1,
        0,
        5,
        1_498_867_199,
        1_498_867_199_999,
        100_000_000_000,
        100_000_000_000_000,
    ],
)
def test_an_instant_of_other_times_is_refused_by_name(printed):
    """A time before the exchange was open, of another century, or that would wrap around is refused by name."""
    with pytest.raises(Unreadable, match=f"printed {printed} for open_time"):
        decode(kline(open_time=printed), KLINES, OF_SERIES)


def test_a_close_time_is_cut_to_the_millisecond():
    """A candle asked for in microseconds ends where the same candle in milliseconds does."""
    rows = decode(kline(close_time=1499043599999999), KLINES, OF_SERIES)
    assert rows["close_time"].cast(pa.int64())[0].as_py() == 1499043599999000


def test_an_absurd_integer_is_refused_by_name():
    """A number beyond 64 bits is refused with its column, not wrapped."""
    with pytest.raises(Unreadable, match=r"99999999999999999999 for trade_count"):
        decode(kline(trade_count=99999999999999999999), KLINES, OF_SERIES)


def test_no_trade_is_null():
    """The ticker's -1 for `no trade` becomes NULL, and only there."""
    body = json.dumps(
        {camel(c.name): "0" if c.type in DECIMALS else 0 for c in TICKERS.columns}
        | {"openTime": NOON_US, "closeTime": NOON_US}
        | {"symbol": "X", "firstId": -1, "lastId": -1, "count": 0, "priceChange": "-1"}
    )
    row = decode(body.encode(), TICKER_24H, OF_SNAPSHOT).to_pylist()[0]
    assert (row["first_id"], row["last_id"], row["count"], row["price_change"]) == (None, None, 0, -1)


def test_an_absent_optional_field_is_null_and_an_empty_one_too():
    """Futures print no bid in their ticker; the columns say what NULL means."""
    fields = {camel(c.name): "1" if c.type in DECIMALS else NOON_US for c in TICKERS.columns if c.name != "bid_price"}
    row = decode(json.dumps(fields | {"symbol": "X", "askPrice": ""}).encode(), TICKER_24H, OF_SNAPSHOT).to_pylist()[0]
    assert (row["bid_price"], row["ask_price"]) == (None, None)


def test_an_absent_required_field_is_refused_by_name():
    """A ticker without its fields is not a ticker."""
    with pytest.raises(Unreadable, match="priceChange"):
        decode(b'{"symbol":"X"}', TICKER_24H, OF_SNAPSHOT)


def test_fields_the_exchange_adds_are_kept_in_extra():
    """Nothing is dropped when the exchange adds a field; numbers in it keep their digits, names are sorted."""
    body = b'{"balances":[{"asset":"BTC","free":"1","locked":"0","z":{"n": 0.10000000000000000001},"a":[1, 2]}]}'
    row = decode(body, ACCOUNT, OF_WALLET).to_pylist()[0]
    assert row["extra"] == '{"a":[1,2],"z":{"n":0.10000000000000000001}}'


def test_a_kline_that_grows_is_still_read():
    """A further element at the end of a candle does not stop ingestion; a missing one does."""
    assert decode(json.dumps([[*CANDLE, "new"]]).encode(), KLINES, OF_SERIES).num_rows == 1
    with pytest.raises(Unreadable, match="length"):
        decode(json.dumps([CANDLE[:10]]).encode(), KLINES, OF_SERIES)


def test_names_are_exact_to_the_code_point():
    """A non-ASCII symbol is stored as printed."""
    body = '[{"symbol":"这是测试币456","price":"1.0"}]'.encode()
    assert decode(body, PRICE, OF_SNAPSHOT)["symbol"][0].as_py() == "这是测试币456"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1,2",
        b"<html>",
        b'{"code":1}',
        b"[[]]",
        b'["\xff"]',
        b"[" * 100_000,
        b'[{"symbol":"\xff","price":"1"}]',
    ],
)
def test_any_other_body_is_unreadable(body):
    """Whatever is not the declared shape is one kind of error, without a parser's traceback."""
    with pytest.raises(Unreadable) as problem:
        decode(body, PRICE, OF_SNAPSHOT)
    assert problem.value.__suppress_context__


def test_a_wrong_constant_is_a_programming_error():
    """A constant that is no column, or an endpoint without rows, is told at once."""
    with pytest.raises(ValueError, match="no column wallet"):
        decode(b"[]", KLINES, {**OF_SERIES, "wallet": "spot"})
    with pytest.raises(AssertionError, match="feeds no dataset"):
        decode(b"{}", API_RESTRICTIONS, {})
