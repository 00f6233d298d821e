"""What is new to the lake, committed from where its series stood when that was found out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from connectors.binance.clock import SPREAD_S
from connectors.lake import Move, Stale, Table
from schemas.model.cursor import FIRST_OBSERVED_AT
from schemas.model.errors import Problem
from schemas.model.grid import SECOND_US
from schemas.model.instants import utc_text
from schemas.model.series import Series

ROUNDS = 20  # each lost race means another process got further, so this ends; a loop without end would hide a bug


@dataclass(frozen=True, slots=True)
class News:
    """New rows of one series, and the bounds they leave."""

    series: Series
    rows: pa.Table
    bounds: Mapping[str, int]


def commit_news(table: Table, find: Callable[[Mapping[str, int]], Sequence[News]]) -> int:
    """Commit what `find` sees as new from given bounds, anew when another process moved first; how many rows it was."""
    for _ in range(ROUNDS):
        bounds = table.bounds()
        found = find(bounds)
        if not found:
            return 0
        moves = [Move.of(one.series, one.bounds, bounds) for one in found]
        with suppress(Stale):
            return table.commit(pa.concat_tables(one.rows for one in found), moves).rows
    raise Problem(f"Other processes kept moving {table.dataset.name} first.", "Run again.")


def commit_snapshot(table: Table, series: Series, at: int, now: int, rows: Callable[[], pa.Table]) -> int:
    """Commit what was seen of a series at an instant; where another process has a newer look already, nothing is."""
    return commit_snapshots(table, [series], at, now, lambda _: rows())


def commit_snapshots(
    table: Table, series: Iterable[Series], at: int, now: int, rows: Callable[[Sequence[Series]], pa.Table]
) -> int:
    """The same of several series that one answer speaks of; of those that stand newer already, nothing is."""
    bounds = table.bounds()
    due = [one for one in series if _is_older(one, one.bound("observed_at", bounds), at, now)]
    moves = [_seen(one, bounds, at) for one in due]
    with suppress(Stale):
        return table.commit(rows(due), moves).rows if due else 0
    return 0


def _seen(series: Series, bounds: Mapping[str, int], at: int) -> Move:
    """What a snapshot at this instant leaves. The first one stays known; of an older lake, the first that still is."""
    previous, new = series.bound("observed_at", bounds), {"observed_at": at}
    if FIRST_OBSERVED_AT in series.dataset.remembered and series.bound(FIRST_OBSERVED_AT, bounds) is None:
        new[FIRST_OBSERVED_AT] = at if previous is None else previous
    return Move(series, {name: series.bound(name, bounds) for name in new}, new)


def _is_older(series: Series, previous: int | None, at: int, now: int) -> bool:
    if previous is None or previous < at:
        return True
    if previous <= now + SPREAD_S * SECOND_US:  # two readings of one clock differ
        return False
    raise Problem(
        f"{series.dataset.name} holds a snapshot of {series.name} from {utc_text(previous)}, which is still to come: "
        "the exchange's clock was ahead, or is behind now.",
        "`binlake doctor` shows both clocks. Snapshots go on once that time has come.",
    )


def note(table: Table, moves: Sequence[Move]) -> None:
    """Note how series stand; where another process moved on, the next run notes how they stand then."""
    with suppress(Stale):
        if moves:
            table.commit(None, moves)
