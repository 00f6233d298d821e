"""Changes of balances that nothing explains: which stretches of which ledgers they have asked for once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.views import literal
from pipelines.store.rows import rows_of, with_instants
from schemas.datasets import DATASETS
from schemas.datasets.journal import LEDGER_LOOKS
from schemas.model.errors import CorruptData
from schemas.model.grid import DAY_US, HOUR_US

_PAUSES_US = (0, HOUR_US, DAY_US, 7 * DAY_US)  # before each look of a change; after the last one there is none
_AROUND_US = DAY_US  # a row may carry another instant than the change of the balance
_MOST = 5  # changes of a wallet in one run, the newest first: an account that never added up is not pulled anew

# What `reconciliation` calls unexplained, without the causes that it finds for people: those take twice as long. Of
# movements in flight, the usual case is known: two changes in a row undo each other, with a movement in between.
_UNEXPLAINED = """
WITH changed AS (
    SELECT
        wallet, asset, since, until,
        observed - expected AS left_over,
        lead(observed - expected) OVER history = expected - observed
            AND lead(since) OVER history = until
            AND greatest(len(ending), len(lead(starting) OVER history)) > 0 AS undone
    FROM balance_changes
    WHERE account = {account}
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
    coalesce(judged.until < newest, false) AS followed, coalesce(times, 0) AS times, asked_at
FROM judged
JOIN (SELECT dataset, unnest(wallets) AS kind FROM ledgers) AS moving USING (kind)
LEFT JOIN newest ON newest.wallet = judged.wallet
LEFT JOIN looked
    ON looked.dataset = moving.dataset AND looked.wallet = judged.wallet
    AND looked.since = judged.since AND looked.until = judged.until
ORDER BY judged.until DESC, moving.dataset
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


def looks_due(lake: Lake, account: str, now: int, *, again: bool = False) -> Looks:
    """What is to be asked for once more; with `again`, whatever was asked for before and when."""
    found = Looks()
    for row in _unexplained(lake, account):
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


def _unexplained(lake: Lake, account: str) -> Iterator[Mapping[str, Any]]:
    """Each change that is not explained with each ledger that may explain it; none where the lake cannot be read."""
    if not any(lake.table(dataset).bounds() for dataset in DATASETS.values() if dataset.valued_by):
        return  # without balances nothing changes
    try:
        with connect(lake) as session:
            yield from with_instants(run(session, _UNEXPLAINED.format(account=literal(account))))
    except CorruptData:  # the checks tell of it
        return
