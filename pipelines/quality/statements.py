"""What the lake holds of each series and month, said so that a stranger can hold it against their own.

Months are read partition by partition in pieces of bounded size, so that a lake of any size can be proven.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake, Table
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.views import leave_out_damage
from pipelines.quality.digests import Digest
from pipelines.store.gaps import Series
from schemas.config.flows import FlowsFile, MarketFlow
from schemas.datasets.market import KLINES, YEARLY_INTERVALS
from schemas.derived.canonical import FORM, columns, records
from schemas.derived.queries import checks
from schemas.model.errors import CorruptData, Problem
from schemas.model.fields import TIME
from schemas.model.grid import DAY_US, SECOND_US, Grid

PIECE_ROWS = 250_000  # read at once: some 45 MB of Arrow, and a few times that to sort and to hash
ROW = columns(KLINES)
HELD = ("candle_times", "klines_inside_coverage", "ohlc_sane", "open_candle")  # checks that name single candles
SOUND = frozenset({"complete", "explained"})


class Key(NamedTuple):
    """What a statement speaks of. In this order a lake is read."""

    market: str
    interval: str
    month: str
    symbol: str

    @property
    def series(self) -> Series:
        return Series(self.market, self.symbol, self.interval)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A gap that reaches into the month, with what was seen of it."""

    since: datetime
    until: datetime | None
    reason: str
    confirmed_at: datetime | None
    evidence: Mapping[str, Any]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one series and month. Two who hold the same rows have the same `sha256`."""

    form: int = FORM
    dataset: str = KLINES.name
    market: str
    symbol: str
    interval: str
    month: str
    since: datetime
    until: datetime
    rows: int
    expected_rows: int
    explained_rows: int
    missing_rows: int
    status: str
    sources: tuple[str, ...] = ()
    gaps: tuple[Stretch, ...] = ()
    checks: Mapping[str, int] = {}  # offending rows by name
    sha256: str
    days: Mapping[str, str]  # the first digits of the hash of each day's rows
    candles: Mapping[str, str] | None = None  # the first digits of the hash of each row

    @property
    def key(self) -> Key:
        return Key(self.market, self.interval, self.month, self.symbol)

    @property
    def sound(self) -> bool:
        """Whether nothing is missing and no check has found anything."""
        return self.status in SOUND and not any(self.checks.values())


Counts = tuple[
    dict[Key, dict[str, Any]], dict[Key, dict[str, int]], dict[Series, list[Stretch]]
]  # months, checks, gaps


@dataclass(frozen=True, slots=True)
class Want:
    """Series to prove, all of them where nothing is said, and since when they should be there."""

    market: str | None = None
    symbol: str | None = None
    interval: str | None = None
    since: datetime | None = None

    @property
    def named(self) -> tuple[Series, ...]:
        """The series, where one is named."""
        if self.market is None or self.symbol is None or self.interval is None:
            return ()
        return (Series(self.market, self.symbol, self.interval),)

    def means(self, series: Series) -> bool:
        return all(getattr(self, name) in (None, value) for name, value in series.values.items())


def wants(config: FlowsFile, names: Iterable[str]) -> list[Want]:
    """The candles that flows promise; a flow that chooses its symbols itself promises those the lake has of it."""
    flows = [flow for name in names if isinstance(flow := config.flows[name], MarketFlow)]
    return [
        Want(flow.market, symbol, interval, flow.since)
        for flow in flows
        for interval in flow.intervals
        for symbol in (flow.symbols if isinstance(flow.symbols, tuple) else (None,))
    ]


def everything(_: Key) -> bool:
    return True


def nothing(_: Key) -> bool:
    return False


def _raise(_: Key, problem: CorruptData) -> None:
    raise problem


def prove(
    lake: Lake,
    wanted: Sequence[Want],
    now: datetime,
    *,
    pick: Callable[[Key], bool] = everything,
    detailed: Callable[[Key], bool] = nothing,
    on_damage: Callable[[Key, CorruptData], None] = _raise,
) -> Iterator[Statement]:
    """One statement for each wanted month that `pick` picks, in order of key; `detailed` ones name every candle.

    A month whose rows cannot be read has none; `on_damage` is told of it, and the others go on.
    """
    version = lake.table(KLINES).version()
    with connect(lake) as session:
        (months, found, gaps), holey = _counted(session, lake, wanted, now)

        def read(piece: list[Key]) -> dict[Key, Digest]:
            digests = {
                key: Digest(_us(months[key]["since"]), _us(months[key]["until"]), each=detailed(key)) for key in piece
            }
            # Of files that were left out no rows were counted: only reading tells whose they are.
            _read(lake.table(KLINES), digests, sum(months[key]["rows"] for key in piece) or int(holey))
            _refuse_other_rows(lake.table(KLINES), version, digests, months)
            return digests

        for piece in _pieces(sorted(key for key in months if pick(key)), months):
            for key, digest in _readable(piece, read, on_damage):
                yield _statement(months[key], digest, found.get(key, {}), gaps.get(key.series, ()))


def _counted(
    session: duckdb.DuckDBPyConnection, lake: Lake, wanted: Sequence[Want], now: datetime
) -> tuple[Counts, bool]:
    """What is known of the wanted months without their hashes, and whether damaged files had to be left out."""
    where = _where(wanted)

    def counts() -> Counts:
        return _months(session, where, wanted, now), _found(session, where), _gaps(session, where)

    try:
        return counts(), False
    except CorruptData:
        if not leave_out_damage(session, lake, KLINES):
            raise
    return counts(), True


def _readable(
    piece: list[Key], read: Callable[[list[Key]], dict[Key, Digest]], on_damage: Callable[[Key, CorruptData], None]
) -> Iterable[tuple[Key, Digest]]:
    """The digests of a piece; where it holds damage, those of the keys that can be read alone."""
    try:
        return read(piece).items()
    except CorruptData as problem:
        if len(piece) == 1:
            on_damage(piece[0], problem)
            return ()
    return [found for key in piece for found in _readable([key], read, on_damage)]


def _months(
    session: duckdb.DuckDBPyConnection, where: str, wanted: Sequence[Want], now: datetime
) -> dict[Key, dict[str, Any]]:
    """The rows of `completeness` that are wanted, and what is wanted beyond them."""
    rows = run(session, f"SELECT * FROM completeness WHERE {where} ORDER BY month DESC").to_pylist()
    begins = {_key(row).series: row["since"] for row in rows}  # the first month comes last
    meant = {series for series in begins if any(want.means(series) for want in wanted)}
    months = {key: row for row in rows if (key := _key(row)).series in meant}
    for series, since in _asked(wanted, meant).items():
        _widen(months, series, since, begins.get(series, now))
    return months


def _asked(wanted: Iterable[Want], held: Collection[Series]) -> dict[Series, datetime]:
    """Since when each series should be there, be it held or named."""
    asked: dict[Series, datetime] = {}
    for want in wanted:
        if want.since is not None:
            for series in [one for one in held if want.means(one)] or want.named:
                asked[series] = min(want.since, asked.get(series, want.since))
    return asked


def _widen(months: dict[Key, dict[str, Any]], series: Series, since: datetime, until: datetime) -> None:
    """Add that everything from `since` until coverage begins is missing."""
    while since < until:
        end = min(until, _next_month(since))
        key = Key(series.market, series.interval, f"{since:%Y-%m}", series.symbol)
        if lacks := Grid.of(key.interval).count(_us(since), _us(end)):
            held = months.get(key) or _empty(key, end)
            counts = {name: held[name] + lacks for name in ("expected_rows", "missing_rows")}
            months[key] = held | counts | {"since": since, "status": "missing"}
        since = end


def _next_month(moment: datetime) -> datetime:
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _empty(key: Key, until: datetime) -> dict[str, Any]:
    counts = dict.fromkeys(("rows", "expected_rows", "explained_rows", "missing_rows"), 0)
    return {
        "dataset": KLINES.name, **key.series.values, "month": key.month, **counts,
        "until": until, "status": "missing", "sources": [],
    }  # fmt: skip


def _found(session: duckdb.DuckDBPyConnection, where: str) -> dict[Key, dict[str, int]]:
    """How many candles each check objects to, by month."""
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    for check in checks():
        if check.name in HELD:
            sql = (
                f"SELECT market, symbol, \"interval\", strftime(open_time, '%Y-%m') AS month, count(*) AS rows "
                f"FROM (\n{check.sql}\n) WHERE {where} GROUP BY ALL"
            )
            for row in run(session, sql).to_pylist():
                found[_key(row)][check.name] = row["rows"]
    return found


def _gaps(session: duckdb.DuckDBPyConnection, where: str) -> dict[Series, list[Stretch]]:
    """The gaps of each series, in order."""
    gaps: dict[Series, list[Stretch]] = defaultdict(list)
    sql = f"SELECT * FROM gaps WHERE dataset = '{KLINES.name}' AND {where} ORDER BY since"
    for row in run(session, sql).to_pylist():
        gaps[Series(row["market"], row["symbol"], row["interval"])].append(
            Stretch(
                since=row["since"],
                until=row["until"],
                reason=row["reason"],
                confirmed_at=row["confirmed_at"],
                evidence=msgspec.json.decode(row["evidence"]),
            )
        )
    return gaps


def _pieces(keys: Iterable[Key], months: Mapping[Key, Mapping[str, Any]]) -> Iterator[list[Key]]:
    """Keys of one market, interval and month, as many as may be read at once; at least one."""
    for _, group in groupby(keys, key=lambda key: key[:3]):
        piece: list[Key] = []
        rows = 0
        for key in group:
            if piece and rows + months[key]["rows"] > PIECE_ROWS:
                yield piece
                piece, rows = [], 0
            piece.append(key)
            rows += months[key]["rows"]
        yield piece


def _read(table: Table, digests: Mapping[Key, Digest], rows: int) -> None:
    """Give every digest its rows in order; a month too long to be read at once comes by days."""
    begin, end = min(one.since for one in digests.values()), max(one.until for one in digests.values())
    symbols = pa.array([key.symbol for key in digests])
    for since, until in _slices(begin, end, DAY_US if rows > PIECE_ROWS else end - begin) if rows else ():
        found = table.scan(["symbol", *ROW], _inside(next(iter(digests)), symbols, since, until))
        words, numbers = records(KLINES, found), np.asarray(pc.index_in(found["symbol"], value_set=symbols))
        order = np.lexsort((words[:, 0], numbers))
        words = words if (np.diff(order) > 0).all() else words[order]
        ends = np.searchsorted(numbers[order], np.arange(len(symbols) + 1))
        for digest, first, last in zip(digests.values(), ends, ends[1:], strict=False):
            digest.add(words[first:last])


def _refuse_other_rows(table: Table, version: int, digests: Mapping[Key, Digest], months: Mapping[Key, Any]) -> None:
    """End where two ways of counting rows differ: by a commit in between, or by damage that one of them fell for."""
    differing = [key for key, digest in digests.items() if digest.rows != months[key]["rows"]]
    if not differing:
        return
    if table.version() != version:
        raise Problem("The lake changed while it was being proven.", "Run it again.")
    raise CorruptData(
        f"The log of {table.dataset.table} and its data files disagree on {differing[0]}.",
        "`binlake check files_intact` names damaged files; if it finds none, restore the table from a copy.",
    )


def _slices(begin: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    return ((since, min(since + step, end)) for since in range(begin, end, step))


def _inside(key: Key, symbols: pa.Array[Any], since: int, until: int) -> pc.Expression:
    """The candles of some symbols, in order of name, in a part of the key's month."""
    partition = key.month[:4] if key.interval in YEARLY_INTERVALS else key.month
    return (
        (pc.field("market") == key.market)
        & (pc.field("interval") == key.interval)
        & (pc.field("month") == partition)
        & (pc.field("symbol") >= symbols[0])  # what statistics can rule out
        & (pc.field("symbol") <= symbols[-1])
        & pc.field("symbol").isin(symbols)
        & (pc.field("open_time") >= pa.scalar(since, TIME.arrow))
        & (pc.field("open_time") < pa.scalar(until, TIME.arrow))
    )


def _statement(
    month: Mapping[str, Any], digest: Digest, found: Mapping[str, int], gaps: Iterable[Stretch]
) -> Statement:
    reaching = (gap for gap in gaps if gap.since < month["until"] and (gap.until is None or gap.until > month["since"]))
    checked = dict.fromkeys(HELD, 0) | {"unique_key": digest.repeated, **found}
    stated = {**month, "sources": tuple(month["sources"])}
    return Statement(
        **stated,
        gaps=tuple(reaching),
        checks=checked,
        sha256=digest.sha256,
        days=digest.days,
        candles=digest.candles,
    )


def _key(row: Mapping[str, Any]) -> Key:
    return Key(row["market"], row["interval"], row["month"], row["symbol"])


def _where(wanted: Sequence[Want]) -> str:
    """What no wanted series lies outside of, in SQL: DuckDB then leaves the rest unread."""
    sides = {
        "market": {want.market for want in wanted},
        "symbol": {want.symbol for want in wanted},
        '"interval"': {want.interval for want in wanted},
    }
    known = {
        name: {value for value in values if value is not None} for name, values in sides.items() if None not in values
    }
    return " AND ".join(f"{name} IN ({_listed(values)})" for name, values in known.items() if values) or "true"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(_text, sorted(texts)))


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def _us(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * SECOND_US + moment.microsecond
