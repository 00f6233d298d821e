"""Balances that changed by something else than the movements we know: a sign of trades in symbols unknown to us.

Snapshots are compared two at a time: everything up to `explained_at` is accounted for, `suspect_at` is the snapshot
that is being looked into. Both lie in the log of the balances.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connectors.lake import Lake, Move
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.views import literal
from pipelines.store.filters import within
from pipelines.store.news import note
from pipelines.store.rows import column
from schemas.datasets.account import BALANCES
from schemas.model.errors import CorruptData
from schemas.model.grid import DAY_US
from schemas.model.series import Series

WALLET = {"spot": "spot"}  # which wallet the trades of a market move
MOVE_ON_US = DAY_US  # how often the starting point follows when nothing is unexplained

_LEFT_OVER = """
SELECT asset
FROM (
    SELECT asset, (free + locked) * CASE epoch_us(observed_at) WHEN {until} THEN 1 ELSE -1 END AS amount
    FROM balances
    WHERE {where} AND observed_at IN (make_timestamptz({since}), make_timestamptz({until}))
    UNION ALL
    SELECT asset, -amount
    FROM ledger
    WHERE {where} AND time > make_timestamptz({since}) AND time <= make_timestamptz({until})
)
WHERE NOT is_receipt(asset)
GROUP BY asset
HAVING sum(amount) <> 0
"""


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
    """The assets that the newest snapshots of an account name."""
    found: set[str] = set()
    for wallet in WALLET.values():
        newest = _series(account, wallet).bound("observed_at", lake.table(BALANCES).bounds())
        if newest is not None:
            found |= _totals(lake, account, wallet, newest).keys()
    return found


def _unexplained(lake: Lake, account: str, market: str, since: int, until: int) -> set[str] | None:
    """The assets whose change the ledger does not explain; None where the lake cannot be read, so that nobody knows."""
    before, after = (_totals(lake, account, WALLET[market], instant) for instant in (since, until))
    if before == after:  # as between most snapshots: that what is unknown comes to just what is known is no chance
        return set()
    where = f"account = {literal(account)} AND wallet = {literal(WALLET[market])}"
    try:
        with connect(lake) as session:
            left = run(session, _LEFT_OVER.format(where=where, since=since, until=until))
            return set(column(left, "asset"))
    except CorruptData:  # its own pull and the checks tell of it
        return None


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
