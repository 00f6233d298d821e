"""Pages of a list that is walked by id, and what they say about where a series stands. Pure.

The log keeps, of each series, how far it was walked (`since_id`, `until_id`) and where the next run begins
(`resume_id`): some rows earlier, since an answer may lag behind what happened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import FREE, Move
from pipelines.store.rows import column
from schemas.model.dataset import MONTH, Dataset
from schemas.model.fields import TIME
from schemas.model.grid import HOUR_US

OVERLAP_ROWS = 10  # asked for again however old they are
BEGINNING = 1  # no row has a smaller id
OVERLAP_US = HOUR_US  # rows younger than this are asked for again
NEVER_OLD = 2**62  # stands for the instant of a row that could not be read: it is asked for again until it can be

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
    """The rows of one answer, ascending, with their ids and instants, and what the log has to remember with them.

    `last` says that nothing follows. `tail` are the rows that the next run asks for again; a page without them was
    asked for out of turn and moves no frontier. One that is `lagging` is older than what the lake holds. `refused` are
    the ids of rows that could not be read.
    """

    series: AccountSeries
    rows: pa.Table
    instants: Mapping[int, int]
    last: bool = True
    lagging: bool = False
    tail: Tail = ()
    memos: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[int] = ()

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
    beyond: Collection[AccountSeries] = ()


def tail_of(before: Tail, instants: Mapping[int, int], pinned: Sequence[bool], now: int) -> Tail:
    """Of the rows known so far, in order of id: the last ten, and from the oldest that is young or pinned on."""
    rows = {**dict(before), **instants}
    held = {one for one, pin in zip(instants, pinned, strict=True) if pin}
    ordered = sorted(rows)
    last = ordered[-OVERLAP_ROWS:]
    begin = min((one for one in ordered if one in held or rows[one] > now - OVERLAP_US), default=last[0] if last else 0)
    return tuple((one, rows[one]) for one in ordered if one >= min(begin, *last[:1]))


def frontier(page: Page, bounds: Mapping[str, int], series_id: str) -> dict[str, int]:
    """The bounds as they are once this page is stored; never behind what another process reached."""
    known = {name: bounds.get(f"{series_id}#{name}", value) for name, value in page.memos.items()}
    new = {name: value if name in FREE else max(value, known[name]) for name, value in page.memos.items()}
    if page.answered and page.tail:
        until = bounds.get(f"{series_id}#until_id", 0)
        resume = bounds.get(f"{series_id}#resume_id", BEGINNING)
        whole = page.tail[0][0] == page.answered[0]  # asked for again: so is what might have been missing before it
        new["since_id"] = bounds.get(f"{series_id}#since_id", 0)
        new["until_id"] = max(until, page.answered[-1] + 1)
        new["resume_id"] = resume if whole else max(resume, page.tail[0][0])
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


def page_of(dataset: Dataset, series: AccountSeries, rows: pa.Table) -> Page:
    """Rows that were asked for out of turn."""
    rows = once(rows, id_column(dataset))
    instants = dict(zip(column(rows, id_column(dataset)), column(rows, str(dataset.clock)), strict=True))
    return Page(series=series, rows=rows, instants=instants)


def once(rows: pa.Table, by: str) -> pa.Table:
    """Rows in order of their ids, each id once."""
    ordered = rows.sort_by(by)
    ids = column(ordered, by)
    places = [place for place, one in enumerate(ids) if place == 0 or one != ids[place - 1]]
    return ordered.take(pa.array(places, pa.int64()))


def id_column(dataset: Dataset) -> str:
    """The column that names one thing within its series."""
    return dataset.id_column


def within(dataset: Dataset, series: Collection[AccountSeries], since: int | None = None) -> pc.Expression:
    """The rows of these series of one account, from an instant on. In few terms: each is held against every file."""
    account, market = next(iter({(one.account, one.market) for one in series}))
    found = (pc.field("account") == account) & (pc.field("market") == market)
    if "symbol" in dataset.series:
        found &= pc.field("symbol").isin(sorted({one.symbol for one in series}))
    if since is not None:
        assert dataset.clock is not None  # noqa: S101 - whatever an account does has its instant
        begin: Any = pa.scalar(since, TIME.arrow)
        found &= pc.field(dataset.clock) >= begin
    return found


def among(name: str, ids: Collection[Any]) -> pc.Expression:
    """The rows with one of these ids; their range spares files."""
    return pc.field(name).isin(sorted(ids)) & (pc.field(name) >= min(ids)) & (pc.field(name) <= max(ids))


def with_ids(
    dataset: Dataset, series: Collection[AccountSeries], ids: Collection[int], instants: Collection[int]
) -> pc.Expression:
    """The stored rows with these ids, and maybe some of other series; the rows' own `instants` spare files."""
    spares = MONTH in dataset.partition  # else an instant may change from version to version
    found = within(dataset, series, min(instants) if spares else None)
    found &= pc.field(id_column(dataset)).isin(sorted(ids))
    if spares:
        end: Any = pa.scalar(max(instants), TIME.arrow)
        found &= pc.field(str(dataset.clock)) <= end
    return found


def constants(dataset: Dataset, series: AccountSeries, now: int) -> dict[str, str | int]:
    """What an answer does not print about its rows; the version is counted when they are stored."""
    known: dict[str, Any] = {"account": series.account, "market": series.market, "version": 0, "seen_at": now}
    return {name: value for name, value in known.items() if name in dataset.schema.names}
