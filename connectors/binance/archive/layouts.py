"""How the archive prints each dataset: in which folder, with files of which length, and what a line holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from schemas.datasets.market import KLINES
from schemas.model.dataset import Dataset
from schemas.model.fields import TEXT

MARKET_FOLDERS = {"spot": "spot", "usdm": "futures/um", "coinm": "futures/cm"}
MARKETS = {folder: market for market, folder in MARKET_FOLDERS.items()}
_CANDLE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How files of one dataset are named and what a line of them holds."""

    dataset: Dataset
    folder: str  # the archive's word for the dataset
    markets: tuple[str, ...]
    header: str  # as files that have one print it
    renamed: Mapping[str, str] = field(default_factory=dict)  # printed names, and the columns that they are
    text_times: tuple[str, ...] = ()  # columns that print `YYYY-MM-DD HH:MM:SS`
    monthly: bool = True
    daily: bool = True

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of a line in order; those that the dataset does not have mean nothing."""
        return tuple(self.renamed.get(name, name) for name in self.header.split(","))

    @cached_property
    def is_signed(self) -> bool:
        """Whether numbers of a line may be below zero."""
        return any(self.dataset.column(name).signed for name in self.read)

    @cached_property
    def has_text(self) -> bool:
        """Whether a line holds more than numbers."""
        return bool(self.text_times) or any(self.dataset.column(name).type is TEXT for name in self.read)

    @cached_property
    def read(self) -> tuple[str, ...]:
        """The columns of a line that the dataset has."""
        return tuple(name for name in self.columns if name in self.dataset.schema.names)


def _candles(dataset: Dataset, folder: str, *markets: str) -> Layout:
    return Layout(dataset=dataset, folder=folder, markets=markets, header=_CANDLE, renamed={"count": "trade_count"})


_ALL = (_candles(KLINES, "klines", "spot", "usdm", "coinm"),)

LAYOUTS: Mapping[tuple[str, str], Layout] = {(one.dataset.name, market): one for one in _ALL for market in one.markets}
"""What the archive has, by dataset and market."""

BY_FOLDER: Mapping[tuple[str, str], Layout] = {(market, one.folder): one for one in _ALL for market in one.markets}
