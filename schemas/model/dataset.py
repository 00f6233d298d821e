"""Dataset: the one declaration from which schema, table, view, decoder, checks and docs are derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.model.cursor import TIME_COVERAGE, CursorField
from schemas.model.fields import FLAG, ID, TEXT, Column
from schemas.model.instants import length_us

MONTH, DATE = "month", "date"
_PERIODS = {MONTH: "%Y-%m", DATE: "%Y-%m-%d"}  # derived partition columns, and how each is written
ORDINAL = "ordinal"  # tells rows apart that agree in all else they could be named by


class Kind(StrEnum):
    """How a dataset grows."""

    APPEND = "append"  # immutable rows along a cursor; coverage is an interval
    SNAPSHOT = "snapshot"  # the whole state of a series at one instant
    VERSIONS = "versions"  # a row only when something changed; the view shows the last one a key
    LOG = "log"  # what binlake itself did


class Role(StrEnum):
    """What a dataset is to the rest of the program, which asks for the role and so needs no name; see `playing`."""

    CANDLES = "candles"  # can be proven complete, since they lie on a grid; there are several kinds
    LISTING = "listing"  # which symbols a market has
    RANKING = "ranking"  # how much each symbol is traded
    MINUTES = "minutes"  # single minutes of candles, by which an account is valued


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long a thing is returned after it ended with nothing done, and `done` things after they began."""

    undone: timedelta
    from_start: bool = False  # also what ended undone is counted from when it began
    done: timedelta | None = None  # None: for good

    def drops(self, done: Decimal, began_us: int, changed_us: int, now_us: int) -> bool:
        """Whether the exchange may have dropped a thing, as far as is known of it."""
        if self.done is not None and began_us < now_us - length_us(self.done):
            return True
        return not done and (began_us if self.from_start else changed_us) < now_us - length_us(self.undone)


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """How a thing changes and ends.

    The list of final words is closed: any other word, also one that is not listed at all, may still become another.
    """

    stamp: str  # the column that tells an older state from a newer one
    status: str
    open: tuple[str, ...]  # words of the status
    final: tuple[str, ...]
    fixed: Mapping[str, str]  # columns, each with a pattern: what matches it is the same in all states of a thing
    start: str | None = None  # the instant at which a thing began, which ascends with its id
    done: str | None = None  # an amount that never falls; without one, whatever ended may have ended with nothing done
    kept: Mapping[str, Kept] = field(default_factory=dict)  # by market; where none is named, for good

    def may_vanish(self, row: Mapping[str, Any], now_us: int) -> bool:
        """Whether the exchange may have dropped a thing that was last seen in this state."""
        if (kept := self.kept.get(row["market"])) is None:
            return False
        began_us, done = row[str(self.start)], row[self.done] if self.done is not None else Decimal(0)
        return kept.drops(done, began_us, row[self.stamp] or began_us, now_us)


@dataclass(frozen=True, slots=True)
class States:
    """The words of a column that says whether a movement took place. Any other word moves nothing, and is told of."""

    column: str
    moved: tuple[str, ...]
    unmoved: tuple[str, ...] = ()
    open: tuple[str, ...] = ()  # of those that moved something, the ones after which that may still be undone

    @property
    def words(self) -> list[str]:
        """Those that are known."""
        return [*self.moved, *self.unmoved]


@dataclass(frozen=True, kw_only=True, eq=False)  # there is one of each; to hash all that it declares takes 0.1 ms
class Dataset:
    """One logical table: its columns, key, kind, series and partition."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]  # of versions, the last column tells those of one thing apart
    kind: Kind
    series: tuple[str, ...] = ()  # the columns that identify what one cursor walks
    cursor: str | None = None  # the column that orders the rows of a series
    cursor_fields: tuple[CursorField, ...] = ()  # what the log remembers of each series
    clock: str | None = None  # the instant of a row
    partition: tuple[str, ...] = ()  # may name a derived text column of `clock`: `month` or `date`
    yearly: tuple[str, frozenset[str]] | None = None  # a column, and the values for which `month` is `YYYY`
    retired: str | None = None  # a key leaves its view once the last version has a value here
    lifecycle: Lifecycle | None = None  # of things that end
    comes_with: str | None = None  # the dataset along with which it is pulled
    needs: str | None = None  # the dataset that is pulled before it
    amounts: tuple[str, ...] = ()  # a snapshot leaves out what is zero in all of these, unless it was not before
    valued_by: str | None = None  # the dataset of the spot market that says what they are worth
    grid: str | None = None  # the interval of the grid that its rows lie on; None: they come when they come
    paced_by: str | None = None  # the dataset that tells how often rows come, where that is no grid
    jitter: timedelta | None = None  # so far apart at most are the instants of one row from two sources
    assumed: Mapping[str, str] = field(default_factory=dict)  # by column: the word a row without one is compared by
    settles: timedelta | None = None  # an older row no longer changes, nor does a new one appear behind it
    states: tuple[States, ...] = ()  # of movements: what says whether one took place
    movements: bool = False  # each row tells of a movement of money
    lasting: bool = False  # an answer that covers a row has it, however old it is
    role: Role | None = None
    by_name: bool = False  # most accounts have none of it: no group of datasets has it
    told_by: str | None = None  # of movements: the dataset that has what its rows moved
    names_pairs: tuple[str, ...] = ()  # columns that name pairs of isolated margin beside those of the series

    @property
    def table(self) -> str:
        """The stored table: `order_versions` behind the view `orders`, else the name itself."""
        return f"{_singular(self.name)}_versions" if self.kind is Kind.VERSIONS else self.name

    @property
    def former_table(self) -> str:
        """What lakes may call the stored table that were made before names in -ies had a singular of their own."""
        return f"{self.name.removesuffix('s')}_versions" if self.kind is Kind.VERSIONS else self.name

    @cached_property
    def period(self) -> str | None:
        """The partition column that is derived from `clock`, if there is one."""
        return next((name for name in self.partition if name in _PERIODS), None)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a row, without the derived partition column."""
        return pa.schema([column.arrow for column in self.columns])

    @cached_property
    def stored_schema(self) -> pa.Schema:
        """The Arrow schema of the stored table: the row, and `month` or `date` where the partition derives it."""
        derived = [pa.field(self.period, pa.string(), nullable=False)] if self.period else []
        return pa.schema([*self.schema, *derived])

    @cached_property
    def file_schema(self) -> pa.Schema:
        """The Arrow schema of a data file: the stored table without its partition columns."""
        return pa.schema([field for field in self.stored_schema if field.name not in self.partition])

    @cached_property
    def order(self) -> tuple[str, ...]:
        """How rows are sorted inside a file, so that row-group statistics prune: by key, partition left out."""
        return tuple(name for name in self.key if name not in self.partition)

    @cached_property
    def placing(self) -> tuple[str, ...]:
        """The columns that say where a row is stored: its key, and the instant of its partition."""
        clock = (self.clock,) if self.period is not None and self.clock is not None else ()
        return tuple(dict.fromkeys((*self.key, *clock)))

    @property
    def identity(self) -> tuple[str, ...]:
        """What stays the same from version to version: the key without its last column."""
        return self.key[:-1]

    def identity_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Which thing a row is a version of."""
        return tuple(row[name] for name in self.identity)

    @property
    def along_time(self) -> bool:
        """Whether its rows are kept for good, along their instants, and are no candles."""
        return self.kind is Kind.APPEND and self.cursor_fields is TIME_COVERAGE and self.role is not Role.CANDLES

    @property
    def counted(self) -> bool:
        """Whether its rows have no name of their own, so that equal ones count."""
        return ORDINAL in self.key

    @property
    def version(self) -> str:
        """The column that tells the versions of one thing apart, the last one highest."""
        return self.key[-1]

    @property
    def id_column(self) -> str:
        """The column that names one thing within its series."""
        return self.identity[-1] if self.kind is Kind.VERSIONS else self.key[-1]

    @property
    def life(self) -> Lifecycle:
        """How its things change and end."""
        assert self.lifecycle is not None, f"{self.name} has no lifecycle"
        return self.lifecycle

    @cached_property
    def remembered(self) -> Mapping[str, CursorField]:
        """The cursor fields by name."""
        return {field.name: field for field in self.cursor_fields}

    def may_misfit(self, column: Column) -> bool:
        """Whether a row is kept when this column cannot hold what is printed, which then stands in `extra` instead.

        So are texts, flags and numbers that only describe; never money, times, or what a row is found by.
        """
        descriptive = column.nullable and column.type in {TEXT, FLAG, ID} and column.name not in self.key
        return descriptive and any(other.name == "extra" for other in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def with_period(self, rows: pa.Table) -> pa.Table:
        """Add the derived partition column. Instants are UTC, so a host's or session's zone cannot move a row."""
        if self.period is None:
            return rows
        assert self.clock is not None
        days = rows[self.clock].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
        periods = _texts(days, _PERIODS[self.period])
        if self.yearly is not None:
            column, values = self.yearly
            coarse = pc.is_in(rows[column], value_set=pa.array(sorted(values)))
            periods = pc.if_else(coarse, _texts(days, "%Y"), periods) if pc.any(coarse).as_py() else periods
        return rows.append_column(pa.field(self.period, pa.string(), nullable=False), periods)

    def stored_month(self, row: Mapping[str, str], month: str) -> str:
        """The `month` in which the rows of a calendar month, `YYYY-MM`, with these values of a row are stored."""
        column, values = self.yearly or ("", frozenset())
        return month[:4] if row.get(column) in values else month

    def names_bound(self, app_id: str) -> bool:
        """Whether an id of the table's log is `SERIES#bound`; a log has others too, of ours and of other writers."""
        series_id, _, _ = app_id.rpartition("#")
        return bool(series_id) and series_id.count("/") == len(self.series) - 1


def _singular(name: str) -> str:
    return name.removesuffix("ies") + "y" if name.endswith("ies") else name.removesuffix("s")


def _texts(days: pa.ChunkedArray[Any], form: str) -> pa.ChunkedArray[Any]:
    """Days as text of their day, month or year; formats each run of equal ones once, since strftime is slow."""
    runs: Any = pc.run_end_encode(days.combine_chunks())
    named = pa.RunEndEncodedArray.from_arrays(runs.run_ends, pc.strftime(runs.values, format=form))
    return pa.chunked_array([pc.run_end_decode(named)])
