"""The archive's names: there and back."""

from __future__ import annotations

import pytest
from support.archive_zips import kline_file

from connectors.binance.archive.files import ArchiveFile, folder
from schemas.datasets.market import KLINES
from schemas.model.grid import DAY_US, INTERVALS

PATHS = {
    "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-01.zip": kline_file("spot", "BTCUSDT", "1m", "2025-01-01"),
    "data/spot/monthly/klines/ETHBTC/1mo/ETHBTC-1mo-2024-12.zip": kline_file("spot", "ETHBTC", "1M", "2024-12"),
    "data/futures/um/monthly/klines/DOTUSDT/1m/DOTUSDT-1m-2025-11.zip": kline_file("usdm", "DOTUSDT", "1m", "2025-11"),
    "data/futures/cm/daily/klines/BTCUSD_PERP/1d/BTCUSD_PERP-1d-2020-11-02.zip": kline_file(
        "coinm", "BTCUSD_PERP", "1d", "2020-11-02"
    ),
    "data/spot/daily/klines/币安人生USDT/1s/币安人生USDT-1s-2026-01-31.zip": kline_file(
        "spot", "币安人生USDT", "1s", "2026-01-31"
    ),
}


@pytest.mark.parametrize(("path", "file"), PATHS.items())
def test_paths_and_files_are_the_same(path: str, file: ArchiveFile) -> None:
    """A path names one file, and that file lies at this path."""
    assert ArchiveFile.at(path) == file
    assert file.path == path


@pytest.mark.parametrize(
    "path",
    [
        "data/spot/daily/klines/BTCUSDT/1m/ETHUSDT-1m-2025-01-01.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-5m-2025-01-01.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-13.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-02-30.zip",
        "data/spot/daily/trades/BTCUSDT/BTCUSDT-aggTrades-2025-01-01.zip",
        "data/option/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-01.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-01.zip.CHECKSUM",
        "BTCUSDT-1m-2025-01-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2020-8.zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2020-08 (1).zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-9999-12.zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-\uff12\uff1020-08.zip",
        "data/spot/monthly/klines/BTCUSDT/7m/BTCUSDT-7m-2020-08.zip",
        "data/spot/monthly/klines/a/b/1m/a/b-1m-2020-08.zip",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    """A name that contradicts its folder, and a day there is not."""
    assert ArchiveFile.at(path) is None


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("instant_us", [1_709_164_800_000_000, 1_735_689_599_999_999, 1_735_689_600_000_000])
def test_an_instant_lies_in_its_files(interval: str, instant_us: int) -> None:
    """The day's and the month's file of an instant hold it, on a leap day and around a year's end too."""
    series = kline_file("spot", "BTCUSDT", interval, "2026-10").series
    daily = ArchiveFile.daily(series, instant_us)
    monthly = ArchiveFile.monthly(series, instant_us)
    assert daily.since_us <= instant_us < daily.until_us == daily.since_us + DAY_US
    assert monthly.since_us <= daily.since_us < daily.until_us <= monthly.until_us
    assert (daily.is_monthly, monthly.is_monthly) == (False, True)
    assert ArchiveFile.at(monthly.path) == monthly


def test_folders_lead_to_a_series() -> None:
    """All symbols, all intervals of one, and the files of both cadences."""
    assert folder(KLINES, "spot", monthly=True) == "data/spot/monthly/klines/"
    assert folder(KLINES, "spot", "BTCUSDT", monthly=False) == "data/spot/daily/klines/BTCUSDT/"
    assert folder(KLINES, "usdm", "BTCUSDT", "1M", monthly=True) == "data/futures/um/monthly/klines/BTCUSDT/1mo/"
