"""Changes of balances that nothing explains: which stretches of which ledgers they have asked for once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.lake import Lake
from pipelines.store.rows import rows_of
from pipelines.store.unexplained import AllExplained, unexplained
from schemas.datasets.journal import LEDGER_LOOKS
from schemas.model.grid import DAY_US, HOUR_US

_PAUSES_US = (0, HOUR_US, DAY_US, 7 * DAY_US)  # before each look of a change; after the last one there is none
_AROUND_US = DAY_US  # a row may carry another instant than the change of the balance
_MOST = 5  # changes of a wallet in one run, the newest first: an account that never added up is not pulled anew


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

    With `keep`, that there is nothing is remembered for the next run.
    """
    explained = AllExplained.of(lake, account)
    if explained.holds(now):
        return Looks()
    found, changes = Looks(), unexplained(lake, account)
    if keep and changes == []:
        explained.keep(now)
    for row in changes or ():
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
