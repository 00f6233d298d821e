"""How the public archive names its files: market, cadence, kind, symbol, interval and period; all days are UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from connectors.binance.archive.layouts import BY_FOLDER, LAYOUTS, MARKET_FOLDERS, MARKETS, Layout
from schemas.model.dataset import Dataset
from schemas.model.grid import INTERVALS, Grid
from schemas.model.instants import micros, moment
from schemas.model.series import Series

_SPELT = {"1M": "1mo"}  # some file systems know no upper case
_MEANT = {spelt: interval for interval, spelt in _SPELT.items()}
_SYMBOL = r"[^\W_](?:[\w.-]{0,48}[^\W_])?"
_PERIOD = {"daily": r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", "monthly": r"20[0-9]{2}-[0-9]{2}"}
_NAMED_SO = re.compile(_SYMBOL)
_PATH = re.compile(
    rf"data/(?P<market>{'|'.join(MARKETS)})/(?P<cadence>daily|monthly)/(?P<kind>[a-zA-Z]+)/(?P<symbol>{_SYMBOL})"
    rf"/(?:(?P<interval>{'|'.join(_SPELT.get(one, one) for one in INTERVALS)})/)?(?P=symbol)-(?P<what>[a-zA-Z0-9]+)"
    rf"-(?P<period>{_PERIOD['daily']}|{_PERIOD['monthly']})\.zip"
)


@dataclass(frozen=True, slots=True, order=True)
class ArchiveFile:
    """The rows of one series and period, which is a day `YYYY-MM-DD` or a month `YYYY-MM`."""

    series: Series
    period: str

    @classmethod
    def of(cls, dataset: Dataset, period: str, **values: str) -> ArchiveFile:
        """The file of the series that these values name."""
        return cls(Series.of(dataset, **values), period)

    @classmethod
    def at(cls, path: str) -> ArchiveFile | None:
        """The file at a path; None for a name that is not one of a file that is read."""
        parts = _PATH.fullmatch(path)
        if parts is None or not re.fullmatch(_PERIOD[parts["cadence"]], parts["period"]):
            return None
        market, interval = MARKETS[parts["market"]], parts["interval"]
        layout = BY_FOLDER.get((market, parts["kind"]))
        named_so = parts["what"] == (interval or parts["kind"])
        if layout is None or not named_so or (interval is not None) != ("interval" in layout.dataset.series):
            return None
        values = {"market": market, "symbol": parts["symbol"]}
        if interval is not None:
            values["interval"] = _MEANT.get(interval, interval)
        file = cls.of(layout.dataset, parts["period"], **values)
        return file if _is_date(file.first_day) else None

    @classmethod
    def monthly(cls, series: Series, instant_us: int) -> ArchiveFile:
        """The monthly file of a series that holds an instant."""
        return cls(series, f"{moment(instant_us):%Y-%m}")

    @classmethod
    def daily(cls, series: Series, instant_us: int) -> ArchiveFile:
        """The daily file of a series that holds an instant."""
        return cls(series, f"{moment(instant_us):%Y-%m-%d}")

    @property
    def layout(self) -> Layout:
        """How it is printed."""
        return LAYOUTS[self.series.dataset.name, self.series["market"]]

    @property
    def is_monthly(self) -> bool:
        return self.period.count("-") == 1

    @property
    def stem(self) -> str:
        """The name without its ending: the zip is `STEM.zip`, the one file in it `STEM.csv`."""
        what = _spelt(self.series.values.get("interval", self.layout.folder))
        return f"{self.series['symbol']}-{what}-{self.period}"

    @property
    def folder(self) -> str:
        """Where it lies, with a final slash."""
        return folder(self.series.dataset, **self.series.values, monthly=self.is_monthly)

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
    """A file in the archive, with what the listing shows of it; of one not listed only its name is known."""

    file: ArchiveFile
    size: int = 0
    etag: str | None = None
    modified_us: int | None = None

    @property
    def path(self) -> str:
        return self.file.path


def is_symbol(name: str) -> bool:
    """Whether a folder is named as symbols are."""
    return _NAMED_SO.fullmatch(name) is not None and name == name.upper()


def has_archive(dataset: str, market: str) -> bool:
    """Whether the archive has files of a dataset of a market that are read."""
    return (dataset, market) in LAYOUTS


def folder(dataset: Dataset, market: str, symbol: str = "", interval: str = "", *, monthly: bool) -> str:
    """The folder of a series; without symbol the one of all symbols, without interval that of all intervals."""
    cadence = "monthly" if monthly else "daily"
    below = "".join(f"{part}/" for part in (symbol, _spelt(interval)) if part)
    return f"data/{MARKET_FOLDERS[market]}/{cadence}/{LAYOUTS[dataset.name, market].folder}/{below}"


def _spelt(interval: str) -> str:
    return _SPELT.get(interval, interval)


def _is_date(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
