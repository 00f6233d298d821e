"""Numbers read by whole columns are those that are printed, and whatever is not printed so is left to be read by cells."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance.archive.csv import columns_of
from connectors.binance.archive.digits import lined_up
from connectors.binance.archive.layouts import LAYOUTS, Layout
from connectors.binance.archive.lines import sift
from schemas.model.fields import DECIMALS, FLAG, TIME

CANDLES, TRADES = LAYOUTS["klines", "spot"], LAYOUTS["agg_trades", "usdm"]
CANDLE = b"1767225600000000,87500.70000000,9,0.00000001,87504.90000000,3192.5,1767225659999999,3.6,135,1764.0,2.01,0\n"
OTHER = b"1767225600000,7.7,10,12345678.25,12.504,3.25,1767225659999,123.4567,7,1.7,12.2,10\n"
TRADE = b"316751043,0.002737,24479.0,879771161,879771162,1781481600220,false\n"

_digits = st.integers(1, 10).flatmap(lambda most: st.text("0123456789", min_size=1, max_size=most))


def _cell(layout: Layout, name: str) -> st.SearchStrategy[str]:
    column = layout.dataset.column(name) if name in layout.read else None
    if column is None:
        return _digits
    if column.type in DECIMALS:
        return st.tuples(_digits, st.text("0123456789", min_size=1, max_size=8)).map(".".join)
    if column.type is FLAG:
        return st.sampled_from(["true", "false", "True", "False"])
    return st.integers(10**12, 10**16 - 1).map(str) if column.type is TIME else _digits


def _texts(layout: Layout) -> st.SearchStrategy[bytes]:
    """A few lines, alone or amid so many equal ones that not all of them are looked at beforehand."""
    lines = st.tuples(*(_cell(layout, name) for name in layout.columns)).map(lambda cells: ",".join(cells) + "\n")
    some, copies = st.lists(lines, min_size=1, max_size=5), st.sampled_from([0, 70])
    return st.tuples(some, copies).map(lambda drawn: _amid(*drawn).encode())


def _amid(lines: list[str], copies: int) -> str:
    return copies * lines[0] + "".join(lines) + copies * lines[0]


def _by_cells(text: bytes, layout: Layout) -> pa.Table:
    """The same columns out of lines that are looked at one by one; raises ArrowInvalid where one of them is no row."""
    sifted = sift(text, layout, 1)
    assert sifted.left_out is None
    table = columns_of(sifted.rows, layout)
    return table.cast(pa.schema([(name, _kind(layout, name)) for name in table.column_names]))


def _kind(layout: Layout, name: str) -> pa.DataType:
    column = layout.dataset.column(name)
    return pa.int64() if column.type is TIME else column.type.arrow


@pytest.mark.parametrize("layout", [CANDLES, TRADES], ids=["candles", "trades"])
def test_every_number_is_the_printed_one(layout: Layout) -> None:
    """Whatever digits lines of one form have, columns are what a reader of cells makes of them."""

    @settings(max_examples=25, deadline=None, database=None)
    @given(_texts(layout))
    def holds(text: bytes) -> None:
        read = lined_up(text, layout)
        assert read is not None
        assert read.equals(_by_cells(text, layout))

    holds()


@pytest.mark.parametrize("layout", [CANDLES, TRADES], ids=["candles", "trades"])
def test_nothing_is_read_that_is_not_a_row(layout: Layout) -> None:
    """Whatever stands at one place instead, the text is read as it is printed, or left to a reader of cells."""

    @settings(max_examples=50, deadline=None, database=None)
    @given(
        _texts(layout),
        st.integers(0, 10**6),
        st.sampled_from(b'0123456789.,-+eETrue\r\n ":/\0\x11\x1f\x91\xb1\xff'),
        st.booleans(),
    )
    def holds(text: bytes, place: int, byte: int, inserts: bool) -> None:
        at = place % len(text)
        text = text[:at] + bytes([byte]) + text[at if inserts else at + 1 :]
        read = lined_up(text, layout)
        if read is not None:
            assert read.equals(_by_cells(text, layout))

    holds()


@pytest.mark.parametrize(("layout", "line"), [(CANDLES, CANDLE), (TRADES, TRADE)], ids=["candles", "trades"])
def test_long_texts_are_read_in_one(layout: Layout, line: bytes) -> None:
    """A text of several blocks has all of its rows, in order."""
    text = line * 15_000
    read = lined_up(text, layout)
    assert read is not None
    assert read.equals(_by_cells(text, layout))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"1767225600000000", b"1767225600000"),
        (b"87500.70000000", b"9.70000000"),
        (b"87500.70000000", b"1234567890.7"),
        (b"87500.70000000", b"12345678.7"),
        (b",9,", b",12345678,"),
        (b"3192.5", b"3192.25"),
        (b"135", b"1234567890123456"),
        (b",0\n", b",1234567890123456\n"),
    ],
)
def test_one_line_may_have_other_lengths_than_all_before(was: bytes, now: bytes) -> None:
    """A number of another length is exact also where thousands of equal ones stand around it."""
    other = CANDLE.replace(was, now)
    for text in (990 * CANDLE + other + 1009 * CANDLE, 495 * (CANDLE + OTHER) + other + 504 * (OTHER + CANDLE)):
        read = lined_up(text, CANDLES)
        assert read is not None
        assert read.equals(_by_cells(text, CANDLES))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"87500.70000000", b"-87500.7000000"),
        (b"87500.70000000", b"8.75007E4"),
        (b"87500.70000000", b"87500.700000001"),
        (b"87500.70000000", b"12345678901.00000000"),
        (b"87500.70000000", b"87500."),
        (b"87500.70000000", b".70000000"),
        (b"87500.70000000", b""),
        (b"87500.70000000", b"8.7500.7"),
        (b"87500.70000000", b"87500,70000000"),
        (b"87500.70000000", b"87500.7000000\0"),
        (b"87500.70000000", b"87500.7000000\x11"),
        (b"1767225600000000", b"1767225\x11600000"),
        (b"1767225600000000", b"1767225\xb1600000"),
        (b"87500.70000000", b"87500:70000000"),
        (b"135", b"135.0"),
        (b"135", b"true"),
        (b"135", b"1r5"),
        (b"87500.70000000", b"8750:.70000000"),
        (b"135", b"12345678901234567"),
        (b",0\n", b",0\r\n"),
        (b",0\n", b"\n"),
        (b",0\n", b",0,0\n"),
        (b",0\n", b",0"),
    ],
)
def test_what_is_printed_otherwise_is_left_to_be_read_by_cells(was: bytes, now: bytes) -> None:
    """A sign, an exponent, a digit too many, no digit, another mark, a letter: each is refused, in one line or in all."""
    odd = CANDLE.replace(was, now)
    alike, unlike = 990 * CANDLE + odd + 1009 * CANDLE, 495 * (CANDLE + OTHER) + odd + 504 * (OTHER + CANDLE)
    for text in (odd, CANDLE + odd, odd + CANDLE, odd * 3, alike, unlike):
        if text != CANDLE + CANDLE.rstrip() + CANDLE:
            assert lined_up(text, CANDLES) is None


@pytest.mark.parametrize("flag", [b"TRUE", b"t", b"truE", b"1", b"falsetrue", b"tru", b"alse", b"trut", b"falsE"])
def test_a_flag_is_one_of_two_words(flag: bytes) -> None:
    """What is neither true nor false is left to be read by cells, however many letters it has."""
    odd, other = TRADE.replace(b"false", flag), TRADE.replace(b"false", b"True")
    for text in (odd, TRADE + odd, 990 * TRADE + odd + 1009 * TRADE, 495 * (TRADE + other) + odd + 504 * other):
        assert lined_up(text, TRADES) is None


def test_flags_may_all_be_the_same() -> None:
    """Flags are the printed ones where all lines have the same, where one has another, and where they take turns."""
    other = TRADE.replace(b"false", b"True")
    for text in (TRADE, 9 * TRADE, 9 * other, 990 * TRADE + other + 1009 * TRADE, 99 * (TRADE + other)):
        read = lined_up(text, TRADES)
        assert read is not None
        assert read.equals(_by_cells(text, TRADES))
