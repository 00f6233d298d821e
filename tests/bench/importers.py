"""The same zips imported by other programs, each by its own code for a file, run with a Python that has it.

Downloads are theirs too, off the same loopback server; addresses alone are turned to it. Time counts from after
the imports.
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
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PRICES = ["open", "high", "low", "close", "volume"]


def freqtrade(urls: Sequence[str], folder: Path) -> int:
    """Six columns in floats; its importer for days, given months; stored by its Feather handler."""
    import aiohttp
    import pandas as pd
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import CandleType
    from freqtrade.exchange import binance_public_data as importer

    importer.binance_vision_ohlcv_zip_url = lambda _symbol, _timeframe, _type, url: url

    async def fetched(names: Sequence[str]) -> Any:
        async with aiohttp.ClientSession() as session:
            asked = [importer.get_daily_ohlcv("", "1m", CandleType.SPOT, name, session) for name in names]
            return pd.concat(await asyncio.gather(*asked))

    handler, rows = get_datahandler(folder, "feather"), 0
    for symbol, names in _by_symbol(urls).items():
        candles = asyncio.run(fetched(names))
        handler.ohlcv_store(f"{symbol.removesuffix('USDT')}/USDT", "1m", candles, CandleType.SPOT)
        rows += len(candles)
    return rows


def binance_syncer(urls: Sequence[str], folder: Path) -> int:
    """Twelve columns in floats, nothing verified; one Parquet file a zip."""
    import aiohttp
    import pyarrow.parquet as pq
    from binance_syncer.constant import DataType, MarketType
    from binance_syncer.syncer.core import Syncer

    place = SimpleNamespace(build_save_path=lambda _prefix, symbol, name: folder / symbol / name)
    syncer = SimpleNamespace(
        s3=None, LOCAL_PREFIX="", path_builder=place, market_type=MarketType.SPOT, data_type=DataType.KLINES
    )

    async def stored() -> None:
        slots = asyncio.Semaphore(10)
        async with aiohttp.ClientSession() as session:
            work = [
                Syncer.download_and_store(syncer, session, symbol, url, slots)
                for symbol, names in _by_symbol(urls).items()
                for url in names
            ]
            assert all(await asyncio.gather(*work))

    asyncio.run(stored())
    return sum(pq.read_metadata(path).num_rows for path in folder.rglob("*.parquet"))


def nautilus(urls: Sequence[str], folder: Path) -> int:
    """Bars of five columns by its wrangler, into its catalog of Parquet."""
    import pandas as pd
    from nautilus_trader.model.data import BarType
    from nautilus_trader.persistence.catalog import ParquetDataCatalog
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instrument = TestInstrumentProvider.btcusdt_binance()
    catalog, rows = ParquetDataCatalog(str(folder)), 0
    for symbol, names in _by_symbol(urls).items():
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


def _by_symbol(urls: Sequence[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for url in urls:
        names.setdefault(url.split("/")[-3], []).append(url)
    return names


IMPORTERS = {"freqtrade": freqtrade, "binance-syncer": binance_syncer, "nautilus_trader": nautilus}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("importer", choices=IMPORTERS)
    parser.add_argument("urls", type=Path, help="a file of addresses, one a line")
    options = parser.parse_args()
    logging.disable()
    urls = options.urls.read_text().split()
    with tempfile.TemporaryDirectory() as folder:
        IMPORTERS[options.importer](urls[:1], Path(folder) / "warm")  # its imports, which do not count
        began = time.perf_counter()
        rows = IMPORTERS[options.importer](urls, Path(folder) / "import")
        wall_s = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"wall_s": wall_s, "rows": rows, "peak_mb": used.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
