"""Every real archive of candles that was recorded loads; what its makers noted about it holds."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.archive_zips import csv_of, kline_file, zip_of

from connectors.binance.archive.candles import read
from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.files import ArchiveFile, Remote, folder
from connectors.binance.archive.trades import rows_of
from connectors.binance.sites import resolve
from connectors.simulator import Exchange, serve
from schemas.datasets.market import KLINES
from schemas.datasets.trades import AGG_TRADES

AUTHENTIC = {
    "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01-01.zip": 1440,
    "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01-02.zip": 1440,
}
REZIPPED = {
    "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip": 744,
    "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01.zip": 744,
    "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-02.zip": 672,
    "data/futures/um/monthly/klines/ALGOUSDT/1m/ALGOUSDT-1m-2023-02.zip": 40_320,
    "data/futures/um/monthly/klines/DOTUSDT/1m/DOTUSDT-1m-2025-11.zip": 43_200,
}
RECORDED = AUTHENTIC | REZIPPED
EXCERPTS = {  # the first lines of files, with the rows that they are
    "cm/daily/klines/BTCUSD_PERP-1m-2026-01-01.head1.csv": ("coinm", 1),
    "spot/daily/klines/BTCUSDT-1s-2026-09-05.head5.csv": ("spot", 5),
}
LOADED = {"klines", "aggTrades", "trades", "fundingRate", "liquidationSnapshot", "metrics", "bookDepth", "bookTicker",
          "EOHSummary"}  # fmt: skip
NO_FILES = {  # what is recorded of the archive and is no file of it
    "excerpts/option/daily/EOHSummary/header.csv": "a line alone, which test_binance_archive_kinds.py holds",
    "excerpts/option/daily/BVOLIndex/BTCBVOLUSDT-BVOLIndex-2026-04-01.one-row.csv": "of no market that is pulled",
    "faults/known_archive_facts.json": "what was reported of the archive",
    "faults/known_archive_facts_2026.json": "what was reported of the archive",
    "official-updates/2022-10-04_aggregate_trade_updates.csv": "which files were published anew",
    "reference/checksum_mismatches_1s_2022.csv": "of files that are not here",
    "reference/published_zip_digests.csv": "of files that are not here",
}


@asynccontextmanager
async def _archive(recorded: Path) -> AsyncIterator[Archive]:
    """The recorded files, served as the archive serves them."""
    exchange = Exchange()
    for kind in ("authentic", "rezipped"):
        exchange.replay_archive(recorded / "archives" / kind)
    async with serve(exchange) as url, Archive(resolve({"archive": url, "archive_list": url})) as archive:
        yield archive


async def _fetched(recorded: Path, path: str) -> Fetched:
    file = ArchiveFile.at(path)
    assert file is not None
    async with _archive(recorded) as archive:
        return await archive.fetch(Remote(file))


def test_every_recorded_file_is_of_a_kind_that_is_loaded(recorded: Path) -> None:
    """A file of another kind is loaded first, or named with the reason why it is not."""
    folder = recorded / "archives"
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    others = {path.as_posix() for path in there if LOADED.isdisjoint(path.parts) or path.name == "header.csv"}
    assert others == set(NO_FILES)


def test_no_recorded_candles_are_left_out(recorded: Path) -> None:
    """Whoever adds an archive of candles to the recordings adds it here."""
    there = [path.as_posix().split("/archives/")[1] for path in (recorded / "archives").glob("**/klines/**/*-*")]
    found = {path.partition("/")[2] for path in there if not path.endswith(".CHECKSUM")}
    assert found == {*RECORDED, *EXCERPTS}


@pytest.mark.parametrize("excerpt", EXCERPTS)
def test_a_real_excerpt_loads_exactly(recorded: Path, excerpt: str) -> None:
    """Seconds in microseconds, and COIN-M in milliseconds still in 2026: each number is the printed one."""
    symbol, interval, period = Path(excerpt).name.split(".")[0].split("-", 2)
    market, count = EXCERPTS[excerpt]
    file, path = kline_file(market, symbol, interval, period), recorded / "archives/excerpts" / excerpt
    found = read(zip_of(path.read_bytes(), file), file).rows
    columns = [found[name].to_pylist() for name in found.schema.names[3:]]
    printed = [_plain(row) for row in csv.reader(path.read_text().splitlines()) if row[0].isdigit()]
    assert (list(zip(*columns, strict=True)), len(printed)) == (printed, count)


@pytest.mark.parametrize("path", RECORDED)
async def test_a_real_file_loads_whole(recorded: Path, path: str) -> None:
    """Verified against its CHECKSUM, which has no final line end; no hole, no repeat, every row."""
    fetched = await _fetched(recorded, path)
    assert (fetched.reason, fetched.dropped_duplicates, fetched.holes) == (None, 0, ())
    assert fetched.rows is not None
    assert fetched.rows.num_rows == RECORDED[path]


@pytest.mark.parametrize("path", RECORDED)
async def test_a_real_file_loads_exactly(recorded: Path, path: str) -> None:
    """Every number of every row is the printed one, read a second time without any of our code."""
    fetched = await _fetched(recorded, path)
    assert fetched.rows is not None
    kind = "authentic" if path in AUTHENTIC else "rezipped"
    printed = _printed(recorded / "archives" / kind / path)
    columns = [fetched.rows[name].to_pylist() for name in fetched.rows.schema.names[3:]]
    assert list(zip(*columns, strict=True)) == printed


def _printed(path: Path) -> list[tuple[Any, ...]]:
    """The rows of a zip by Python's own csv and decimal."""
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.infolist()[0]).decode().splitlines()
    return [_plain(row) for row in csv.reader(lines) if row[0].isdigit()]


def _plain(row: list[str]) -> tuple[Any, ...]:
    opened, closed = (_instant(int(row[place])) for place in (0, 6))
    money = [Decimal(row[place]) for place in (1, 2, 3, 4, 5, 7, 9, 10)]
    return (opened, *money[:5], closed.replace(microsecond=999_000), money[5], int(row[8]), *money[6:])


def _instant(printed: int) -> datetime:
    unit = 10**6 if printed >= 10**14 else 10**3
    return datetime.fromtimestamp(printed // unit, UTC)


async def test_minutes_without_a_trade_are_rows(recorded: Path) -> None:
    """The 13 quiet minutes of this month are there, with no volume."""
    fetched = await _fetched(recorded, "data/futures/um/monthly/klines/ALGOUSDT/1m/ALGOUSDT-1m-2023-02.zip")
    assert fetched.rows is not None
    assert fetched.rows["volume"].to_pylist().count(Decimal(0)) == 13


async def test_seconds_months_and_years_join_without_a_seam(recorded: Path) -> None:
    """December in milliseconds, January and February in microseconds: one hour follows another."""
    paths = [path for path in REZIPPED if "/spot/" in path]
    opened = [hour for path in paths for hour in _opened(await _fetched(recorded, path))]
    assert opened == list(range(opened[0], opened[0] + len(opened) * 3_600_000_000, 3_600_000_000))


def _opened(fetched: Fetched) -> list[int]:
    assert fetched.rows is not None
    return [int(each.timestamp()) * 10**6 for each in fetched.rows["open_time"].to_pylist()]


def test_real_aggregates_of_a_second_are_its_candle(recorded: Path) -> None:
    """Two archives of one day reconcile exactly: quantity, quote volume, count and what takers bought of the second."""
    folder = recorded / "archives/excerpts/spot/daily"
    seconds = kline_file("spot", "BTCUSDT", "1s", "2026-09-05")
    printed = (folder / "klines/BTCUSDT-1s-2026-09-05.head5.csv").read_bytes()
    first = read(zip_of(printed, seconds), seconds).rows.slice(0, 1).to_pylist()[0]
    file = ArchiveFile.of(AGG_TRADES, "2026-09-05", market="spot", symbol="BTCUSDT")
    trades, _ = rows_of((folder / "aggTrades/BTCUSDT-aggTrades-2026-09-05.head5.csv").read_bytes(), file)
    rows = trades.to_pylist()
    assert sum(row["qty"] for row in rows) == first["volume"]
    assert sum(row["qty"] * row["price"] for row in rows) == first["quote_volume"]
    assert sum(row["qty"] for row in rows if not row["is_buyer_maker"]) == first["taker_buy_volume"]
    assert sum(row["last_trade_id"] - row["first_trade_id"] + 1 for row in rows) == first["trade_count"]


async def test_real_files_are_listed_beside_made_up_ones(recorded: Path) -> None:
    """The futures folders of the recordings show themselves like any other."""
    async with _archive(recorded) as archive:
        assert {"ALGOUSDT", "BTCUSDT", "DOTUSDT"} <= {*await archive.folders(folder(KLINES, "usdm", monthly=True))}
        listed = await archive.list(folder(KLINES, "usdm", "DOTUSDT", "1m", monthly=True))
    assert [(each.path.rpartition("/")[2], each.size) for each in listed] == [("DOTUSDT-1m-2025-11.zip", 1_457_250)]


# The irregularities that were reported of the public archive, from the lines in those reports


def _fact(recorded: Path, issue: str) -> dict[str, Any]:
    facts = json.loads((recorded / "archives" / "faults" / "known_archive_facts.json").read_text())
    return next(fact for fact in facts if issue in fact["source"])


@pytest.mark.parametrize(
    ("which", "market", "symbol"), [("spot_rows", "spot", "BTCUSDT"), ("cm_rows", "coinm", "BTCUSD_PERP")]
)
def test_reported_rows_with_and_without_header(which: str, market: str, symbol: str, recorded: Path) -> None:
    """Spot has no header, futures of the same day have one; three hours come out of either."""
    file = kline_file(market, symbol, "1h", "2023-10-27")
    lines = _fact(recorded, "issue 283")[which]
    content = read(zip_of(csv_of(lines), file), file)
    assert content.rows.num_rows == 3
    assert content.rows["open"].to_pylist()[0] == Decimal(lines[-3].split(",")[1])


def test_the_reported_day_off_the_grid(recorded: Path) -> None:
    """2018-02: from row 10110 on, minutes open about 14 s late. They are stored as printed, and are no holes."""
    assert "off the minute grid (about +14 s)" in _fact(recorded, "issue 14")["fact"]
    file = kline_file("spot", "BTCUSDT", "1m", "2018-02")
    first, price = file.since_us // 1000, "1.00000000"
    tail = ",".join([price] * 4 + ["2.00000000"])
    late = [0] * 10_109 + [14_000] * (28 * 1440 - 10_109)
    rows = [f"{first + n * 60_000 + off},{tail},{first + n * 60_000 + off + 59_999},1.0,1,1.0,1.0,0"
            for n, off in enumerate(late)]  # fmt: skip
    content = read(zip_of(csv_of(rows), file), file)
    assert (content.rows.num_rows, content.holes, content.dropped_duplicates) == (40_320, (), 0)
    assert content.rows["open_time"].to_pylist()[10_109].second == 14


def test_the_reported_month_with_too_few_rows(recorded: Path) -> None:
    """USD-M BTCUSDT 2022-05 had 38,881 rows instead of 44,640: four days are named as lacking, the rest is loaded."""
    assert "38881 rows instead of 44640" in _fact(recorded, "issue 304")["fact"]
    file = kline_file("usdm", "BTCUSDT", "1m", "2022-05")
    first = file.since_us // 1000
    tail = "1.0,1.0,1.0,1.0,2.0"
    rows = [f"{first + n * 60_000},{tail},{first + n * 60_000 + 59_999},1.0,1,1.0,1.0,0"
            for n in range(44_640) if not 10_000 <= n < 10_000 + 5759]  # fmt: skip
    content = read(zip_of(csv_of(rows), file), file)
    assert content.rows.num_rows == 38_881
    assert content.holes == (((first + 10_000 * 60_000) * 1000, (first + 15_759 * 60_000) * 1000),)


def test_a_reported_example_line_is_read_as_printed(recorded: Path) -> None:
    """The line of the archive's own README."""
    line = _fact(recorded, "README")["klines_spot"]
    file = kline_file("spot", "ATOMUSDT", "1m", "2020-09-30")
    content = read(zip_of(csv_of([line]), file), file)
    assert content.rows["quote_volume"].to_pylist() == [Decimal("2240.39860900")]
    assert content.rows["trade_count"].to_pylist() == [13]
