"""Archive files that hold no klines of trades: recorded ones to the digit, and what is known to be odd about them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.archive_zips import csv_of, zip_of

from connectors.binance.archive import candles, rows
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.zip import Defect
from connectors.simulator.archive import kinds as simulated
from schemas.datasets.archive import Reason
from schemas.datasets.archived import BOOK_DEPTH, BOOK_TICKER_UPDATES, LIQUIDATIONS, METRICS, OPTION_SUMMARIES
from schemas.datasets.derivatives import FUNDING_RATES
from schemas.datasets.market import KLINES, MARK_KLINES, PREMIUM_KLINES
from schemas.model.dataset import Dataset

EXCERPTS = {
    "cm/daily/liquidationSnapshot/BTCUSD_PERP-liquidationSnapshot-2023-06-25.head3.csv": LIQUIDATIONS,
    "cm/daily/metrics/BTCUSD_PERP-metrics-2023-06-25.head3.csv": METRICS,
    "um/daily/metrics/BTCUSDT-metrics-2025-11-02.head3.csv": METRICS,
    "um/daily/metrics/BTCUSDT-metrics-2026-07-20.head3.csv": METRICS,
    "cm/monthly/fundingRate/BTCUSD_PERP-fundingRate-2023-06.head3.csv": FUNDING_RATES,
    "um/daily/metrics/ETHUSDT-metrics-2024-06-01.one-row.csv": METRICS,
    "um/daily/bookDepth/BTCUSDT-bookDepth-2025-05-19.one-snapshot.csv": BOOK_DEPTH,
    "um/daily/bookDepth/BTCUSDT-bookDepth-2026-09-12.head3.csv": BOOK_DEPTH,
    "um/daily/bookTicker/BTCUSDT-bookTicker-2023-05-16.head3.csv": BOOK_TICKER_UPDATES,
    "option/daily/EOHSummary/BTCUSDT-EOHSummary-2023-10-22.two-expiries.zip": OPTION_SUMMARIES,
}
READ = ("fundingRate", "liquidationSnapshot", "metrics", "bookDepth", "bookTicker", "EOHSummary")
MARKETS = {"cm": "coinm", "um": "usdm", "option": "option"}


def _recorded_file(excerpt: str, dataset: Dataset) -> ArchiveFile:
    """The file of the archive that an excerpt was taken of."""
    symbol, _, period = Path(excerpt).name.split(".")[0].split("-", 2)
    return ArchiveFile.of(dataset, period, market=MARKETS[excerpt.split("/", maxsplit=1)[0]], symbol=symbol)


def _text(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])


def test_no_recorded_excerpt_is_left_out(recorded: Path) -> None:
    """Whoever adds an excerpt of these kinds to the recordings adds it here."""
    folder = recorded / "archives/excerpts"
    there = {str(path.relative_to(folder)) for kind in READ for path in folder.glob(f"*/*/{kind}/*-*")}
    assert there == set(EXCERPTS)


def test_the_recorded_header_of_options_is_what_is_read(recorded: Path) -> None:
    """D1: the ask's price comes before the bid's quantity, as the header says and not as it was once written down."""
    printed = (recorded / "archives/excerpts/option/daily/EOHSummary/header.csv").read_text().strip()
    assert printed == simulated.KINDS["EOHSummary"].header.decode()
    assert printed == ArchiveFile.of(OPTION_SUMMARIES, "2023-10-22", market="option", symbol="BTCUSDT").layout.header


@pytest.mark.parametrize(("excerpt", "dataset"), EXCERPTS.items())
def test_a_real_file_loads_exactly(excerpt: str, dataset: Dataset, recorded: Path) -> None:
    """D1, D5: every value of every row is the printed one, read a second time without any of our code."""
    file, text = _recorded_file(excerpt, dataset), _text(recorded / "archives/excerpts" / excerpt)
    content = rows.read(zip_of(text, file), file)
    assert (content.left_out, content.dropped_duplicates) == ((), 0)
    renamed = {column: name for name, column in file.layout.renamed.items()}
    printed = [_printed(row, file, renamed) for row in csv.DictReader(io.StringIO(text.decode()))]
    stored = [{name: row[name] for name in printed[0]} for row in content.rows.to_pylist()]
    assert sorted(stored, key=str) == sorted(printed, key=str)
    assert content.rows.schema.equals(dataset.schema)


def _printed(row: Mapping[str, str], file: ArchiveFile, renamed: Mapping[str, str]) -> dict[str, Any]:
    """A row by Python's own csv and decimal, under the names of the dataset."""
    dataset, values = file.series.dataset, dict(row)
    if "hour" in values:
        values["time"] = f"{values.pop('date')} {values.pop('hour')}:00:00"
    told = {one.name: values[renamed.get(one.name, one.name)] for one in dataset.columns if _is_printed(one.name, file)}
    return {name: _value(text, str(dataset.column(name).type.name)) for name, text in told.items()}


def _is_printed(name: str, file: ArchiveFile) -> bool:
    reckoned = name == "time" and file.layout.label is not None
    return name in {*file.layout.read, "time"} and name not in file.series.values and not reckoned


def _value(text: str, kind: str) -> Any:
    if kind in {"MONEY", "RATE"}:
        return Decimal(text) if text else None
    if kind == "ID":
        return int(text)
    if kind != "TIME":
        return text
    if text.isdigit():
        return datetime.fromtimestamp(int(text) // 1000, UTC) + timedelta(milliseconds=int(text) % 1000)
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
DAY = ArchiveFile.of(METRICS, "2026-07-20", market="usdm", symbol="BTCUSDT")


def _metrics(time: str, ratio: str = "1.5", symbol: str = "BTCUSDT") -> str:
    return f"2026-07-{time},{symbol},76643.1910000000000000,8430743345.6809000000000000,2.1,1.9,{ratio},0.7"


def _read(*lines: str, file: ArchiveFile = DAY) -> Any:
    return rows.read(zip_of(csv_of([HEADER, *lines]), file), file)


def test_rows_in_no_order_come_in_order() -> None:
    """8.7: metrics are not sorted."""
    content = _read(_metrics("20 00:10:00"), _metrics("20 00:00:00"), _metrics("20 00:05:00"))
    assert [time.minute for time in content.rows["time"].to_pylist()] == [0, 5, 10]


def test_a_file_with_every_row_twice_holds_each_once() -> None:
    """D2: metrics of 2020-09 to 2021-05 are doubled under a right CHECKSUM."""
    lines = [_metrics(f"20 00:{minute:02}:00") for minute in (0, 5, 10)]
    content = _read(*lines, *lines)
    assert (content.rows.num_rows, content.dropped_duplicates) == (3, 3)


def test_two_different_rows_of_one_time_are_left_out_and_named() -> None:
    """Nothing says which one is right; the others are loaded."""
    content = _read(_metrics("20 00:00:00"), _metrics("20 00:05:00", "1.1"), _metrics("20 00:05:00", "1.2"))
    assert content.rows.num_rows == 1
    assert [defect.reason for defect in content.left_out] == [Reason.CONFLICTING_ROWS]


def test_a_depth_that_never_changes_is_as_many_rows() -> None:
    """Since 2026-09-03 the inner bands of asks repeat one depth all day: each snapshot is a row, as it is printed."""
    day = ArchiveFile.of(BOOK_DEPTH, "2026-09-12", market="usdm", symbol="BTCUSDT")
    bands = {
        "-0.20": "{0}.10000000,{0}000.50000000",
        "0.20": "7.25000000,500.25000000",
        "1.00": "9.00000000,700.00000000",
    }
    lines = [
        f"2026-09-12 00:{minute:02}:04,{band},{rest.format(minute + 1)}"
        for minute in range(60)
        for band, rest in bands.items()
    ]
    content = rows.read(zip_of(csv_of(["timestamp,percentage,depth,notional", *lines]), day), day)
    assert (content.rows.num_rows, content.dropped_duplicates, content.left_out) == (180, 0, ())
    assert content.rows["depth"].to_pylist().count(Decimal("7.25")) == 60


@pytest.mark.parametrize("blank", ["", '""'])
def test_a_blank_ratio_is_null(blank: str) -> None:
    """8.7: whether it is printed as nothing or as a pair of quotes."""
    assert _read(_metrics("20 00:00:00", blank)).rows["account_ratio"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (_metrics("21 00:00:00"), Reason.OUTSIDE_PERIOD),
        (_metrics("20 00:10:00", symbol="ETHUSDT"), Reason.BAD_ROW),
        ("2026-07-20 00:10:00,BTCUSDT,7664", Reason.BAD_ROW),
        (_metrics("20 00:10:00", "1.23456789012345678"), Reason.BAD_ROW),
    ],
)
def test_a_row_that_cannot_be_right_is_left_out_and_named(line: str, reason: Reason) -> None:
    """Of another day or symbol, cut, or with more decimals than are held: its neighbours stay."""
    content = _read(_metrics("20 00:00:00"), _metrics("20 00:05:00"), line)
    assert content.rows.num_rows == 2
    assert [defect.reason for defect in content.left_out] == [reason]


def test_columns_of_another_order_are_refused() -> None:
    """D1: what stands under an unknown header may mean anything."""
    other = HEADER.replace("sum_open_interest,sum_open_interest_value", "sum_open_interest_value,sum_open_interest")
    with pytest.raises(Defect, match="known header"):
        rows.read(zip_of(csv_of([other, _metrics("20 00:00:00")]), DAY), DAY)


@pytest.mark.parametrize(
    "path",
    [
        "data/futures/um/daily/metrics/MATICUSDT/MATICUSDT-metrics-1993.zip",
        "data/futures/um/daily/metrics/BTCUSDT/part-00000-0fae7358-a956-4804-a6d4-1682c07a5127-c000.zip",
        "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2020-8.zip",
        "data/futures/um/daily/metrics/BTCUSDT/1m/BTCUSDT-1m-2026-07-20.zip",
        "data/spot/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-07-20.zip",
    ],
)
def test_stray_objects_are_no_files(path: str) -> None:
    """D4: listings hold objects that name no day, and they sort first or last."""
    assert ArchiveFile.at(path) is None


def _candle_file(dataset: Dataset, symbol: str = "BTCUSDT", period: str = "2026-01-01") -> ArchiveFile:
    market = "coinm" if symbol.startswith("BTCUSD_") else "usdm"
    return ArchiveFile.of(dataset, period, market=market, symbol=symbol, interval="1m")


def test_premiums_may_be_below_nothing() -> None:
    """Of premiumIndexKlines; of prices a sign is a bad row."""
    line = "1767225600000,-0.00012300,0.00001000,-0.00020000,-0.00000100,0,1767225659999,0,12,0,0,0"
    file = _candle_file(PREMIUM_KLINES)
    read = candles.read(zip_of(csv_of([line]), file), file).rows.to_pylist()[0]
    assert (read["open"], read["close"]) == (Decimal("-0.000123"), Decimal("-0.000001"))
    mark = _candle_file(MARK_KLINES)
    with pytest.raises(Defect):
        candles.read(zip_of(csv_of([line]), mark), mark)


def test_volumes_of_a_mark_price_mean_nothing() -> None:
    """The other fields of its rows are there and are not read."""
    line = "1767225600000,1.5,1.7,1.2,1.6,junk,1767225659999,0,12,0,0,0"
    file = _candle_file(MARK_KLINES)
    assert "volume" not in candles.read(zip_of(csv_of([line]), file), file).rows.column_names


def test_a_real_inverse_candle_counts_contracts(recorded: Path) -> None:
    """D5: the header says quote_volume, the value is of the base asset, as over REST."""
    text = (recorded / "archives/excerpts/cm/daily/klines/BTCUSD_PERP-1m-2026-01-01.head1.csv").read_bytes()
    file = _candle_file(KLINES, "BTCUSD_PERP")
    [row] = candles.read(zip_of(text, file), file).rows.to_pylist()
    assert (row["volume"], row["quote_volume"]) == (Decimal(3192), Decimal("3.64848660"))


def test_real_seconds_are_in_microseconds(recorded: Path) -> None:
    """8.4: of spot since 2025; five seconds in a row."""
    text = (recorded / "archives/excerpts/spot/daily/klines/BTCUSDT-1s-2026-09-05.head5.csv").read_bytes()
    file = ArchiveFile.of(KLINES, "2026-09-05", market="spot", symbol="BTCUSDT", interval="1s")
    content = candles.read(zip_of(text, file), file)
    assert [time.second for time in content.rows["open_time"].to_pylist()] == [0, 1, 2, 3, 4]
