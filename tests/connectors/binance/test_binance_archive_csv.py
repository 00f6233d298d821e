"""What becomes of the CSV in a zip of the archive: its exact rows, or the reason why not."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_zips import DAY, HEADER, MICRO_DAY, MINUTE_MS, MONTH, csv_of, kline_file, minutes, ms, row, zip_of

from connectors.binance.archive.candles import Content, read
from connectors.binance.archive.csv import repeated
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.zip import Defect, unpack
from schemas.datasets.archive import Reason
from schemas.datasets.market import KLINES

FIRST = ms("2024-05-07")


def _read(rows: list[str], file: ArchiveFile = DAY, **how: int) -> Content:
    return read(zip_of(csv_of(rows), file), file, **how)


def _reason(content: bytes, file: ArchiveFile = DAY) -> Reason:
    with pytest.raises(Defect) as caught:
        read(zip_of(content, file), file)
    assert caught.value.detail
    return caught.value.reason


def _opened(content: Content) -> list[datetime]:
    return content.rows["open_time"].to_pylist()


def test_a_day_comes_out_whole_and_exact() -> None:
    """Every value is the printed one, every column is declared, the end is to the millisecond."""
    content = _read(minutes("2024-05-07"))
    assert content.rows.schema.equals(KLINES.schema)
    assert (content.rows.num_rows, content.dropped_duplicates, content.holes) == (1440, 0, ())
    assert content.rows.slice(2, 1).to_pylist() == [
        {
            "market": "spot",
            "symbol": "BTCUSDT",
            "interval": "1m",
            "open_time": datetime(2024, 5, 7, 0, 2, tzinfo=UTC),
            "open": Decimal("4.15070000"),
            "high": Decimal("4.15870000"),
            "low": Decimal("4.15070000"),
            "close": Decimal("4.15540000"),
            "volume": Decimal("539.23000000"),
            "close_time": datetime(2024, 5, 7, 0, 2, 59, 999_000, tzinfo=UTC),
            "quote_volume": Decimal("2240.39860900"),
            "trade_count": 2,
            "taker_buy_volume": Decimal("539.23000000"),
            "taker_buy_quote_volume": Decimal("1669.98121300"),
        }
    ]


def test_microseconds_are_the_same_instants() -> None:
    """A file of 2025, in microseconds and closing at .999999, says the same as one in milliseconds."""
    opened = [ms("2025-05-07") + number * MINUTE_MS for number in range(1440)]
    in_ms = _read([row(each) for each in opened], MICRO_DAY)
    in_us = _read([row(each * 1000, (each + MINUTE_MS) * 1000 - 1) for each in opened], MICRO_DAY)
    assert in_us.rows.equals(in_ms.rows)
    assert in_us.holes == ()


def test_the_unit_may_change_between_two_rows() -> None:
    """Each row's time is read in its own unit."""
    whole = minutes("2024-05-07")
    turned = [row(FIRST * 1000 + n * MINUTE_MS * 1000, (FIRST + (n + 1) * MINUTE_MS) * 1000 - 1, trades=n)
              for n in range(700, 1440)]  # fmt: skip
    assert _read([*whole[:700], *turned]).rows.equals(_read(whole).rows)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_header_is_left_out(ending: str) -> None:
    """With and without the header of the futures files, and with either line end, the rows are the same."""
    rows = minutes("2024-05-07")
    headed = ending.join([HEADER, *rows, ""]).encode()
    assert read(zip_of(headed), DAY).rows.equals(_read(rows).rows)


def test_the_last_line_needs_no_end() -> None:
    """A file without a final line end holds its last row all the same."""
    assert read(zip_of(csv_of(minutes("2024-05-07")).rstrip()), DAY).holes == ()


def test_futures_print_fewer_decimals() -> None:
    """A price of one decimal, as futures print it, is the exact same number."""
    content = _read([row(FIRST, price="34161.6")])
    assert content.rows["open"].to_pylist() == [Decimal("34161.60000000")]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(30)), st.lists(st.integers(0, 29), max_size=8))
def test_order_and_repeats_do_not_matter(order: list[int], again: list[int]) -> None:
    """However rows are shuffled and repeated, the table is the same, and each repeat is counted."""
    rows = minutes("2024-05-07", 30)
    content = _read([rows[number] for number in [*order, *again]])
    assert content.rows.equals(_read(rows).rows)
    assert content.dropped_duplicates == len(again)


def test_two_different_rows_for_one_instant_are_both_left_out() -> None:
    """Nothing says which one is right; repeats of other rows are counted all the same."""
    rows = minutes("2024-05-07")
    content = _read([*rows, row(FIRST, trades=99), rows[0], rows[5]])
    assert [defect.reason for defect in content.left_out] == [Reason.CONFLICTING_ROWS]
    assert content.rows.equals(_read(rows[1:]).rows)
    assert content.dropped_duplicates == 1


def test_a_file_of_contradictions_is_refused() -> None:
    """More than a few instants with two different rows are no slip."""
    rows = minutes("2024-05-07")
    other = [row(FIRST + number * MINUTE_MS, price="9.1") for number in range(101)]
    assert _reason(csv_of([*rows, *other])) is Reason.CONFLICTING_ROWS


def test_a_file_of_another_day_is_refused() -> None:
    """Rows of another time that are more than a few, or all there are, make the whole file one of another time."""
    assert _reason(csv_of(minutes("2024-05-08", 3))) is Reason.OUTSIDE_PERIOD
    assert _reason(csv_of([*minutes("2024-05-07"), *minutes("2024-05-08", 101)])) is Reason.OUTSIDE_PERIOD


def test_a_tripled_file_is_no_bomb() -> None:
    """Every line three times over is a file with repeats, however large that makes it."""
    rows = minutes("2024-05-07")
    assert _read(rows * 3).dropped_duplicates == 2 * len(rows)
    longest = [row(MONTH.since_us // 1000, price="9" * 13 + ".12345678", trades=10**9)]
    assert _read(longest * 3, MONTH).rows.num_rows == 1


def test_two_rows_fused_into_one_line_cost_two_rows() -> None:
    """A line end that is missing takes two candles, and the line is named; all others are loaded as they are."""
    rows = minutes("2024-05-07")
    content = _read([*rows[:700], rows[700] + rows[701], *rows[702:]])
    assert content.rows.num_rows == 1438
    assert content.holes == (((FIRST + 700 * MINUTE_MS) * 1000, (FIRST + 702 * MINUTE_MS) * 1000),)
    [defect] = content.left_out
    assert (defect.reason, "line 701 '171508" in defect.detail) == (Reason.BAD_ROW, True)


def test_more_than_a_few_bad_lines_spoil_the_file() -> None:
    """A hundred slips may be left out; more than that is no file of candles."""
    rows = minutes("2024-05-07")
    assert len(_read([*rows, *["1,2,3"] * 100]).left_out) == 1
    assert _reason(csv_of([*rows, *["1,2,3"] * 101])) is Reason.BAD_ROW


def test_a_missing_stretch_is_named() -> None:
    """Rows that are there are loaded; the stretches without one are named, also at either end."""
    rows = minutes("2024-05-07")
    kept = [*rows[5:600], *rows[660:1430]]
    content = _read(kept)
    assert content.rows.num_rows == len(kept)
    day_us, minute_us = FIRST * 1000, MINUTE_MS * 1000
    assert content.holes == tuple(
        (day_us + since * minute_us, day_us + until * minute_us) for since, until in ((0, 5), (600, 660), (1430, 1440))
    )


def test_a_month_with_a_day_missing_names_the_day() -> None:
    """As the real one of 2023-04-07: the rest of the month is loaded."""
    days = [datetime(2024, 2, day, tzinfo=UTC) for day in range(1, 30)]
    length = timedelta(days=1)
    rows = [row(int(day.timestamp()) * 1000, int((day + length).timestamp()) * 1000 - 1) for day in days]
    content = _read([*rows[:6], *rows[7:]], MONTH)
    assert content.holes == ((int(days[6].timestamp()) * 10**6, int(days[7].timestamp()) * 10**6),)


def test_candles_off_the_grid_are_kept_as_printed() -> None:
    """As on 2018-02-09: candles 14 s late are no holes, and their times stay what they are."""
    rows = minutes("2024-05-07", 720)
    late = [row(FIRST + number * MINUTE_MS + 14_000) for number in range(720, 1440)]
    content = _read([*rows, *late])
    assert content.holes == ()
    assert _opened(content)[720] == datetime(2024, 5, 7, 12, 0, 14, tzinfo=UTC)


def test_odd_ends_are_kept_as_printed() -> None:
    """As in 2018-02: a candle that ends at another instant than its neighbours is stored as it stands."""
    rows = minutes("2024-05-07")
    rows[7] = row(FIRST + 7 * MINUTE_MS, FIRST + 7 * MINUTE_MS + 45_999)
    content = _read(rows)
    assert content.rows["close_time"].to_pylist()[7] == datetime(2024, 5, 7, 0, 7, 45, 999_000, tzinfo=UTC)
    assert content.holes == ()


def test_a_late_end_keeps_no_candle_open() -> None:
    """A candle is over when its time is: one that prints a later end is kept as printed, and not taken for open."""
    rows = minutes("2024-05-07")
    rows[7] = row(FIRST + 7 * MINUTE_MS, FIRST + 86_400_000 * 400)
    assert _read(rows, made_us=(FIRST + 1441 * MINUTE_MS) * 1000).holes == ()


@pytest.mark.parametrize("line", ["", "see the notes", "1,2,3"])
def test_a_stray_first_line_costs_no_row(line: str) -> None:
    """What stands above the rows and is no header is left out as anywhere else."""
    rows = minutes("2024-05-07")
    content = _read([line, *rows])
    assert content.rows.equals(_read(rows).rows)
    assert [defect.reason for defect in content.left_out] == [Reason.BAD_ROW] * bool(line)


def test_a_month_of_one_day_names_the_rest() -> None:
    """A month's file once held 24 hours under a valid CHECKSUM: they are loaded, the other days are one stretch."""
    file = kline_file("spot", "BTCUSDT", "1h", "2024-05")
    first, hour = file.since_us // 1000, 60 * MINUTE_MS
    content = _read([row(first + n * hour, first + (n + 1) * hour - 1) for n in range(24)], file)
    assert (content.rows.num_rows, content.holes) == (24, (((first + 24 * hour) * 1000, file.until_us),))


@pytest.mark.parametrize(
    ("interval", "period", "opened", "lasts"),
    [
        ("1M", "2024-02", ["2024-02-01"], 29),
        ("1w", "2024-02", ["2024-02-05", "2024-02-12", "2024-02-19", "2024-02-26"], 7),
        ("3d", "2024-02", [f"2024-02-{day:02}" for day in range(2, 30, 3)], 3),
    ],
)
def test_long_candles_fill_a_month(interval: str, period: str, opened: list[str], lasts: int) -> None:
    """Months, weeks from Monday, and days by threes on the symbol's own grid leave no hole."""
    file = kline_file("spot", "BTCUSDT", interval, period)
    rows = [row(ms(day), ms(day) + lasts * 86_400_000 - 1) for day in opened]
    assert _read(rows, file).holes == ()
    assert len(_read(rows[:-1], file).holes) == 1 if len(rows) > 1 else True


def test_a_candle_that_was_still_open_is_left_out() -> None:
    """A candle that closes after the file was made can still change: it is a hole, not a row."""
    content = _read(minutes("2024-05-07"), made_us=(FIRST + 1439 * MINUTE_MS) * 1000)
    assert content.rows.num_rows == 1439
    assert content.holes == (((FIRST + 1439 * MINUTE_MS) * 1000, (FIRST + 1440 * MINUTE_MS) * 1000),)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(FIRST - MINUTE_MS), Reason.OUTSIDE_PERIOD),
        (row(FIRST + 1440 * MINUTE_MS), Reason.OUTSIDE_PERIOD),
        (row(FIRST // 1000), Reason.OUTSIDE_PERIOD),
        (row(0), Reason.OUTSIDE_PERIOD),
        (row(FIRST, FIRST - 1), Reason.BAD_ROW),
        (row(FIRST, 4_200_000_000_000), Reason.BAD_ROW),
        (row(FIRST, price="-4.15"), Reason.BAD_ROW),
        (row(FIRST, price="4.123456789"), Reason.BAD_ROW),
        (row(FIRST, price="1" * 31), Reason.BAD_ROW),
        (row(FIRST, price="123456789012345678901234567890123"), Reason.BAD_ROW),
        (row(FIRST, price=""), Reason.BAD_ROW),
        (row(FIRST, price="nan"), Reason.BAD_ROW),
        (row(FIRST).replace(",13,", ",13.5,"), Reason.BAD_ROW),
        (row(FIRST) + ",0", Reason.BAD_ROW),
        (row(FIRST).removesuffix(",0"), Reason.BAD_ROW),
        (row(FIRST)[:40], Reason.BAD_ROW),
        (HEADER, Reason.BAD_ROW),
    ],
)
def test_a_row_that_cannot_be_trusted_is_left_out(line: str, reason: Reason) -> None:
    """Times elsewhere, digits that do not fit and columns that are not there have names; nothing is guessed."""
    rows = minutes("2024-05-07")
    content = _read([*rows[1:700], line, *rows[700:]])
    assert [defect.reason for defect in content.left_out] == [reason]
    assert content.rows.equals(_read(rows[1:]).rows)


@pytest.mark.parametrize("place", [name for name in range(11) if name not in {0, 6}])
@pytest.mark.parametrize("header", ["", f"{HEADER}\n"])
def test_a_number_below_zero_is_named(place: int, header: str) -> None:
    """A row with a price, a volume or a count below zero is left out with its line; the others stay."""
    rows = minutes("2024-05-07")
    fields = rows[3].split(",")
    fields[place] = f"-{fields[place]}"
    odd = ",".join(fields)
    content = read(zip_of(header.encode() + csv_of([*rows[:3], odd, *rows[4:]])), DAY)
    assert [defect.reason for defect in content.left_out] == [Reason.BAD_ROW]
    assert f"line {5 if header else 4} " in content.left_out[0].detail
    assert content.rows.equals(_read([*rows[:3], *rows[4:]]).rows)


@pytest.mark.parametrize(
    "line",
    [
        row(FIRST, price="4.2E-05"),
        row(FIRST).replace(str(FIRST), "1.71504E+12"),
        row(FIRST, price='"4.15"'),
        row(FIRST).replace(",", ";"),
        row(FIRST).replace(str(FIRST), "2024-05-07 00:00:00"),
        row(FIRST, price="#####"),
    ],
)
def test_one_row_of_a_spreadsheet_spoils_the_file(line: str) -> None:
    """A spreadsheet rounds other numbers too, which does not show: nothing of such a file is loaded."""
    rows = minutes("2024-05-07")
    assert _reason(csv_of([*rows[1:700], line, *rows[700:]])) is Reason.MANGLED_NUMBERS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        ("\n\n", Reason.EMPTY),
        (f"{HEADER}\n", Reason.EMPTY),
        ("open,high,low\n1,2,3\n", Reason.BAD_ROW),
        (HEADER.replace("open,high", "high,open") + "\n" + row(FIRST), Reason.BAD_ROW),
        ("\ufeff" + row(FIRST), Reason.MANGLED_NUMBERS),
        ('"1715040000000","4.1"\n', Reason.MANGLED_NUMBERS),
        ("<html>moved</html>", Reason.BAD_ROW),
    ],
)
def test_the_first_line_decides(text: str, reason: Reason) -> None:
    """No line, a header alone, columns in another order, and whatever else is no row at all."""
    assert _reason(text.encode()) is reason


@pytest.mark.parametrize("text", ["", "BTCUSDT", "币安人生USDT"])
def test_a_name_stands_in_every_row(text: str) -> None:
    """What no line prints is the same in each row, however long it is."""
    for count in (0, 1, 3):
        repeated(text, count).validate(full=True)
        assert repeated(text, count).to_pylist() == [text] * count


@pytest.mark.parametrize("file", [DAY, kline_file("spot", "BTCUSDT", "1M", "2024-05")])
def test_a_file_full_of_longest_rows_still_fits(file: ArchiveFile) -> None:
    """What counts as a bomb is far beyond the longest rows there can be, each there twice."""
    slots = 1 if file.series["interval"] == "1M" else 1440
    longest = [
        row(file.since_us // 1000 + n * MINUTE_MS, price="9" * 13 + ".12345678", trades=10**9) for n in range(slots)
    ]
    assert _read(longest * 2, file).dropped_duplicates == slots


# The zip around it


def test_another_name_inside_is_refused() -> None:
    """The CSV of another day under this day's name is not this day."""
    with pytest.raises(Defect, match=r"instead of 'BTCUSDT-1m-2024-05-07\.csv'") as caught:
        read(zip_of(csv_of(minutes("2024-05-07")), name="BTCUSDT-1m-2024-05-08.csv"), DAY)
    assert caught.value.reason is Reason.WRONG_MEMBER


@pytest.mark.parametrize("name", ["../BTCUSDT-1m-2024-05-07.csv", "BTCUSDT-1m-2024-05-07.csv/", "a/b.csv"])
def test_no_path_inside_is_followed(name: str) -> None:
    """Folders and ways out of them are other names too; nothing is ever unpacked to disk."""
    with pytest.raises(Defect) as caught:
        read(zip_of(b"", name=name), DAY)
    assert caught.value.reason is Reason.WRONG_MEMBER


def test_more_than_the_csv_is_refused() -> None:
    """Whoever put something beside the CSV may have done more."""
    with pytest.raises(Defect) as caught:
        read(zip_of(csv_of(minutes("2024-05-07")), readme=b"hello"), DAY)
    assert caught.value.reason is Reason.EXTRA_MEMBERS


def test_no_member_at_all_is_refused() -> None:
    """An empty zip holds no day."""
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    with pytest.raises(Defect) as caught:
        read(buffer, DAY)
    assert caught.value.reason is Reason.WRONG_MEMBER


@pytest.mark.parametrize("honest", [True, False])
def test_a_bomb_is_never_unpacked(honest: bool) -> None:
    """A zip that unpacks to 64 MB costs no such memory, whether it says so or promises a kilobyte."""
    packed = zip_of(csv_of(minutes("2024-05-07")) + b"\n" * (64 << 20))
    size = zipfile.ZipFile(packed).infolist()[0].file_size
    if not honest:
        packed = io.BytesIO(packed.getvalue().replace(size.to_bytes(4, "little"), (1024).to_bytes(4, "little")))  # type: ignore[attr-defined]
    tracemalloc.start()
    with pytest.raises(Defect) as caught:
        read(packed, DAY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason is (Reason.ZIP_BOMB if honest else Reason.BAD_ZIP)
    assert peak < 8 << 20


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_zip_without_its_end_is_named_so(share: float) -> None:
    """Wherever it was cut."""
    whole = zip_of(csv_of(minutes("2024-05-07"))).read()
    with pytest.raises(Defect) as caught:
        read(io.BytesIO(whole[: int(len(whole) * share) or 30]), DAY)
    assert caught.value.reason is Reason.TRUNCATED_ZIP


@pytest.mark.parametrize("content", [b"", b"<html>Access denied</html>", b"\x1f\x8b\x08" + bytes(100)])
def test_what_is_no_zip_is_named_so(content: bytes) -> None:
    """An empty file, a page of a proxy and a gzip are no zips."""
    with pytest.raises(Defect) as caught:
        read(io.BytesIO(content), DAY)
    assert caught.value.reason is Reason.BAD_ZIP


def test_a_directory_larger_than_one_member_needs_is_not_read() -> None:
    """Its length stands at the end of the zip: 65,000 members are refused before any of them costs memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(65_000):
            archive.writestr(f"{number}", b"")
    tracemalloc.start()
    with pytest.raises(Defect) as caught:
        read(buffer, DAY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (caught.value.reason, peak < 1 << 20) == (Reason.EXTRA_MEMBERS, True)


def test_a_flipped_byte_is_found_wherever_it_lies() -> None:
    """Also without the CHECKSUM: a zip comes out as it went in, or as a named defect, and never as another error."""
    content = csv_of(minutes("2024-05-07", 20))
    whole = zip_of(content).read()
    defects = 0
    for place in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            broken = io.BytesIO(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            try:
                assert unpack(broken, f"{DAY.stem}.csv", 10**6) == content, place
            except Defect:
                defects += 1
    assert defects > len(whole)


def test_a_locked_zip_is_refused() -> None:
    """The archive's zips have no password."""
    whole = bytearray(zip_of(csv_of(minutes("2024-05-07"))).read())
    whole[6] |= 1
    whole[whole.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Defect) as caught:
        read(io.BytesIO(bytes(whole)), DAY)
    assert caught.value.reason is Reason.BAD_ZIP
