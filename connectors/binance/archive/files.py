"""How the public archive names its files: market, cadence, symbol, interval and period; all days are UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from schemas.datasets.market import KLINES
from schemas.model.grid import INTERVALS, Grid
from schemas.model.instants import micros, moment
from schemas.model.series import Series

MARKET_FOLDERS = {"spot": "spot", "usdm": "futures/um", "coinm": "futures/cm"}
READ_MARKETS = frozenset({"spot"})  # files of futures have headers of their own
_MARKETS = {folder: market for market, folder in MARKET_FOLDERS.items()}
_SPELT = {"1M": "1mo"}  # some file systems know no upper case
_MEANT = {spelt: interval for interval, spelt in _SPELT.items()}
_SYMBOL = r"[^\W_](?:[\w.-]{0,48}[^\W_])?"
_PERIOD = {"daily": r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", "monthly": r"20[0-9]{2}-[0-9]{2}"}
_NAMED_SO = re.compile(_SYMBOL)
_PATH = re.compile(
    rf"data/(?P<market>{'|'.join(_MARKETS)})/(?P<cadence>daily|monthly)/klines/(?P<symbol>{_SYMBOL})"
    rf"/(?P<interval>{'|'.join(_SPELT.get(one, one) for one in INTERVALS)})/(?P=symbol)-(?P=interval)"
    rf"-(?P<period>{_PERIOD['daily']}|{_PERIOD['monthly']})\.zip"
)


@dataclass(frozen=True, slots=True, order=True)
class KlineFile:
    """The candles of one symbol, interval and period, which is a day `YYYY-MM-DD` or a month `YYYY-MM`."""

    market: str
    symbol: str
    interval: str
    period: str

    @classmethod
    def at(cls, path: str) -> KlineFile | None:
        """The file at a path; None for a name that is not one of a file of candles."""
        parts = _PATH.fullmatch(path)
        if parts is None or not re.fullmatch(_PERIOD[parts["cadence"]], parts["period"]):
            return None
        interval = _MEANT.get(parts["interval"], parts["interval"])
        file = cls(_MARKETS[parts["market"]], parts["symbol"], interval, parts["period"])
        return file if _is_date(file.first_day) else None

    @classmethod
    def monthly(cls, series: Series, instant_us: int) -> KlineFile:
        """The monthly file of a series that holds an instant."""
        return cls(**series.values, period=f"{moment(instant_us):%Y-%m}")

    @classmethod
    def daily(cls, series: Series, instant_us: int) -> KlineFile:
        """The daily file of a series that holds an instant."""
        return cls(**series.values, period=f"{moment(instant_us):%Y-%m-%d}")

    @property
    def series(self) -> Series:
        return Series.of(KLINES, market=self.market, symbol=self.symbol, interval=self.interval)

    @property
    def is_monthly(self) -> bool:
        return self.period.count("-") == 1

    @property
    def stem(self) -> str:
        """The name without its ending: the zip is `STEM.zip`, the one file in it `STEM.csv`."""
        return f"{self.symbol}-{_spelt(self.interval)}-{self.period}"

    @property
    def folder(self) -> str:
        """Where it lies, with a final slash."""
        return folder(self.market, self.symbol, self.interval, monthly=self.is_monthly)

    @property
    def path(self) -> str:
        return f"{self.folder}{self.stem}.zip"

    @property
    def since_us(self) -> int:
        """The first instant of its day or month."""
        return micros(datetime.fromisoformat(self.first_day).replace(tzinfo=UTC))

    @property
    def until_us(self) -> int:
        """The first instant after its day or month."""
        step = Grid.of("1M" if self.is_monthly else "1d").step
        return step(self.since_us, 1)

    @property
    def first_day(self) -> str:
        """The day it begins with, `YYYY-MM-DD`."""
        return f"{self.period}-01" if self.is_monthly else self.period


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of candles in the archive, with what the listing shows of it; of one not listed only its name is known."""

    file: KlineFile
    size: int = 0
    etag: str | None = None
    modified_us: int | None = None

    @property
    def path(self) -> str:
        return self.file.path


def is_symbol(name: str) -> bool:
    """Whether a folder is named as symbols are."""
    return _NAMED_SO.fullmatch(name) is not None and name == name.upper()


def folder(market: str, symbol: str = "", interval: str = "", *, monthly: bool) -> str:
    """The folder of a series; without symbol the one of all symbols, without interval that of all intervals."""
    cadence = "monthly" if monthly else "daily"
    below = "".join(f"{part}/" for part in (symbol, _spelt(interval)) if part)
    return f"data/{MARKET_FOLDERS[market]}/{cadence}/klines/{below}"


def _spelt(interval: str) -> str:
    return _SPELT.get(interval, interval)


def _is_date(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
