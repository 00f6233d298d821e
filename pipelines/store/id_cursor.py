"""Pages of a list that is walked by id, and what they say about where a series stands. Pure.

The log keeps, of each series, how far it was walked (`since_id`, `until_id`) and where the next run begins
(`resume_id`): some rows earlier, since an answer may lag behind what happened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.store.rows import column
from schemas.model.cursor import Direction
from schemas.model.dataset import Dataset
from schemas.model.grid import HOUR_US
from schemas.model.series import Series

OVERLAP_ROWS = 10  # asked for again however old they are
BEGINNING = 1  # no row has a smaller id
OVERLAP_US = HOUR_US  # rows younger than this are asked for again
NEVER_OLD = 2**62  # stands for the instant of a row that could not be read: it is asked for again until it can be

Tail = tuple[tuple[int, int], ...]  # id and instant of the rows to be asked for again


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of one answer, ascending, with their ids and instants, and what the log has to remember with them."""

    series: Series
    rows: pa.Table
    instants: Mapping[int, int]
    last: bool = True  # nothing follows
    lagging: bool = False  # it is older than what the lake holds
    tail: Tail = ()  # what the next run asks for again; without it the page came out of turn, and moves no frontier
    memos: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[int] = ()  # the ids of rows that could not be read
    span: tuple[int, int] | None = None  # of what is walked by time: the instants up to which it is whole

    @property
    def in_turn(self) -> bool:
        """Whether a walk came by it."""
        return bool(self.tail) or self.span is not None

    @property
    def ids(self) -> Sequence[int]:
        return list(self.instants)

    @property
    def answered(self) -> Sequence[int]:
        """The ids of all rows of the answer, also of those that could not be read, ascending."""
        return sorted({*self.instants, *self.refused})


@dataclass(frozen=True, slots=True)
class Landed:
    """How many rows a commit added; of the series `beyond`, rows were left for the walk, which has not come by them."""

    rows: int = 0
    beyond: Collection[Series] = ()


def tail_of(before: Tail, instants: Mapping[int, int], pinned: Sequence[bool], now: int) -> Tail:
    """Of the rows known so far, in order of id: the last ten, and from the oldest that is young or pinned on."""
    rows = {**dict(before), **instants}
    held = {one for one, pin in zip(instants, pinned, strict=True) if pin}
    ordered = sorted(rows)
    last = ordered[-OVERLAP_ROWS:]
    begin = min((one for one in ordered if one in held or rows[one] > now - OVERLAP_US), default=last[0] if last else 0)
    return tuple((one, rows[one]) for one in ordered if one >= min(begin, *last[:1]))


def frontier(page: Page, bounds: Mapping[str, int]) -> dict[str, int]:
    """The bounds as they are once this page is stored; never behind what another process reached."""
    series, fields = page.series, page.series.dataset.remembered
    known = {name: series.bound(name, bounds) or value for name, value in page.memos.items()}
    new = {
        name: value if fields[name].direction is Direction.FREE else max(value, known[name])
        for name, value in page.memos.items()
    }
    if page.answered and page.tail:
        until, resume = series.bound("until_id", bounds) or 0, series.bound("resume_id", bounds) or BEGINNING
        whole = page.tail[0][0] == page.answered[0]  # asked for again: so is what might have been missing before it
        new["since_id"] = series.bound("since_id", bounds) or 0
        new["until_id"] = max(until, page.answered[-1] + 1)
        new["resume_id"] = resume if whole else max(resume, page.tail[0][0])
    if page.span is not None:
        since, until = page.span
        known_since, known_until = (series.bound(name, bounds) for name in ("since", "until"))
        new["since"] = since if known_since is None else min(since, known_since)
        new["until"] = max(until, known_until or 0)
    return new


def moved(series: Series, new: Mapping[str, int], bounds: Mapping[str, int], *, also: bool) -> bool:
    """Whether a page is worth a commit: it brings something, or reached further; a shorter overlap alone is not."""
    telling = {name for name in new if name != "resume_id"}
    return also or any(series.bound(name, bounds) != new[name] for name in telling)


def page_of(series: Series, rows: pa.Table) -> Page:
    """Rows that were asked for out of turn."""
    dataset = series.dataset
    rows = once(rows, dataset.id_column)
    instants = dict(zip(column(rows, dataset.id_column), column(rows, str(dataset.clock)), strict=True))
    return Page(series=series, rows=rows, instants=instants)


def once(rows: pa.Table, by: str) -> pa.Table:
    """Rows in order of their ids, each id once."""
    ordered = rows.sort_by(by)
    ids = column(ordered, by)
    places = [place for place, one in enumerate(ids) if place == 0 or one != ids[place - 1]]
    return ordered.take(pa.array(places, pa.int64()))


def constants(dataset: Dataset, values: Mapping[str, str], now: int) -> dict[str, str | int]:
    """What an answer about these values of a series does not print; the version is counted when rows are stored."""
    known: dict[str, str | int] = {
        "account": values["account"],
        "market": values["market"],
        "version": 0,
        "seen_at": now,
    }
    return {name: value for name, value in known.items() if name in dataset.schema.names}


def symbol_of(series: Series) -> str:
    """The symbol of a series; empty where it spans them."""
    return series.values.get("symbol", "")
