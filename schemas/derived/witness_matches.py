"""The query that holds what one list tells against what the lists tell that own it, one to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Two lists tell of the same where equal movements follow one another closely. Each takes the oldest of the other side
# that still waits and is near enough, so that two equal ones need two partners, and the one without is the one left.
_MATCHED = """WITH told AS (
{told}
),
owned AS (
{owned}
),
pairs AS (
    SELECT * FROM (VALUES {pairs}) AS pairs(dataset, owner, pool, within, may_be_alone)
),
reached AS (
    SELECT pairs.dataset, account, max(since) AS since, min(until - settles) AS until, count(*) = count(until) AS held
    FROM pairs
    JOIN ledger_reach ON ledger_reach.dataset = owner
    GROUP BY ALL
),
events AS MATERIALIZED (
    SELECT *, row_number() OVER () AS id
    FROM (
        SELECT told.*, pool, within, may_be_alone, true AS tells
        FROM told
        JOIN (SELECT DISTINCT dataset, pool, within, may_be_alone FROM pairs) AS pools USING (dataset)
        UNION ALL BY NAME
        SELECT owned.*, pool, within, false AS tells
        FROM owned
        JOIN (SELECT DISTINCT owner, pool, within FROM pairs) AS pools ON owner = owned.dataset
    )
),
spaced AS (
    SELECT *, time - lag(time) OVER (PARTITION BY pool, account, wallet, asset, amount ORDER BY time) > within AS apart
    FROM events
),
grouped AS (
    SELECT
        *,
        count(*) FILTER (apart) OVER (
            PARTITION BY pool, account, wallet, asset, amount ORDER BY time ROWS UNBOUNDED PRECEDING
        ) AS cluster
    FROM spaced
),
clusters AS (
    SELECT
        within,
        list(
            {{'waiting': [{{'time': time, 'tells': tells, 'id': id}}], 'paired': []::BIGINT[]}}
            ORDER BY time, tells, key
        ) AS steps
    FROM grouped
    GROUP BY pool, within, account, wallet, asset, amount, cluster
    HAVING bool_or(tells) AND NOT bool_and(tells)
),
paired AS (
    SELECT unnest(list_reduce(steps, lambda state, each: [
        CASE WHEN fresh[1].tells <> each.waiting[1].tells
            THEN {{
                'waiting': fresh[2:], 'paired': list_concat(state.paired, [fresh[1].id, each.waiting[1].id])
            }}
            ELSE {{'waiting': list_concat(fresh, each.waiting), 'paired': state.paired}}
        END
        for fresh in [[one for one in state.waiting if one.time >= each.waiting[1].time - within]]
    ][1]).paired) AS id
    FROM clusters
)
SELECT
    events.account,
    wallet,
    asset,
    time,
    amount,
    kind,
    events.dataset,
    key,
    paired.id IS NOT NULL AS matched,
    may_be_alone OR coalesce(held AND time >= since AND time < until, false) AS closed,
    may_be_alone
FROM events
LEFT JOIN paired USING (id)
LEFT JOIN reached ON reached.dataset = events.dataset AND reached.account = events.account
WHERE tells"""


@dataclass(frozen=True, slots=True)
class Witness:
    """What the rows of a dataset tell of the movements that others own, the latter within so much time of it."""

    dataset: str
    owners: tuple[str, ...]
    within: str
    wallets: tuple[str, ...]  # that it moves where the owners do not tell of it; none where they should tell of all
    doc: str
    sql: str

    @property
    def pool(self) -> str:
        """Lists of the same owners tell of different movements: no two of them may have the same partner."""
        return f"{' '.join(self.owners)} within {self.within}"


def matched_sql(telling: Iterable[Witness], told: str, owned: str) -> str:
    """Each movement of the lists that tell (`told`), and whether it has a partner among those of the owners."""
    pairs = ", ".join(
        f"('{each.dataset}', '{owner}', '{each.pool}', INTERVAL '{each.within}', {bool(each.wallets)})"
        for each in telling
        for owner in each.owners
    )
    return _MATCHED.format(told=told, owned=owned, pairs=pairs)
