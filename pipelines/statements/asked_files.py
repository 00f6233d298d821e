"""Which files of futures were asked for, what became of each, and what is left of the month's quota."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.store.rows import rows_of, with_instants
from schemas.datasets.statements import STATEMENT_DOWNLOADS
from schemas.model.grid import DAY_US
from schemas.model.instants import moment
from schemas.statements.quotas import QUOTAS, Quota

MOST_US = 365 * DAY_US  # of one file


class State(StrEnum):
    """What is known of a question."""

    ASKED = "asked"
    REFUSED = "refused"
    GIVEN = "given"
    EXPIRED = "expired"
    ABANDONED = "abandoned"
    UNREADABLE = "unreadable"
    IMPORTED = "imported"


_OPEN_AGAIN = frozenset({State.REFUSED, State.EXPIRED, State.ABANDONED})


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFile:
    """One question for a file and what is known of it. Instants are microseconds; `until` is no longer asked for."""

    account: str
    market: str
    export: str
    since: int
    until: int
    asked_at: int
    state: str = State.ASKED
    download_id: str | None = None
    file: str | None = None

    @property
    def spends(self) -> bool:
        """Whether it counts against the quota: also where nobody knows what became of it."""
        return self.state != State.REFUSED


def asked_files(lake: Lake, account: str) -> list[AskedFile]:
    """Each question of an account, the first one first, with what is known last."""
    rows = lake.table(STATEMENT_DOWNLOADS).scan(where=pc.field("account") == account)
    last: dict[tuple[str, str, int], AskedFile] = {}
    for row in with_instants(rows.sort_by([("asked_at", "ascending"), ("seen_at", "ascending")])):
        del row["seen_at"]
        file = AskedFile(**row)
        last[file.market, file.export, file.asked_at] = file
    return list(last.values())


def note(lake: Lake, asked: AskedFile, now: int, known: Mapping[str, str]) -> AskedFile:
    """Write down what has become known of a question, and give it back with that."""
    found = replace(asked, **known)  # type: ignore[arg-type]
    row = {name: getattr(found, name) for name in AskedFile.__dataclass_fields__} | {"seen_at": now}
    lake.table(STATEMENT_DOWNLOADS).commit(rows_of(STATEMENT_DOWNLOADS, [row]), [])
    return found


def unasked(
    files: Iterable[AskedFile], since: int, until: int, given_up: Iterable[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """The stretches of a time that no question is open or answered for, none longer than a file may be."""
    held = [(file.since, file.until) for file in files if file.state not in _OPEN_AGAIN]
    missing, reached = list[tuple[int, int]](), since
    for start, end in [*sorted([*held, *given_up]), (until, until)]:
        if reached < min(start, until):
            missing.append((reached, min(start, until)))
        reached = max(reached, end)
    return [part for start, end in missing for part in _parts(start, end)]


def expired_twice(files: Iterable[AskedFile], since: int, until: int) -> list[tuple[int, int]]:
    """The stretches of a time for which two files were made and had expired before they were there: it would go on."""
    lost = [file for file in files if file.state == State.EXPIRED]
    stretches = {(max(a.since, b.since, since), min(a.until, b.until, until)) for a, b in combinations(lost, 2)}
    return sorted((start, end) for start, end in stretches if start < end)


def _parts(start: int, end: int) -> list[tuple[int, int]]:
    return [(each, min(each + MOST_US, end)) for each in range(start, end, MOST_US)]


def spent(files: Iterable[AskedFile], quota: Quota, now: int) -> int:
    """How many files of a quota were asked for in this month."""
    month = _month(now)
    of_it = [file for file in files if (file.market, file.export) in quota.of and file.spends]
    return sum(_month(file.asked_at) == month for file in of_it)


def quota_line(files: Sequence[AskedFile], kinds: Iterable[tuple[str, str]], now: int) -> str:
    """What was spent of each quota in this month, as a person reads it."""
    quotas: Mapping[str, Quota] = {QUOTAS[kind].name: QUOTAS[kind] for kind in kinds}
    return ", ".join(f"{name} {spent(files, quota, now)} of {quota.most}" for name, quota in quotas.items())


def _month(instant: int) -> str:
    return f"{moment(instant):%Y-%m}"
