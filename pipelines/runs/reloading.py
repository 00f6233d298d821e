"""How what the lake holds is loaded again: a file of each dataset, and the pull of a file's dataset."""

from __future__ import annotations

from connectors.binance.archive.layouts import LAYOUTS
from connectors.binance.endpoints import FEEDING
from connectors.binance.endpoints.model import ById, OnGrid
from pipelines.archive.changed import Load, at_once
from pipelines.candles.republished import load_candles_again
from pipelines.pull.files_again import load_file_again
from pipelines.ticks.republished import load_large_file_again

WALKS = {dataset: rows[0].walk for (dataset, _), rows in FEEDING.items()}
FILED = frozenset(dataset for dataset, _ in LAYOUTS)
"""The datasets of which the archive has files."""

_LARGE = frozenset(dataset for (dataset, _), layout in LAYOUTS.items() if layout.streamed)


def load_of(dataset: str) -> Load:
    """How a file of a dataset is loaded again."""
    match WALKS.get(dataset):
        case OnGrid():
            return at_once(load_candles_again)
        case ById():
            return load_large_file_again
        case _:
            return load_large_file_again if dataset in _LARGE else at_once(load_file_again)
