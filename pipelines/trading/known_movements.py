"""What the lists of movements hold, read from their columns alone: what each row moved takes SQL and longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.store.filters import timestamp
from schemas.datasets import DATASETS
from schemas.derived.queries import moving
from schemas.model.dataset import Dataset, Kind
from schemas.model.errors import CorruptData

_ASSETS = {"asset", "coin", "currency"}  # the last word of a column that names one


def moved_since(lake: Lake, account: str, wallet: str, since: int) -> bool:
    """Whether anything that may have moved a wallet after an instant was seen of an account."""
    for dataset in _moving(wallet):
        seen = "seen_at" if dataset.kind is Kind.VERSIONS else str(dataset.clock)
        after = (pc.field("account") == account) & (pc.field(seen) > timestamp(since))
        if lake.table(dataset).scan([seen], after).num_rows:
            return True
    return False


def named_assets(lake: Lake, account: str) -> set[str]:
    """The assets that any list of an account's movements names, except its fills, whose symbols are known."""
    found: set[str] = set()
    for dataset in _moving():
        names = [name for name in dataset.schema.names if name.rpartition("_")[2] in _ASSETS]
        if dataset.kind is Kind.VERSIONS and names:
            with suppress(CorruptData):  # its own pull and the checks tell of it
                rows = lake.table(dataset).scan(names, pc.field("account") == account)
                found.update(*(pc.unique(rows[name]).to_pylist() for name in names))
    return found - {None}


def _moving(wallet: str | None = None) -> Iterator[Dataset]:
    """The datasets whose rows move a wallet, or any."""
    return (DATASETS[name] for name, wallets in moving().items() if wallet is None or wallet in wallets)
