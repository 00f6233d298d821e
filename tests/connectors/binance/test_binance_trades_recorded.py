"""Every real archive of trades that was recorded is read as it is printed, to the last digit."""

from __future__ import annotations

import csv
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance.archive.csv import header_cut
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.trades import rows_of
from schemas.datasets.trades import AGG_TRADES, TRADES
from schemas.model.dataset import Dataset

DATASETS = {"aggTrades": AGG_TRADES, "trades": TRADES}
MARKETS = {"cm": "coinm", "um": "usdm", "spot": "spot"}
FILES = (
    "derived/data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2020-01-02.zip",
    "derived/data/spot/daily/trades/TRXUSDT/TRXUSDT-trades-2025-03-04.zip",
    "excerpts/cm/daily/aggTrades/BTCUSD_PERP-aggTrades-2023-06-25.head1.csv",
    "excerpts/spot/daily/aggTrades/BTCUSDT-aggTrades-2019-06-01.head5.csv",
    "excerpts/spot/daily/aggTrades/BTCUSDT-aggTrades-2026-09-05.head5.csv",
    "excerpts/um/daily/aggTrades/GALAUSDT-aggTrades-2026-06-15.head1.csv",
    "excerpts/um/monthly/trades/BTCUSDT-trades-2020-08.interleaved.csv",
)


def file_of(path: str) -> ArchiveFile:
    symbol, kind, period = Path(path).name.split(".")[0].split("-", 2)
    market = path.removeprefix("derived/data/").removeprefix("excerpts/").partition("/")[0]
    return ArchiveFile.of(DATASETS[kind], period, market=MARKETS[market], symbol=symbol)


def text_of(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])


def test_no_recorded_trades_are_left_out(recorded: Path) -> None:
    """Whoever adds an archive of trades to the recordings adds it here."""
    folder = recorded / "archives"
    found = {path.relative_to(folder).as_posix() for kind in DATASETS for path in folder.glob(f"**/{kind}/**/*-*")}
    assert {path for path in found if not path.endswith(".CHECKSUM")} == set(FILES)


@pytest.mark.parametrize("path", FILES)
def test_real_trades_are_read_exactly(path: str, recorded: Path) -> None:
    """Every value of every row is the printed one, in the printed order, read a second time without our code."""
    file, text = file_of(path), text_of(recorded / "archives" / path)
    rows, odd = rows_of(header_cut(text, file.layout), file)
    assert odd is None
    printed = [row for row in csv.reader(text.decode().splitlines()) if row[0].isdigit()]
    names = [name for name in file.layout.columns if name in file.series.dataset.schema.names]
    stored = [tuple(row[name] for name in names) for row in rows.to_pylist()]
    places = [file.layout.columns.index(name) for name in names]
    assert stored == [
        tuple(
            value(file.series.dataset, name, row[at]) for name, at in zip(names, places, strict=True) if at < len(row)
        )
        for row in printed
    ]


def value(dataset: Dataset, name: str, text: str) -> Any:
    """A printed value as its column holds it."""
    match dataset.column(name).type.name:
        case "TIME":
            unit = 1 if int(text) >= 10**14 else 1000
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(text) * unit)
        case "FLAG":
            return text.lower() == "true"
        case "ID":
            return int(text)
    return Decimal(text)
