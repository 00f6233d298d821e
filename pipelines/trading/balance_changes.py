"""Balances that changed by something else than the fills we know: a sign of trades in symbols unknown to us.

Snapshots are compared two at a time: everything up to `explained_at` is accounted for, `suspect_at` is the snapshot
that is being looked into. Both lie in the log of the balances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

import pyarrow.compute as pc

from connectors.lake import Lake, Move
from pipelines.pull.symbols import Listing
from pipelines.store.filters import between, within
from pipelines.store.news import note
from pipelines.store.rows import with_instants
from schemas.datasets.account import BALANCES
from schemas.datasets.orders import ALLOCATIONS, FILLS
from schemas.model.dataset import Dataset
from schemas.model.grid import DAY_US
from schemas.model.series import Series

WALLET = {"spot": "spot"}  # which wallet the trades of a market move
MOVE_ON_US = DAY_US  # how often the starting point follows when nothing is unexplained


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """The assets that changed without explanation between two snapshots."""

    since: int
    until: int
    assets: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Marks:
    """What the log of the balances says of one wallet."""

    newest: int | None
    explained: int | None
    suspect: int | None
    revision: int | None


def look(lake: Lake, account: str, market: str, book: Listing) -> None:
    """Compare the newest snapshot with the one that was accounted for, unless an older one is still looked into."""
    marks = _marks(lake, account, market)
    if marks.newest is None:
        return
    if marks.explained is None:
        _note(lake, account, market, marks, explained_at=marks.newest, suspect_at=marks.newest)
    elif marks.suspect == marks.explained < marks.newest:
        if _unexplained(lake, account, market, book, marks.explained, marks.newest):
            _note(lake, account, market, marks, suspect_at=marks.newest)
        elif marks.newest - marks.explained >= MOVE_ON_US:
            _note(lake, account, market, marks, explained_at=marks.newest, suspect_at=marks.newest)


def suspicion(lake: Lake, account: str, market: str, book: Listing) -> Suspicion | None:
    """What is being looked into; None when nothing is."""
    marks = _marks(lake, account, market)
    if marks.explained is None or marks.suspect is None or marks.suspect == marks.explained:
        return None
    assets = _unexplained(lake, account, market, book, marks.explained, marks.suspect)
    return Suspicion(since=marks.explained, until=marks.suspect, assets=frozenset(assets))


def clear(lake: Lake, account: str, market: str) -> None:
    """Note that every symbol which might explain the changes was looked at."""
    marks = _marks(lake, account, market)
    if marks.suspect is not None and marks.suspect != marks.explained:
        _note(lake, account, market, marks, explained_at=marks.suspect)


def held_assets(lake: Lake, account: str) -> set[str]:
    """The assets that the newest snapshots of an account name."""
    found: set[str] = set()
    for wallet in WALLET.values():
        newest = _series(account, wallet).bound("observed_at", lake.table(BALANCES).bounds())
        if newest is not None:
            found |= _totals(lake, account, wallet, newest).keys()
    return found


def _unexplained(lake: Lake, account: str, market: str, book: Listing, since: int, until: int) -> set[str]:
    before, after = (_totals(lake, account, WALLET[market], instant) for instant in (since, until))
    explained = _effects(lake, account, market, book, since, until)
    zero = Decimal(0)
    return {
        asset
        for asset in before.keys() | after.keys() | explained.keys()
        if after.get(asset, zero) - before.get(asset, zero) != explained.get(asset, zero)
    }


def _totals(lake: Lake, account: str, wallet: str, observed_at: int) -> dict[str, Decimal]:
    where = within([_series(account, wallet)], observed_at, observed_at + 1)
    rows = lake.table(BALANCES).scan(["asset", "free", "locked"], where)
    return {row["asset"]: row["free"] + row["locked"] for row in rows.to_pylist()}


def _effects(lake: Lake, account: str, market: str, book: Listing, since: int, until: int) -> dict[str, Decimal]:
    """By how much the stored fills changed each asset within (since, until]."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for dataset in (FILLS, ALLOCATIONS):
        for row in _traded(lake, dataset, account, market, since, until):
            listed = book.rows.get(row["symbol"])
            if row["commission_asset"] is not None:
                sums[row["commission_asset"]] -= row["commission"]
            if listed is not None:
                sign = 1 if row["is_buyer"] else -1
                sums[listed["base_asset"]] += sign * row["qty"]
                sums[listed["quote_asset"]] -= sign * (row["quote_qty"] or 0)  # what is not told explains nothing
    return sums


def _traded(
    lake: Lake, dataset: Dataset, account: str, market: str, since: int, until: int
) -> Iterator[dict[str, Any]]:
    clauses: list[Any] = [
        pc.field("account") == account,
        pc.field("market") == market,
        between("time", since + 1, until + 1),
    ]
    columns = ["symbol", "qty", "quote_qty", "commission", "commission_asset", "is_buyer"]
    yield from with_instants(lake.table(dataset).scan(columns, reduce(and_, clauses)))


def _marks(lake: Lake, account: str, market: str) -> _Marks:
    bounds, series = lake.table(BALANCES).bounds(), _series(account, WALLET[market])
    return _Marks(*(series.bound(name, bounds) for name in ("observed_at", "explained_at", "suspect_at", "revision")))


def _note(lake: Lake, account: str, market: str, marks: _Marks, **new: int) -> None:
    expected = {"explained_at": marks.explained, "suspect_at": marks.suspect, "revision": marks.revision}
    note(lake.table(BALANCES), [Move(_series(account, WALLET[market]), expected, new)])


def _series(account: str, wallet: str) -> Series:
    return Series.of(BALANCES, account=account, wallet=wallet)
