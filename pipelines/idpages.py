"""Pages of a list that is walked by id, and what they say about where a series stands. Pure.

The log keeps, of each series, how far it was walked (`since_id`, `until_id`) and where the next run begins
(`resume_id`): some rows earlier, since an answer may lag behind what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from connectors.lake import FREE, Move
from schemas.dataset import Dataset
from schemas.intervals import HOUR_US

OVERLAP_ROWS = 10  # asked for again however old they are
OVERLAP_US = HOUR_US  # rows younger than this are asked for again

Tail = tuple[tuple[int, int], ...]  # id and instant of the rows to be asked for again


@dataclass(frozen=True, slots=True, order=True)
class AccountSeries:
    """What an account did in one symbol; with no symbol, in the whole market."""

    account: str
    market: str
    symbol: str = ""

    @property
    def values(self) -> dict[str, str]:
        return {"account": self.account, "market": self.market, "symbol": self.symbol}

    @property
    def name(self) -> str:
        """The series as a person reads it."""
        return "/".join(part for part in (self.account, self.market, self.symbol) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of one answer from id `since` on, ascending, and what the log has to remember with them.

    `last` says that nothing follows. `tail` are the rows that the next run asks for again; a page without them was
    asked for out of turn and moves no frontier.
    """

    series: AccountSeries
    rows: pa.Table
    ids: Sequence[int]
    last: bool = True
    tail: Tail = ()
    memos: Mapping[str, int] = field(default_factory=dict)


def tail_of(before: Tail, ids: Sequence[int], instants: Sequence[int], pinned: Sequence[bool], now: int) -> Tail:
    """Of the rows known so far, in order of id: the last ten, and from the oldest that is young or pinned on."""
    rows = {**dict(before), **dict(zip(ids, instants, strict=True))}
    held = {one for one, pin in zip(ids, pinned, strict=True) if pin}
    ordered = sorted(rows)
    last = ordered[-OVERLAP_ROWS:]
    begin = min((one for one in ordered if one in held or rows[one] > now - OVERLAP_US), default=last[0] if last else 0)
    return tuple((one, rows[one]) for one in ordered if one >= min(begin, *last[:1]))


def frontier(page: Page, bounds: Mapping[str, int], series_id: str) -> dict[str, int]:
    """The bounds as they are once this page is stored; never behind what another process reached."""
    known = {name: bounds.get(f"{series_id}#{name}", value) for name, value in page.memos.items()}
    new = {name: value if name in FREE else max(value, known[name]) for name, value in page.memos.items()}
    if page.ids and page.tail:
        until = bounds.get(f"{series_id}#until_id", 0)
        resume = bounds.get(f"{series_id}#resume_id", 0)
        new["since_id"] = bounds.get(f"{series_id}#since_id", 0)
        new["until_id"] = max(until, page.ids[-1] + 1)
        new["resume_id"] = max(resume, page.tail[0][0])
    return new


def moved(new: Mapping[str, int], bounds: Mapping[str, int], series_id: str, *, also: bool) -> bool:
    """Whether a page is worth a commit: it brings something, or reached further; a shorter overlap alone is not."""
    telling = {name for name in new if name != "resume_id"}
    return also or any(bounds.get(f"{series_id}#{name}") != new[name] for name in telling)


def move_of(dataset: Dataset, series: AccountSeries, new: Mapping[str, int], bounds: Mapping[str, int]) -> Move:
    """What a commit expects of the series, its revision included, and where it takes the bounds."""
    series_id = dataset.series_id(series.values)
    expected = {name: bounds.get(f"{series_id}#{name}") for name in (*new, "revision")}
    return Move(series_id, expected, dict(new))


def constants(dataset: Dataset, series: AccountSeries, now: int) -> dict[str, str | int]:
    """What an answer does not print about its rows; the version is counted when they are stored."""
    known: dict[str, Any] = {"account": series.account, "market": series.market, "version": 0, "seen_at": now}
    return {name: value for name, value in known.items() if name in dataset.schema.names}
