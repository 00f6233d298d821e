"""Changes of balances that nothing explains: which stretches of which ledgers they have asked for once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.sources import sources
from connectors.lake.sql.views import literal
from pipelines.store.remembered import Remembered
from pipelines.store.rows import rows_of, with_instants
from pipelines.store.standing_still import stood_still
from schemas.datasets import DATASETS
from schemas.datasets.journal import LEDGER_LOOKS, RUNS
from schemas.model.errors import CorruptData
from schemas.model.grid import DAY_US, HOUR_US
from schemas.model.series import Series

_BALANCES = [dataset for dataset in DATASETS.values() if dataset.valued_by]
_PAUSES_US = (0, HOUR_US, DAY_US, 7 * DAY_US)  # before each look of a change; after the last one there is none
_AROUND_US = DAY_US  # a row may carry another instant than the change of the balance
_MOST = 5  # changes of a wallet in one run, the newest first: an account that never added up is not pulled anew

# What `reconciliation` calls unexplained, without the causes that it finds for people: those take twice as long. Of
# movements in flight, the usual case is known: two changes in a row undo each other, with a movement in between. A row
# that `waits` says that there is a movement which the next snapshot may leave unexplained, whatever it shows, or one
# that counts once another ledger is held.
_UNEXPLAINED = """
WITH intervals AS MATERIALIZED (
    FROM balance_intervals WHERE account = {account}
),
changed AS (
    SELECT
        wallet, asset, since, until,
        observed - expected AS left_over,
        lead(observed - expected) OVER history = expected - observed
            AND lead(since) OVER history = until
            AND greatest(len(ending), len(lead(starting) OVER history)) > 0 AS undone
    FROM intervals
    WHERE until IS NOT NULL
    WINDOW history AS (PARTITION BY wallet, asset ORDER BY until)
),
unexplained AS (
    SELECT *, split_part(wallet, ':', 1) AS kind
    FROM changed
    QUALIFY left_over <> 0 AND since IS NOT NULL AND NOT coalesce(undone, false)
        AND NOT coalesce(lag(undone) OVER (PARTITION BY wallet, asset ORDER BY until), false)
),
reached AS (
    SELECT
        wallet AS kind, max(since) AS since, min(until) AS until, bool_and(until IS NOT NULL) AS held,
        flatten(list(lost)) AS lost
    FROM ledger_reach
    WHERE account = {account}
    GROUP BY ALL
),
unprobed AS (
    SELECT 'spot' AS kind, asset, true AS unprobed FROM unprobed_symbols WHERE account = {account}
),
judged AS (
    SELECT
        kind, wallet, unexplained.since, unexplained.until,
        bool_or(coalesce(
            held AND reached.since <= unexplained.since AND reached.until >= unexplained.until AND unprobed IS NULL
                AND len([1 for part in lost if part.since < unexplained.until AND part.until > unexplained.since]) = 0,
            false
        )) AS comparable
    FROM unexplained
    LEFT JOIN reached USING (kind)
    LEFT JOIN unprobed USING (kind, asset)
    GROUP BY ALL
),
newest AS (
    SELECT wallet, max(observed_at) AS newest
    FROM bounds
    WHERE dataset = 'balances' AND account = {account}
    GROUP BY ALL
),
looked AS (
    SELECT dataset, wallet, since, until, count(*) AS times, max(asked_at) AS asked_at
    FROM ledger_looks
    WHERE account = {account}
    GROUP BY ALL
)
SELECT
    moving.dataset, judged.wallet, judged.since, judged.until, comparable,
    coalesce(judged.until < newest, false) AS followed, coalesce(times, 0) AS times, asked_at, false AS waits
FROM judged
JOIN (SELECT dataset, unnest(wallets) AS kind FROM ledgers) AS moving USING (kind)
LEFT JOIN newest ON newest.wallet = judged.wallet
LEFT JOIN looked
    ON looked.dataset = moving.dataset AND looked.wallet = judged.wallet
    AND looked.since = judged.since AND looked.until = judged.until
UNION ALL BY NAME
SELECT DISTINCT true AS waits
FROM (
    SELECT account FROM intervals SEMI JOIN newest USING (wallet) WHERE until IS NULL
    UNION ALL
    SELECT account FROM witnesses WHERE account = {account} AND NOT matched AND NOT closed
)
ORDER BY until DESC, dataset
"""


@dataclass(frozen=True, slots=True, order=True)
class Look:
    """A change of a wallet's balance between two snapshots that the movements of its ledgers do not explain."""

    wallet: str
    since: int
    until: int

    @property
    def stretch(self) -> tuple[int, int]:
        """What is asked for once more."""
        return self.since - _AROUND_US, self.until + _AROUND_US

    def concerns(self, series: Mapping[str, str]) -> bool:
        """Whether a series with these values may have moved the wallet; a debt comes with what was borrowed."""
        named = series.get("wallet") or series.get("market")
        return named is None or named.replace("_debt", "") == self.wallet.replace("_debt", "")


@dataclass(slots=True)
class Looks:
    """The changes of an account's balances that are not explained, by the datasets that may explain them."""

    due: dict[str, list[Look]] = field(default_factory=dict)  # asked for once more
    open: dict[str, list[Look]] = field(default_factory=dict)  # no ledger rests before it was asked about these


def looks_due(lake: Lake, account: str, now: int, *, again: bool = False, keep: bool = False) -> Looks:
    """What is to be asked for once more; with `again`, whatever was asked for before and when.

    With `keep`, that there is nothing is remembered for the next run: of an account whose every change is explained,
    that is so as long as no list of movements changes and its wallets stand still.
    """
    remembered, stand = _remembered(lake, account), _stand(lake, account)
    if (settled := remembered.answer(now)) is not None and _nothing_since(lake, settled, stand):
        return Looks()
    found, rows = Looks(), _unexplained(lake, account)
    if keep and rows == []:
        remembered.keep({series.id: taken for series, taken in stand.items()}, now)
    for row in rows or ():
        if row["waits"]:
            continue
        looks, unanswered = found.due.setdefault(row["dataset"], []), found.open.setdefault(row["dataset"], [])
        look, due = Look(row["wallet"], row["since"], row["until"]), is_due(row["times"], row["asked_at"] or 0, now)
        if row["comparable"] and len([one for one in looks if one.wallet == look.wallet]) < _MOST and (again or due):
            looks.append(look)
        if row["followed"]:  # of the newest snapshot, the movements may come with this run
            unanswered.append(look)
    return found


def is_due(times: int, asked_at: int, now: int) -> bool:
    """Whether it is time for another look at a change that was looked at so often, last at `asked_at`."""
    return times < len(_PAUSES_US) and now - asked_at >= _PAUSES_US[times]


def note_looks(lake: Lake, account: str, dataset: str, looks: Iterable[Look], now: int) -> None:
    """Remember that the ledger was asked for all that these mean."""
    rows = [
        {"account": account, "dataset": dataset, "asked_at": now}
        | {"wallet": each.wallet, "since": each.since, "until": each.until}
        for each in looks
    ]
    if rows:
        lake.table(LEDGER_LOOKS).commit(rows_of(LEDGER_LOOKS, rows), [])


def _unexplained(lake: Lake, account: str) -> list[Mapping[str, Any]] | None:
    """Each change that is not explained with each ledger that may explain it; None where the lake cannot be read."""
    if not any(lake.table(dataset).bounds() for dataset in _BALANCES):
        return []  # without balances nothing changes
    try:
        with connect(lake) as session:
            return list(with_instants(run(session, _UNEXPLAINED.format(account=literal(account)))))
    except CorruptData:  # the checks tell of it
        return None


def _remembered(lake: Lake, account: str) -> Remembered:
    """Which snapshots were the newest when all was explained, for as long as what else the answer follows from stays.

    Each run adds to balances, which are looked at apart, and to `runs`, which tell how far ledgers reach: that matters
    to what is not explained, and to movements that wait.
    """
    read = sources(lake, _UNEXPLAINED)
    growing = {RUNS.table, *(dataset.table for dataset in _BALANCES)}
    tables = {table: parts for table, parts in read.tables.items() if table not in growing}
    return Remembered.of(lake, ("looks", account), [read.statements, tables])


def _stand(lake: Lake, account: str) -> dict[Series, int]:
    """The newest snapshot of each wallet of an account."""
    return {
        series: bounds["observed_at"]
        for dataset in _BALANCES
        for series, bounds in lake.table(dataset).series()
        if series["account"] == account and "observed_at" in bounds
    }


def _nothing_since(lake: Lake, settled: Mapping[str, int], stand: Mapping[Series, int]) -> bool:
    """Whether the same wallets hold all the time what they held at these snapshots."""
    return {series.id for series in stand} == settled.keys() and all(
        taken >= settled[series.id]
        and stood_still(lake.table(series.dataset), series, settled[series.id], settled[series.id])
        for series, taken in stand.items()
    )
