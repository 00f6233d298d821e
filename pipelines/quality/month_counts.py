"""What is known of each month of candles before its rows are read: counts, findings of checks, gaps.

What cannot be examined is left out and named, so that nobody takes it for absent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import duckdb
import msgspec

from connectors.lake import Lake
from connectors.lake.sql.session import run
from connectors.lake.sql.views import leave_out, leave_out_damage
from pipelines.pull.symbols import by_symbol
from schemas.config.flows import FlowsFile, MarketFlow
from schemas.datasets import playing, with_role
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS, RUNS
from schemas.derived.queries import checks
from schemas.derived.sql import literal
from schemas.model.dataset import Dataset, Role
from schemas.model.errors import Problem
from schemas.model.grid import Grid, next_month
from schemas.model.instants import micros
from schemas.model.series import Series

CANDLES = {dataset.name: dataset for dataset in playing(Role.CANDLES)}
UNNAMED = with_role(Role.CANDLES).name  # the kind that is meant where none is named
_SERIES = ("dataset", "market", "symbol", "interval")


def held_checks(dataset: str) -> tuple[str, ...]:
    """The checks that name single candles of a kind."""
    return "candle_times", f"{dataset}_inside_coverage", "ohlc_sane", "open_candle"


class Key(NamedTuple):
    """What a statement speaks of. In this order a lake is read."""

    dataset: str
    market: str
    interval: str
    month: str
    symbol: str

    @property
    def name(self) -> str:
        """The series as a person reads it, with its dataset unless that is the plain one."""
        return self.series.name if self.dataset == UNNAMED else f"{self.dataset}/{self.series.name}"

    @property
    def series(self) -> Series:
        return Series.of(CANDLES[self.dataset], market=self.market, symbol=self.symbol, interval=self.interval)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A gap that reaches into the month, with what was seen of it."""

    since: datetime
    until: datetime | None
    reason: str
    confirmed_at: datetime | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Want:
    """Series to prove, all of them where nothing is said, and since when they should be there."""

    dataset: str | None = None
    market: str | None = None
    symbol: str | None = None
    interval: str | None = None
    since: datetime | None = None

    @property
    def named(self) -> tuple[Series, ...]:
        """The series, where one is named."""
        if self.dataset is None or self.market is None or self.symbol is None or self.interval is None:
            return ()
        kind = CANDLES[self.dataset]
        return (Series.of(kind, market=self.market, symbol=self.symbol, interval=self.interval),)

    def means(self, series: Series) -> bool:
        values = {"dataset": series.dataset.name, **series.values}
        return all(getattr(self, name) in (None, value) for name, value in values.items())


def wants(config: FlowsFile, names: Iterable[str]) -> list[Want]:
    """The candles that flows promise; a flow that chooses its symbols itself promises those the lake has of it."""
    flows = [flow for name in names if isinstance(flow := config.flows[name], MarketFlow)]
    return [
        Want(dataset, flow.market, symbol, interval, flow.since)
        for flow in flows
        for dataset in flow.datasets
        if dataset in CANDLES
        for interval in flow.intervals
        for symbol in _named(flow, dataset)
    ]


def _named(flow: MarketFlow, dataset: str) -> tuple[str | None, ...]:
    """The symbols of the series that a flow promises, where it names them."""
    return flow.symbols if isinstance(flow.symbols, tuple) and by_symbol(dataset, flow.market) else (None,)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the wanted months without their hashes."""

    months: dict[Key, dict[str, Any]]
    found: dict[Key, dict[str, int]]
    gaps: dict[Series, list[Stretch]]
    unread: dict[str, Problem] = field(default_factory=dict)  # the tables that could not be examined, by name
    holey: bool = False  # files of candles were left out

    def why_unknown(self, key: Key) -> Problem | None:
        """Why nobody can say whether a month is missing or explained."""
        return self.unread.get(GAPS.name) if self.months[key]["missing_rows"] else None


def known(session: duckdb.DuckDBPyConnection, lake: Lake, wanted: Sequence[Want], now: datetime) -> Known:
    """Count the wanted months; where that meets damage, without what cannot be read."""
    try:
        return _known(session, wanted, now)
    except Problem as problem:
        unread = {dataset: why for dataset in (GAPS, ARCHIVE_FILES, RUNS) if (why := _unreadable(session, dataset))}
        for dataset in unread:  # only now: a query that meets a missing file makes all views anew
            leave_out(session, dataset)
        damaged = [kind for kind in CANDLES.values() if leave_out_damage(session, lake, kind)]
        if not unread and not damaged:
            raise problem from None
    rest = _known(session, wanted, now)
    unread.pop(RUNS, None)  # `coverage` reads when a run was last done, of which nothing here speaks
    return replace(rest, unread={dataset.name: why for dataset, why in unread.items()}, holey=bool(damaged))


def _known(session: duckdb.DuckDBPyConnection, wanted: Sequence[Want], now: datetime) -> Known:
    where = _where(wanted)
    return Known(_months(session, where, wanted, now), _found(session, where), _gaps(session, where))


def _unreadable(session: duckdb.DuckDBPyConnection, dataset: Dataset) -> Problem | None:
    """Why a table cannot be read to its end; None where it can."""
    try:
        run(session, f"SELECT bit_xor(hash(whole)) FROM {dataset.table} AS whole")
    except Problem as problem:
        return problem
    return None


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
        end = min(until, next_month(since))
        key = Key(series.dataset.name, series["market"], series["interval"], f"{since:%Y-%m}", series["symbol"])
        if lacks := Grid.of(key.interval).count(micros(since), micros(end)):
            held = months.get(key) or _empty(key, end)
            counts = {name: held[name] + lacks for name in ("expected_rows", "missing_rows")}
            months[key] = held | counts | {"since": since, "status": "missing"}
        since = end


def _empty(key: Key, until: datetime) -> dict[str, Any]:
    counts = dict.fromkeys(("rows", "expected_rows", "explained_rows", "missing_rows"), 0)
    return {
        "dataset": key.dataset, **key.series.values, "month": key.month, **counts,
        "until": until, "status": "missing", "sources": [],
    }  # fmt: skip


def _found(session: duckdb.DuckDBPyConnection, where: str) -> dict[Key, dict[str, int]]:
    """How many candles each check objects to, by month."""
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    held = {name for kind in CANDLES for name in held_checks(kind)}
    for check in checks():
        if check.name in held:
            sql = (
                f"SELECT dataset, market, symbol, \"interval\", strftime(open_time, '%Y-%m') AS month, "
                f"count(*) AS rows FROM (\n{check.sql}\n) WHERE {where} GROUP BY ALL"
            )
            for row in run(session, sql).to_pylist():
                found[_key(row)][check.name] = row["rows"]
    return found


def _gaps(session: duckdb.DuckDBPyConnection, where: str) -> dict[Series, list[Stretch]]:
    """The gaps of each series, in order."""
    gaps: dict[Series, list[Stretch]] = defaultdict(list)
    sql = f"SELECT * FROM gaps SEMI JOIN candle_kinds USING (dataset) WHERE {where} ORDER BY since"
    for row in run(session, sql).to_pylist():
        gaps[Series.of_row(CANDLES[row["dataset"]], row)].append(stretch_of(row))
    return gaps


def stretch_of(gap: Mapping[str, Any]) -> Stretch:
    """A row of `gaps` as statements have it."""
    told = {name: gap[name] for name in ("since", "until", "reason", "confirmed_at")}
    return Stretch(**told, evidence=msgspec.json.decode(gap["evidence"]))


def _key(row: Mapping[str, Any]) -> Key:
    return Key(row["dataset"], row["market"], row["interval"], row["month"], row["symbol"])


def _where(wanted: Sequence[Want]) -> str:
    """What no wanted series lies outside of, in SQL: DuckDB then leaves the rest unread."""
    clauses = []
    for name in _SERIES:
        values = {getattr(want, name) for want in wanted}
        if values and None not in values:
            clauses.append(f'"{name}" IN ({", ".join(map(literal, sorted(values)))})')
    return " AND ".join(clauses) or "true"
