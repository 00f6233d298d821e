"""Balances that changed by something else than the movements we know: a sign of trades in symbols unknown to us.

Every change from snapshot to snapshot is held against what moved: all up to `explained_at` is accounted for, up to
`suspect_at` it is being looked into. Both lie in the log of the balances.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connectors.lake import Lake, Move
from connectors.lake.sql.session import connect, run
from pipelines.store.filters import within
from pipelines.store.news import note
from pipelines.store.rows import column, with_instants
from pipelines.trading.known_movements import moved_since, named_assets
from schemas.datasets.account import BALANCES
from schemas.derived.sql import literal
from schemas.model.errors import CorruptData
from schemas.model.grid import DAY_US
from schemas.model.series import Series

WALLET = {"spot": "spot"}  # which wallet the trades of a market move
MOVE_ON_US = DAY_US  # how often the starting point follows when nothing is unexplained

_LEFT_OVER = """
SELECT asset, sum(observed) = sum(expected) AS cancels
FROM balance_changes
WHERE {where}
GROUP BY asset
HAVING bool_or(observed <> expected)
"""
# Of changes that cancel each other, those that a movement around a snapshot does not explain; this takes longer.
_NOT_IN_FLIGHT = "SELECT DISTINCT asset FROM reconciliation WHERE {where} AND residual <> 0"


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


def look(lake: Lake, account: str, market: str) -> None:
    """Compare the newest snapshot with the one that was accounted for, unless an older one is still looked into."""
    marks = _marks(lake, account, market)
    if marks.newest is None:
        return
    if marks.explained is None:
        _note(lake, account, market, marks, explained_at=marks.newest, suspect_at=marks.newest)
    elif marks.suspect == marks.explained < marks.newest:
        unexplained = _unexplained(lake, account, market, marks.explained, marks.newest)
        if unexplained:
            _note(lake, account, market, marks, suspect_at=marks.newest)
        elif unexplained is not None and marks.newest - marks.explained >= MOVE_ON_US:
            _note(lake, account, market, marks, explained_at=marks.newest, suspect_at=marks.newest)


def suspicion(lake: Lake, account: str, market: str) -> Suspicion | None:
    """What is being looked into; None when nothing is, or nobody can tell."""
    marks = _marks(lake, account, market)
    if marks.explained is None or marks.suspect is None or marks.suspect == marks.explained:
        return None
    assets = _unexplained(lake, account, market, marks.explained, marks.suspect)
    if assets is None:
        return None
    return Suspicion(since=marks.explained, until=marks.suspect, assets=frozenset(assets))


def clear(lake: Lake, account: str, market: str) -> None:
    """Note that every symbol which might explain the changes was looked at."""
    marks = _marks(lake, account, market)
    if marks.suspect is not None and marks.suspect != marks.explained:
        _note(lake, account, market, marks, explained_at=marks.suspect)


def held_assets(lake: Lake, account: str) -> set[str]:
    """The assets that the newest snapshots of an account name, and any list of its movements."""
    found = named_assets(lake, account)
    for wallet in WALLET.values():
        newest = _series(account, wallet).bound("observed_at", lake.table(BALANCES).bounds())
        if newest is not None:
            found |= _totals(lake, account, wallet, newest).keys()
    return found


def _unexplained(lake: Lake, account: str, market: str, since: int, until: int) -> set[str] | None:
    """The assets of which some change is not explained; None where the lake cannot be read, so that nobody knows."""
    wallet = WALLET[market]
    where = f"account = {literal(account)} AND wallet = {literal(wallet)}"
    between = f"since >= make_timestamptz({since}) AND until <= make_timestamptz({until})"
    try:
        if _stood_still(lake, account, wallet, since, until):
            return set()
        with connect(lake) as session:
            left = run(session, _LEFT_OVER.format(where=f"{where} AND {between}")).to_pylist()
            found = {row["asset"] for row in left if not row["cancels"]}
            if len(found) < len(left):
                found.update(column(run(session, _NOT_IN_FLIGHT.format(where=f"{where} AND {between}")), "asset"))
            return found
    except CorruptData:  # its own pull and the checks tell of it
        return None


def _stood_still(lake: Lake, account: str, wallet: str, since: int, until: int) -> bool:
    """Whether all snapshots show the same and nothing is known to have moved, as between most: then nothing is left."""
    rows = lake.table(BALANCES).scan(where=within([_series(account, wallet)], since, until + 1))
    shown: dict[int, dict[str, Decimal]] = {since: {}, until: {}}
    for row in with_instants(rows):
        if total := row["free"] + row["locked"]:
            shown.setdefault(row["observed_at"], {})[row["asset"]] = total
    first, *others = shown.values()
    return all(one == first for one in others) and not moved_since(lake, account, wallet, since)


def _totals(lake: Lake, account: str, wallet: str, observed_at: int) -> dict[str, Decimal]:
    where = within([_series(account, wallet)], observed_at, observed_at + 1)
    rows = lake.table(BALANCES).scan(["asset", "free", "locked"], where)
    return {row["asset"]: row["free"] + row["locked"] for row in rows.to_pylist()}


def _marks(lake: Lake, account: str, market: str) -> _Marks:
    bounds, series = lake.table(BALANCES).bounds(), _series(account, WALLET[market])
    return _Marks(*(series.bound(name, bounds) for name in ("observed_at", "explained_at", "suspect_at", "revision")))


def _note(lake: Lake, account: str, market: str, marks: _Marks, **new: int) -> None:
    expected = {"explained_at": marks.explained, "suspect_at": marks.suspect, "revision": marks.revision}
    note(lake.table(BALANCES), [Move(_series(account, WALLET[market]), expected, new)])


def _series(account: str, wallet: str) -> Series:
    return Series.of(BALANCES, account=account, wallet=wallet)
