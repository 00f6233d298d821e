"""Zips of the archive out of few words: rows, the CSV around them, and the zip around that."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO

from connectors.binance.archive.files import ArchiveFile
from schemas.datasets.market import KLINES


def kline_file(market: str, symbol: str, interval: str, period: str) -> ArchiveFile:
    """A file of candles."""
    return ArchiveFile.of(KLINES, period, market=market, symbol=symbol, interval=interval)


DAY = kline_file("spot", "BTCUSDT", "1m", "2024-05-07")
MICRO_DAY = kline_file("spot", "BTCUSDT", "1m", "2025-05-07")
MONTH = kline_file("spot", "BTCUSDT", "1d", "2024-02")
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
MINUTE_MS = 60_000


def ms(text: str) -> int:
    """An instant in milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def row(opened: int, closed: int | None = None, *, price: str = "4.15070000", trades: int = 13) -> str:
    """One row as the archive prints it, a minute long unless told otherwise."""
    closed = opened + MINUTE_MS - 1 if closed is None else closed
    money = "539.23000000"
    return f"{opened},{price},4.15870000,{price},4.15540000,{money},{closed},2240.39860900,{trades},{money},1669.98121300,0"


def minutes(first: str, count: int = 1440) -> list[str]:
    """So many minutes in a row, in milliseconds."""
    return [row(ms(first) + number * MINUTE_MS, trades=number) for number in range(count)]


def csv_of(rows: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in rows).encode()


def zip_of(content: bytes, file: ArchiveFile = DAY, name: str | None = None, **more: bytes) -> IO[bytes]:
    """A zip with a CSV, and with other members when told."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name or f"{file.stem}.csv", content)
        for other, held in more.items():
            archive.writestr(other, held)
    buffer.seek(0)
    return buffer
