"""The same candles or trades imported by other programs, each by its own code, run with a Python that has it.

Downloads are theirs too, off the same loopback server; addresses alone are turned to it. freqtrade reads daily files,
since it knows no others; the rest read monthly ones. Time counts from after the imports.
"""

# ruff: noqa: PLC0415 - each importer lives in a Python of its own

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import resource
import tempfile
import time
import urllib.request
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from peak import peak_mb

ARCHIVE = "https://data.binance.vision"
PRICES = ["open", "high", "low", "close", "volume"]
TRADED = ["trade_id", "price", "quantity", "first", "last", "timestamp", "buyer_maker"]


@dataclass(frozen=True)
class Job:
    """Rows of symbols in [since, until), and where their monthly zips lie below the address of the archive."""

    url: str
    symbols: list[str]
    since: str
    until: str
    months: list[str]
    kind: str = "klines"

    @property
    def by_symbol(self) -> dict[str, list[str]]:
        """The addresses of the monthly zips."""
        return {one: [f"{self.url}/{path}" for path in self.months if f"/{one}/" in path] for one in self.symbols}

    def ms(self, day: str) -> int:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def freqtrade(job: Job, folder: Path) -> int:
    """Six columns in floats; stored by its Feather handler."""
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import CandleType
    from freqtrade.exchange import binance_public_data as importer

    theirs = importer.binance_vision_ohlcv_zip_url
    importer.binance_vision_ohlcv_zip_url = lambda *named: theirs(*named).replace(ARCHIVE, job.url)
    handler, rows = get_datahandler(folder, "feather"), 0
    for symbol in job.symbols:
        pair = f"{symbol.removesuffix('USDT')}/USDT"
        candles = asyncio.run(
            importer.download_archive_ohlcv(
                CandleType.SPOT, pair, "1m", since_ms=job.ms(job.since), until_ms=job.ms(job.until),
                markets={pair: {"id": symbol}},
            )
        )  # fmt: skip
        handler.ohlcv_store(pair, "1m", candles, CandleType.SPOT)
        rows += len(candles)
    importer.binance_vision_ohlcv_zip_url = theirs
    return rows


def freqtrade_trades(job: Job, folder: Path) -> int:
    """Prices in floats, as lists in memory; stored by its Feather handler."""
    from freqtrade.data.converter import trades_df_remove_duplicates, trades_list_to_df
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import CandleType, TradingMode
    from freqtrade.exchange import binance_public_data as importer

    theirs = importer.binance_vision_trades_zip_url
    importer.binance_vision_trades_zip_url = lambda *named: theirs(*named).replace(ARCHIVE, job.url)
    handler, rows = get_datahandler(folder, "feather"), 0
    for symbol in job.symbols:
        pair = f"{symbol.removesuffix('USDT')}/USDT"
        _, listed = asyncio.run(
            importer.download_archive_trades(
                CandleType.SPOT, pair, since_ms=job.ms(job.since), until_ms=job.ms(job.until) - 1,
                markets={pair: {"id": symbol}},
            )
        )  # fmt: skip
        trades = trades_df_remove_duplicates(trades_list_to_df(listed))
        handler.trades_store(pair, trades, TradingMode.SPOT)
        rows += len(trades)
    importer.binance_vision_trades_zip_url = theirs
    return rows


def binance_syncer(job: Job, folder: Path) -> int:
    """All columns, prices in floats, nothing verified; one Parquet file a zip."""
    import aiohttp
    import pyarrow.parquet as pq
    from binance_syncer.constant import DataType, MarketType
    from binance_syncer.syncer.core import Syncer

    place = SimpleNamespace(build_save_path=lambda _prefix, symbol, name: folder / symbol / name)
    syncer = SimpleNamespace(
        s3=None, LOCAL_PREFIX="", path_builder=place, market_type=MarketType.SPOT, data_type=DataType(job.kind)
    )

    async def stored() -> None:
        slots = asyncio.Semaphore(10)
        async with aiohttp.ClientSession() as session:
            work = [
                Syncer.download_and_store(syncer, session, symbol, url, slots)
                for symbol, names in job.by_symbol.items()
                for url in names
            ]
            assert all(await asyncio.gather(*work))

    asyncio.run(stored())
    return sum(pq.read_metadata(path).num_rows for path in folder.rglob("*.parquet"))


def nautilus(job: Job, folder: Path) -> int:
    """Bars of five columns by its wrangler, into its catalog of Parquet."""
    import pandas as pd
    from nautilus_trader.model.data import BarType
    from nautilus_trader.persistence.catalog import ParquetDataCatalog
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instrument = TestInstrumentProvider.btcusdt_binance()
    catalog, rows = ParquetDataCatalog(str(folder)), 0
    for symbol, names in job.by_symbol.items():
        kind = BarType.from_str(f"{symbol}.BINANCE-1-MINUTE-LAST-EXTERNAL")
        for url in names:
            with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(url).read())) as archive:  # noqa: S310 - loopback
                text = archive.open(archive.namelist()[0])
                frame = pd.read_csv(text, usecols=range(6), names=["timestamp", *PRICES], header=None)
            frame.index = pd.to_datetime(frame.pop("timestamp"), unit="us", utc=True)
            bars = BarDataWrangler(kind, instrument).process(frame)
            catalog.write_data(bars)
            rows += len(bars)
    return rows


def nautilus_trades(job: Job, folder: Path) -> int:
    """Ticks of prices rounded to those of its own test instrument, by its wrangler, into its catalog of Parquet."""
    import pandas as pd
    from nautilus_trader.persistence.catalog import ParquetDataCatalog
    from nautilus_trader.persistence.wranglers import TradeTickDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    wrangler = TradeTickDataWrangler(TestInstrumentProvider.btcusdt_binance())
    catalog, rows = ParquetDataCatalog(str(folder)), 0
    for names in job.by_symbol.values():
        for url in names:
            with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(url).read())) as archive:  # noqa: S310 - loopback
                text = archive.open(archive.namelist()[0])
                frame = pd.read_csv(text, usecols=range(len(TRADED)), names=TRADED, header=None)
            frame.index = pd.to_datetime(frame.pop("timestamp"), unit="us", utc=True)
            ticks = wrangler.process(frame)
            catalog.write_data(ticks)
            rows += len(ticks)
    return rows


IMPORTERS = {
    "klines": {"freqtrade": freqtrade, "binance-syncer": binance_syncer, "nautilus_trader": nautilus},
    "aggTrades": {"freqtrade": freqtrade_trades, "binance-syncer": binance_syncer, "nautilus_trader": nautilus_trades},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("importer", choices=IMPORTERS["klines"])
    parser.add_argument("job", type=Path, help="a file with a job as JSON")
    options = parser.parse_args()
    logging.disable()
    job = Job(**json.loads(options.job.read_text()))
    imported = IMPORTERS[job.kind][options.importer]
    with tempfile.TemporaryDirectory() as folder:
        imported(replace(job, symbols=[]), Path(folder) / "warm")  # its imports, which do not count
        began, used = time.perf_counter(), _cpu_s()
        rows = imported(job, Path(folder) / "import")
        wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - used
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "rows": rows, "peak_mb": peak_mb()}))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
