"""Changes of an account's balances that no movement explains, and the ledgers that may explain them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.sources import sources
from pipelines.store.remembered import Remembered
from pipelines.store.rows import with_instants
from pipelines.store.standing_still import stood_still
from schemas.datasets import DATASETS
from schemas.datasets.journal import RUNS
from schemas.derived.sql import literal
from schemas.model.errors import CorruptData
from schemas.model.series import Series

_BALANCES = [dataset for dataset in DATASETS.values() if dataset.valued_by]

# What `reconciliation` calls unexplained, without the causes that it finds for people: those take twice as long. Of
# movements in flight, the usual case is known: two changes in a row undo each other, with a movement in between.
#
# Each change comes with each ledger that may explain it: whether the ledgers of its wallet are complete over it
# (`comparable`), whether a later snapshot was taken (`followed`), and how often and when the ledger was asked about it.
# A row that `waits` is no change: a movement after the newest snapshot, or one that counts once another ledger is held,
# may leave the next change unexplained, whatever is asked now.
_UNEXPLAINED = """
WITH intervals AS MATERIALIZED (
    FROM balance_intervals WHERE account = {account}
),
changes AS (
    SELECT
        wallet, asset, since, until,
        observed - expected AS residual,
        lead(observed - expected) OVER history = expected - observed
            AND lead(since) OVER history = until
            AND greatest(len(ending), len(lead(starting) OVER history)) > 0 AS undone
    FROM intervals
    WHERE until IS NOT NULL
    WINDOW history AS (PARTITION BY wallet, asset ORDER BY until)
),
unexplained AS (
    SELECT *, split_part(wallet, ':', 1) AS wallet_kind
    FROM changes
    QUALIFY residual <> 0 AND since IS NOT NULL AND NOT coalesce(undone, false)
        AND NOT coalesce(lag(undone) OVER (PARTITION BY wallet, asset ORDER BY until), false)
),
reach AS (
    SELECT
        wallet AS wallet_kind, max(since) AS since, min(until) AS until, bool_and(until IS NOT NULL) AS pulled,
        flatten(list(lost)) AS lost
    FROM ledger_reach
    WHERE account = {account}
    GROUP BY ALL
),
unprobed AS (
    SELECT 'spot' AS wallet_kind, asset, true AS unprobed FROM unprobed_symbols WHERE account = {account}
),
by_wallet AS (
    SELECT
        wallet_kind, wallet, unexplained.since, unexplained.until,
        bool_or(coalesce(
            pulled AND reach.since <= unexplained.since AND reach.until >= unexplained.until AND unprobed IS NULL
                AND len([1 for part in lost if part.since < unexplained.until AND part.until > unexplained.since]) = 0,
            false
        )) AS comparable
    FROM unexplained
    LEFT JOIN reach USING (wallet_kind)
    LEFT JOIN unprobed USING (wallet_kind, asset)
    GROUP BY ALL
),
snapshots AS (
    SELECT wallet, max(observed_at) AS newest
    FROM bounds
    WHERE dataset = 'balances' AND account = {account}
    GROUP BY ALL
),
looks AS (
    SELECT dataset, wallet, since, until, count(*) AS times, max(asked_at) AS asked_at
    FROM ledger_looks
    WHERE account = {account}
    GROUP BY ALL
)
SELECT
    moving.dataset, by_wallet.wallet, by_wallet.since, by_wallet.until, comparable,
    coalesce(by_wallet.until < newest, false) AS followed, coalesce(times, 0) AS times, asked_at, false AS waits
FROM by_wallet
JOIN (SELECT dataset, unnest(wallets) AS wallet_kind FROM ledgers) AS moving USING (wallet_kind)
LEFT JOIN snapshots ON snapshots.wallet = by_wallet.wallet
LEFT JOIN looks
    ON looks.dataset = moving.dataset AND looks.wallet = by_wallet.wallet
    AND looks.since = by_wallet.since AND looks.until = by_wallet.until
UNION ALL BY NAME
SELECT DISTINCT true AS waits
FROM (
    SELECT account FROM intervals SEMI JOIN snapshots USING (wallet) WHERE until IS NULL
    UNION ALL
    SELECT account FROM witnesses WHERE account = {account} AND NOT matched AND NOT closed
)
ORDER BY until DESC, dataset
"""


def unexplained(lake: Lake, account: str) -> list[Mapping[str, Any]] | None:
    """Each unexplained change with each ledger that may explain it, the newest first; None where nobody can tell."""
    if not any(lake.table(dataset).bounds() for dataset in _BALANCES):
        return []  # without balances nothing changes
    try:
        with connect(lake) as session:
            return list(with_instants(run(session, _UNEXPLAINED.format(account=literal(account)))))
    except CorruptData:  # the checks tell of it
        return None


@dataclass(frozen=True, slots=True)
class AllExplained:
    """That nothing is unexplained: remembered for as long as no list of movements changes and the wallets stand still.

    Each run adds to balances, which are looked at apart, and to `runs`, which tell how far ledgers reach: that matters
    to what is not explained, and to movements that wait.
    """

    lake: Lake
    newest: Mapping[Series, int]  # snapshot of each wallet
    _remembered: Remembered

    @classmethod
    def of(cls, lake: Lake, account: str) -> Self:
        """What it would follow from now; to be taken before the question is asked."""
        read = sources(lake, _UNEXPLAINED)
        growing = {RUNS.table, *(dataset.table for dataset in _BALANCES)}
        tables = {table: parts for table, parts in read.tables.items() if table not in growing}
        return cls(
            lake, _newest_snapshots(lake, account), Remembered.of(lake, ("looks", account), [read.statements, tables])
        )

    def keep(self, now: int) -> None:
        """Remember it."""
        self._remembered.keep({series.id: taken for series, taken in self.newest.items()}, now)

    def holds(self, now: int) -> bool:
        """Whether it was remembered, and the same wallets hold all the time what they held then."""
        settled = self._remembered.answer(now)
        return (
            settled is not None
            and {series.id for series in self.newest} == settled.keys()
            and all(
                taken >= settled[series.id]
                and stood_still(self.lake.table(series.dataset), series, settled[series.id], settled[series.id])
                for series, taken in self.newest.items()
            )
        )


def _newest_snapshots(lake: Lake, account: str) -> dict[Series, int]:
    return {
        series: bounds["observed_at"]
        for dataset in _BALANCES
        for series, bounds in lake.table(dataset).series()
        if series["account"] == account and "observed_at" in bounds
    }
