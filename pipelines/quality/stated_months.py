"""What proofs of months have in common, whatever comes in those months."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from connectors.lake import Lake, Table
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData, Problem, TryLater

Damage = Callable[[str, Problem], None]  # told of a table that cannot be examined


class _Wanted(Protocol):
    @property
    def dataset(self) -> str: ...


W = TypeVar("W", bound=_Wanted)
M = TypeVar("M")


def stated_months(
    lake: Lake,
    datasets: Mapping[str, Dataset],
    wanted: Sequence[W],
    stated: Callable[[Table, int, Sequence[W]], Iterable[M]],
    on_damage: Damage,
) -> Iterator[M]:
    """What is stated of each dataset that is held or wanted; one that cannot be examined costs no other.

    `stated` is given the table, its version and what is wanted of it.
    """
    for name, dataset in datasets.items():
        mine = [want for want in wanted if want.dataset == name]
        try:
            table = lake.table(dataset)
            version = table.version()
            found = list(stated(table, version, mine)) if mine or version >= 0 else []
        except TryLater:
            raise
        except Problem as problem:
            on_damage(name, problem)
        else:
            yield from found


def disagreement(table: Table, version: int, name: str, month: str) -> Problem:
    """Two ways of counting rows differ: by a commit in between, or by damage that one of them fell for."""
    if table.version() != version:
        return TryLater("The lake changed while it was being proven.", "Run it again.")
    return CorruptData(
        f"The log of {table.dataset.table} and its data files disagree on {name} of {month}.",
        "`binlake check files_intact` names damaged files; if it finds none, restore the table from a copy.",
    )
