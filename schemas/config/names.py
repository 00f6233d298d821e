"""Which datasets a flow may name, by themselves or in groups, and which keys of a flow belong to them."""

from __future__ import annotations

from schemas.datasets import DATASETS
from schemas.model.dataset import Dataset, Kind


def _datasets_of(series: str) -> tuple[str, ...]:
    return tuple(
        name for name, dataset in DATASETS.items() if dataset.series[:1] == (series,) and not dataset.comes_with
    )


MARKETS = ("spot", "usdm", "coinm", "option")
MARKET_DATASETS = _datasets_of("market")
ACCOUNT_DATASETS = _datasets_of("account")

_WITH_INTERVALS = {name for name in MARKET_DATASETS if "interval" in DATASETS[name].series}
_WITH_HISTORY = {name for name in MARKET_DATASETS if DATASETS[name].kind is Kind.APPEND}
PER_SYMBOL = tuple(name for name in ACCOUNT_DATASETS if "symbol" in DATASETS[name].series)
VALUED = {name: valued_by for name in ACCOUNT_DATASETS if (valued_by := DATASETS[name].valued_by)}
MOVING = tuple(name for name in ACCOUNT_DATASETS if DATASETS[name].movements or name in PER_SYMBOL)
BY_WALLET = tuple(name for name in ACCOUNT_DATASETS if DATASETS[name].series[-1] == "wallet" and DATASETS[name].amounts)
BY_MINER = tuple(name for name in ACCOUNT_DATASETS if "miner" in DATASETS[name].series)
OF_FUTURES = tuple(name for name in ACCOUNT_DATASETS if DATASETS[name].series[-1] == "market")

# The keys of a market's flow that only these datasets have.
ONLY = {"intervals": _WITH_INTERVALS, "since": _WITH_HISTORY, "source": _WITH_HISTORY, "delisted": _WITH_HISTORY}

_ALONG = {
    name: f"it comes with {dataset.comes_with}; "
    for name, dataset in DATASETS.items()
    if dataset.comes_with is not None
}
ELSEWHERE = {
    "market": dict.fromkeys(ACCOUNT_DATASETS, "it belongs in a flow of kind account; "),
    "account": dict.fromkeys(MARKET_DATASETS, "it belongs in a flow of kind market; ") | _ALONG,
}


def _needed(dataset: Dataset) -> tuple[str, ...]:
    """The keys of a flow without which a dataset of a market has no series, or no beginning."""
    series = tuple(f"{column}s" for column in ("symbol", "interval") if column in dataset.series)
    return (*series, "since") if dataset.kind is Kind.APPEND else series


MARKET_NEEDS = {name: _needed(DATASETS[name]) for name in MARKET_DATASETS}

_GROUPED = tuple(name for name in ACCOUNT_DATASETS if not DATASETS[name].by_name)
GROUPS = {
    "trading": PER_SYMBOL,
    "movements": tuple(name for name in _GROUPED if DATASETS[name].movements),
    "all": _GROUPED,
}
"""Names for many datasets of an account at once."""


def each_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """The datasets that these names and groups mean, each once."""
    return tuple(dict.fromkeys(name for one in names for name in GROUPS.get(one, (one,))))
