"""What an endpoint is: where it goes, what it costs, how its list is walked, and what its answer becomes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from connectors.binance.pools import Pool
from schemas.model.dataset import Dataset
from schemas.model.grid import DAY_US, INTERVALS, longest_us

Param = str | int | list[str] | None
Printed = Mapping[str, msgspec.Raw]  # a row as it came, field by field


class Security(StrEnum):
    """What a call must carry."""

    PUBLIC = "public"  # nothing: a public call sends no key, even when there is one
    KEYED = "keyed"  # the key alone, of whatever account, and no signature
    SIGNED = "signed"  # key, timestamp and signature


@dataclass(frozen=True, slots=True, kw_only=True)
class BySymbols:
    """A weight that depends on how many symbols are asked for: one, a list up to a size, or all."""

    one: int
    listed: tuple[tuple[int, int], ...] = ()
    every: int

    def weight(self, params: Mapping[str, Param]) -> int:
        if params.get("symbol") is not None:
            return self.one
        symbols = params.get("symbols")
        count = len(symbols) if isinstance(symbols, list) else None
        fitting = (weight for size, weight in self.listed if count is not None and count <= size)
        return next(fitting, self.every)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByParams:
    """A weight that depends on which of these parameters is given; the first one that is decides."""

    given: tuple[tuple[str, int], ...]
    otherwise: int

    def weight(self, params: Mapping[str, Param]) -> int:
        fitting = (weight for name, weight in self.given if params.get(name) is not None)
        return next(fitting, self.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLimit:
    """A weight that grows with the `limit` that is sent: up to a limit each, and that of any larger one."""

    up_to: tuple[tuple[int, int], ...]
    beyond: int
    unsent: int

    def weight(self, params: Mapping[str, Param]) -> int:
        limit = params.get("limit")
        if not isinstance(limit, int):
            return self.unsent
        return next((weight for size, weight in self.up_to if limit <= size), self.beyond)

    def limit(self, rows: int, page_limit: int) -> int:
        """The largest limit that costs no more than asking for so many rows."""
        return next((size for size, _ in self.up_to if rows <= size <= page_limit), page_limit)


class Unset(StrEnum):
    """Printed values that mean that there is none."""

    NEGATIVE = "negative"
    NOT_POSITIVE = "not positive"
    EMPTY = "empty"
    BEYOND_2100 = "beyond 2100"


class Bound(StrEnum):
    """What a parameter says about a column of every row that is answered."""

    SAME = "same"  # the value asked for; one of them where a list was asked for
    FROM = "from"  # this value or a later one
    UP_TO = "up to"  # this value or an earlier one


@dataclass(frozen=True, slots=True)
class Holds:
    """Against which column of an answer a parameter is held, and how."""

    column: str
    bound: Bound = Bound.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """How the first id at or after an instant is found: by a call that takes the instant, in a column of its rows."""

    column: str
    param: str = "startTime"
    by: Endpoint | None = None  # None: the endpoint itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ById:
    """A list walked along a column of ids: `param` asks for the rows from an id on, oldest first.

    Asked for none, it returns the newest rows. That of a market names the instants that its ids begin at.
    """

    id: str
    param: str
    located: Located | None = None
    kept: timedelta | None = None  # what is older the exchange does not return


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A list of each series of a market.

    `names` are the parameters that name a series, each with the column of the listing that holds its value. Where there
    are several, the symbol of a series is their values, joined by `_`.
    """

    names: Mapping[str, str] = field(default_factory=lambda: {"symbol": "symbol"})
    only: frozenset[str] | None = None  # the values of the last of them that there are series of; None: all

    @property
    def by_symbol(self) -> bool:
        """Whether a series is named by a symbol of the market."""
        return tuple(self.names) == ("symbol",)

    def question(self, symbol: str) -> dict[str, str]:
        """The parameters that ask for a series of this symbol."""
        return dict(zip(self.names, symbol.split("_", len(self.names) - 1), strict=True))

    def name_of(self, listed: Mapping[str, Any]) -> str | None:
        """The symbol of the series that a contract of the listing belongs to; None where it belongs to none."""
        parts = [listed[column] for column in self.names.values()]
        there_are = all(parts) and (self.only is None or parts[-1] in self.only)
        return "_".join(parts) if there_are else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnGrid(Named):
    """Candles, asked for by the instants at which they open."""

    intervals: tuple[str, ...] = INTERVALS
    most_days: int | None = None  # between the start and the end of a question
    newest_first: bool = False  # of more rows than an answer holds, the newest are returned

    def page_rows(self, interval: str, page_limit: int) -> int:
        """How many candles one answer holds at most."""
        return (
            page_limit if self.most_days is None else min(page_limit, self.most_days * DAY_US // longest_us(interval))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTime(Named):
    """Rows along their instants, asked for in windows of time; a full answer hides rows, so its window is halved."""

    width: timedelta  # of a window
    settles: timedelta  # how old an instant must be for its rows to be final
    lookback: timedelta  # so long before its end a series is asked for again
    kept: timedelta | None = None  # what is older the exchange does not return
    not_of: frozenset[str] = frozenset()  # the types of contract that have no rows; one that nobody knows may have
    at_once: bool = False  # an answer has all rows of a series; it cannot be asked for a window


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Groups of a list, of which some are shown only when they are asked for by name."""

    param: str  # asks for them
    names: tuple[str, ...]
    unasked: tuple[str, ...]  # what belongs to one of these is shown in any case
    column: str  # holds the groups of a row as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """A list in pages numbered from 1, which mean something only together."""

    id: str  # the field that tells two rows apart
    page: str = "current"
    limit: str = "size"
    rows: int = 100  # of a full page
    total: str = "total"  # the field of an answer that says how many rows there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A list that is asked for whole: a snapshot, or the full state of things kept as versions."""

    pages: Pages | None = None  # one answer holds the list where there are none
    speaks_of: tuple[str, ...] = ()  # several series at once: values of the last column that names one, or `PREFIX*`
    by_name: int = 0  # up to so many symbols are asked for by name; 0: the list is never asked for in part
    groups: Groups | None = None
    idle: tuple[str, ...] = ()  # any number of things with such a status may vanish; most others at once is an error
    rests: timedelta = timedelta()  # so long after a snapshot none is taken while those beside it stand still
    beside: tuple[str, ...] = ()  # values of the last column that names a series: where what it holds comes from


class Inside(StrEnum):
    """How the rows inside one window are reached."""

    SPLIT = "split"  # a full answer hides rows: the window is halved until none is full
    PAGES = "pages"  # numbered from 1
    OFFSET = "offset"  # so many rows are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """A parameter that takes one value per call."""

    param: str
    column: str
    values: Mapping[str, str | None]  # what is sent for what the column holds; None: the parameter is left out
    returned: bool = False  # the rows of an answer repeat it
    of_listed: bool = False  # it takes every symbol that the market lists, and those that rows name
    of_pair: str | None = None  # what the column holds, before its name, for each pair of the account's isolated margin

    of_miner: bool = False  # it takes the names of miners that the flow gives

    def sent(self, pairs: Collection[str] = (), miners: Collection[str] = ()) -> dict[str, str | None]:
        """What is sent for each value of the column, where an account has these pairs of isolated margin and miners."""
        by_pair = {f"{self.of_pair}{pair}": pair for pair in pairs if self.of_pair is not None}
        return {**self.values, **by_pair, **{miner: miner for miner in miners if self.of_miner}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A list asked for in windows of time."""

    days: int  # the width at most
    start: str = "startTime"
    end: str = "endTime"
    inside: Inside = Inside.SPLIT
    limit: str | None = "limit"  # the name of the page's size; None: it is fixed
    page: str = ""  # the name of the page's number or offset
    fan_out: tuple[FanOut, ...] = ()  # each combination of their values is a series of its own
    kept: timedelta | None = None  # what is older the exchange does not return
    rests: timedelta = timedelta()  # so long after it was covered up to now a series is not asked for again
    quiet: timedelta = timedelta()  # nor for so long when its last answers brought nothing new
    unit_ms: int = 1  # the times of rows are cut to it, so that no window is split into less
    begins: datetime | None = None  # nor what is from before this
    fixed: Mapping[str, str] = field(default_factory=dict)  # parameters that are always sent
    apart: tuple[FanOut, ...] = ()  # ask for the rows of one unit in parts, each in smaller ones, as far as it takes
    counted_by: str | None = None  # of nested rows, the column whose different values fill an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolWindows:
    """The trading of one symbol, asked for in windows of time; a full answer hides rows, so its window is halved."""

    width: timedelta  # at most
    kept: timedelta  # what is older the exchange does not return
    undone: timedelta | None = None  # nor, after so long already, what ended with nothing done


Walk = TypeVar("Walk", ById, ByTime, OnGrid, SymbolWindows, Whole, Windows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """One call: where it goes, what it costs and what its answer becomes."""

    name: str
    path: str
    pool: Pool
    family: str = "spot"  # the host that serves it
    method: str = "GET"
    weight: int | BySymbols | ByParams | ByLimit = 1
    security: Security = Security.PUBLIC
    page_limit: int = 0  # the most rows that one answer of a long list holds
    walk: ById | ByTime | OnGrid | SymbolWindows | Whole | Windows | None = (
        None  # how the dataset is pulled from here; None: single questions
    )
    market: str = "spot"  # where its rows belong
    fixed: Mapping[str, str] = field(default_factory=dict)  # parameters that every call sends
    constants: Mapping[str, str] = field(default_factory=dict)  # columns that follow from the path
    tells_limits: bool = False
    dataset: Dataset | None = None
    rows_at: str | None = None  # the list inside an answer, such as `data.rows`; a ledger may leave an empty one out
    reshape: Callable[[Sequence[Printed]], Iterable[Mapping[str, Any]]] | None = None  # of the list, before it is read
    total: str | None = None  # where an answer says how many rows the whole list has
    more: str | None = None  # where it says whether there are more rows than it holds
    nested: str | None = None  # the list inside each row: its rows count, with the fields around as `parent.NAME`
    # Wire names are the columns' names in camelCase: the exceptions. Rows that are arrays have the columns in order,
    # with "" for what means nothing.
    wire: Mapping[str, str] | tuple[str, ...] = field(default_factory=dict)
    unset: Mapping[str, Unset] = field(default_factory=dict)  # columns of which some values mean NULL
    held: Mapping[str, Holds] = field(default_factory=dict)  # parameters that every row must agree with
    never_empty: bool = False
    whole_ms: frozenset[str] = frozenset()  # times that are cut to the millisecond
    micro: bool = False  # times are asked for in microseconds
    once: bool = False  # each question spends a quota: it is not repeated where no answer came

    def cost(self, params: Mapping[str, Param]) -> int:
        """The declared weight of a call with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight.weight(params)

    def limit_for(self, rows: int) -> int:
        """The limit to send for so many rows: the largest that costs no more."""
        return self.weight.limit(rows, self.page_limit) if isinstance(self.weight, ByLimit) else self.page_limit

    @property
    def feeds(self) -> Dataset:
        """The dataset that its rows become."""
        assert self.dataset is not None, f"{self.name} feeds no dataset"  # noqa: S101 - asked of list endpoints alone
        return self.dataset

    def walked(self, way: type[Walk]) -> Walk:
        """How its list is walked, which is this way."""
        assert isinstance(self.walk, way), f"{self.name} is not walked so"  # noqa: S101 - the row of the endpoint says so
        return self.walk
