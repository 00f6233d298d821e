"""What the lake holds, month by month, of what comes along time: fundings, ratios, and what the archive alone has.

Months are read partition by partition in pieces of bounded size, so that a lake of any size can be proven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.files import has_archive
from connectors.binance.endpoints import FEEDING
from connectors.lake import Lake, Table
from connectors.lake.sql.session import connect, run
from pipelines.pull.symbol_selection import Chosen
from pipelines.pull.symbols import known
from pipelines.quality.digests import Digest
from pipelines.quality.month_counts import Stretch, stretch_of
from pipelines.quality.stated_months import Damage, disagreement, stated_months
from pipelines.store.filters import between, of_month
from pipelines.store.rows import instants as stored_instants
from schemas.config.flows import FlowsFile, MarketFlow
from schemas.datasets import DATASETS
from schemas.derived.canonical import FORM, instants, key_words, records
from schemas.derived.sql import literal
from schemas.model.dataset import Dataset
from schemas.model.grid import MINUTE_US
from schemas.model.instants import micros
from schemas.model.series import Series

ALONG_TIME = {name: dataset for name, dataset in DATASETS.items() if dataset.along_time}
PIECE_ROWS = 250_000  # read at once
_EVER = 2**63 - 1
SOUND = frozenset({"complete", "explained", "covered"})


class TimeKey(NamedTuple):
    """What a statement speaks of. In this order a lake is read."""

    dataset: str
    market: str
    month: str
    symbol: str
    series_kind: str | None = None

    @property
    def name(self) -> str:
        """The series as a person reads it."""
        return "/".join(filter(None, (self.dataset, self.market, self.symbol, self.series_kind)))

    @property
    def series(self) -> Series:
        values = {"market": self.market, "symbol": self.symbol, "kind": self.series_kind}
        return Series.of_row(ALONG_TIME[self.dataset], values)


class TimeMonth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="time_month"):
    """What is held of one series and month of what comes along time. The same rows have the same `sha256`."""

    form: int = FORM
    dataset: str
    market: str
    symbol: str
    series_kind: str | None = None  # where the dataset has several series of a symbol
    month: str
    since: datetime
    until: datetime
    rows: int
    expected_rows: int | None  # None where no grid is known
    explained_rows: int
    missing_rows: int
    status: str
    gaps: tuple[Stretch, ...] = ()
    checks: Mapping[str, int] = {}  # offending rows by name
    sha256: str
    days: Mapping[str, str] = {}  # the first digits of the hash of each day's rows

    @property
    def key(self) -> TimeKey:
        return TimeKey(self.dataset, self.market, self.month, self.symbol, self.series_kind)

    @property
    def sound(self) -> bool:
        """Whether all of it was asked for and answered, and no row is stored twice."""
        return self.status in SOUND and not any(self.checks.values())


@dataclass(frozen=True, slots=True)
class WantedTimes:
    """What a flow promises of a dataset and market: these series, or where None all that the lake has of it."""

    dataset: str
    market: str
    since: datetime | None
    named: tuple[Series, ...] | None = None

    def means(self, series: Series) -> bool:
        mine = (series.dataset.name, series["market"]) == (self.dataset, self.market)
        return mine and (self.named is None or series in self.named)


def wanted_times(config: FlowsFile, names: Sequence[str], lake: Lake) -> list[WantedTimes]:
    """What flows promise, by the very choice of series that a run makes; a flow without a `since` promises none."""
    flows = [flow for name in names if isinstance(flow := config.flows[name], MarketFlow)]
    return [
        WantedTimes(dataset, flow.market, flow.since, _named(flow, dataset, lake))
        for flow in flows
        for dataset in flow.datasets
        if dataset in ALONG_TIME
    ]


def _named(flow: MarketFlow, dataset: str, lake: Lake) -> tuple[Series, ...] | None:
    """The series that a flow names, where it names symbols."""
    if not isinstance(flow.symbols, tuple):
        return None
    endpoints = () if flow.source == "archive" else FEEDING.get((dataset, flow.market), ())
    if endpoints:
        chosen = Chosen(flow.symbols, known(lake, flow.market))
        return tuple(one for row in endpoints for one in chosen.having_rows(row).series_of(row))
    if not has_archive(dataset, flow.market):
        return ()
    return tuple(Series.of(ALONG_TIME[dataset], market=flow.market, symbol=one) for one in flow.symbols)


def prove_times(
    lake: Lake,
    wanted: Sequence[WantedTimes],
    now: datetime,
    *,
    everything: bool,
    pick: Callable[[TimeKey], bool],
    on_damage: Damage,
    piece_rows: int = PIECE_ROWS,
) -> Iterator[TimeMonth]:
    """One statement for each month of wanted series, or of `everything` held, that `pick` picks, in order of key."""

    def stated(table: Table, version: int, mine: Sequence[WantedTimes]) -> list[TimeMonth]:
        held = _counted(lake, table.dataset) if version >= 0 else []
        meant = [row for row in held if everything or any(want.means(_key(row).series) for want in mine)]
        months = _stated(table, version, [row for row in meant if pick(_key(row))], piece_rows)
        lacking = (one for one in _lacking(mine, held, now) if pick(one.key))
        return sorted([*months, *lacking], key=_order)

    yield from stated_months(lake, ALONG_TIME, wanted, stated, on_damage)


def _order(one: TimeMonth) -> tuple[Any, ...]:
    return one.dataset, one.market, one.symbol, one.series_kind or "", one.month, one.since


def _counted(lake: Lake, dataset: Dataset) -> list[dict[str, Any]]:
    """Each month that is held: what it has and should have, and the gaps that reach into it."""
    of = f"WHERE dataset = {literal(dataset.name)}"
    with connect(lake) as session:
        months = run(session, f"SELECT * RENAME (kind AS series_kind) FROM time_completeness {of}").to_pylist()
        gaps = run(session, f"SELECT * FROM gaps {of} ORDER BY since").to_pylist()
    by_series: dict[Series, list[Stretch]] = {}
    for gap in gaps:
        by_series.setdefault(Series.of_row(dataset, gap), []).append(stretch_of(gap))
    return [row | {"gaps": _reaching(by_series.get(_key(row).series, ()), row)} for row in months]


def _reaching(gaps: Iterable[Stretch], row: Mapping[str, Any]) -> tuple[Stretch, ...]:
    return tuple(gap for gap in gaps if gap.since < row["until"] and (gap.until is None or gap.until > row["since"]))


def _stated(table: Table, version: int, months: Sequence[dict[str, Any]], most_rows: int) -> Iterator[TimeMonth]:
    for piece in _pieces(sorted(months, key=_key), most_rows):
        digests = {_key(row): _Month(row) for row in piece}
        _read(table, digests, sum(row["rows"] for row in piece), most_rows)
        for row in piece:
            if digests[_key(row)].digest.rows != row["rows"]:
                raise disagreement(table, version, _key(row).name, row["month"])
            stated = {name: value for name, value in row.items() if name != "reasons"}
            yield TimeMonth(**stated, **digests[_key(row)].told)


def _pieces(months: Iterable[dict[str, Any]], most_rows: int) -> Iterator[list[dict[str, Any]]]:
    """Months of one partition, as many as may be read at once; at least one."""
    for _, group in groupby(months, key=lambda row: _key(row)[:3]):
        piece: list[dict[str, Any]] = []
        for row in group:
            if piece and sum(one["rows"] for one in piece) + row["rows"] > most_rows:
                yield piece
                piece = []
            piece.append(row)
        yield piece


class _Month:
    """The hash of a month, and how many of its rows have the key of another."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.since, self.until = micros(row["since"]), micros(row["until"])
        self.digest = Digest(0, _EVER, each=False)  # a rounded instant may lie beside the month of its row
        self.repeated = 0

    @property
    def told(self) -> dict[str, Any]:
        """What it adds to a statement."""
        return {
            "sha256": self.digest.sha256,
            "days": self.digest.days,
            "checks": {"unique_key": self.repeated},
        }


def _read(table: Table, months: Mapping[TimeKey, _Month], rows: int, most_rows: int) -> None:
    """Give every month its rows in order; one too long to be read at once comes in stretches of time."""
    if not rows:
        return
    key = next(iter(months))
    since, until = min(one.since for one in months.values()), max(one.until for one in months.values())
    step = max(MINUTE_US, (until - since) * most_rows // max(rows, most_rows))
    for begin in range(since, until, step):
        found = table.scan(where=_inside(table.dataset, key, [one.symbol for one in months], begin, begin + step))
        of = found["kind"].to_pylist() if "kind" in table.dataset.series else [None] * found.num_rows
        numbers: dict[tuple[Any, Any], int] = {(one[3], one[4]): number for number, one in enumerate(months)}
        each = np.array([numbers.get(pair, -1) for pair in zip(found["symbol"].to_pylist(), of, strict=True)])
        for number, month in enumerate(months.values()):
            times = stored_instants(found, str(table.dataset.clock))
            mine = (each == number) & (times >= month.since) & (times < month.until)
            _add(month, table.dataset, found.filter(pa.array(mine)))


def _add(month: _Month, dataset: Dataset, rows: pa.Table) -> None:
    """Take rows in order of instant, of the other columns of the key, and of all that they hold."""
    if not rows.num_rows:
        return
    times, names, words = instants(dataset, rows), key_words(dataset, rows), records(dataset, rows)
    order = np.lexsort((*words.T[::-1], *names.T[::-1], times))
    times, names, words = times[order], names[order], np.ascontiguousarray(words[order])
    same = (np.diff(times) == 0) & (np.diff(names, axis=0) == 0).all(axis=1)
    month.repeated += int(np.count_nonzero(same))
    month.digest.add(words, times)


def _inside(dataset: Dataset, key: TimeKey, symbols: Sequence[str], since: int, until: int) -> pc.Expression:
    return (
        (pc.field("market") == key.market)
        & of_month(dataset, key.month)
        & (pc.field("symbol") >= min(symbols))  # what statistics can rule out
        & (pc.field("symbol") <= max(symbols))
        & pc.field("symbol").isin(sorted(set(symbols)))
        & between(str(dataset.clock), since, until)
    )


def _lacking(wanted: Sequence[WantedTimes], held: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[TimeMonth]:
    """What lies between where a series is wanted from and where it begins; all of one that is not held."""
    begins: dict[Series, datetime] = {}
    for row in held:
        series = _key(row).series
        begins[series] = min(row["since"], begins.get(series, row["since"]))
    asked: dict[Series, datetime] = {}
    for want in wanted:
        if want.since is not None:
            for series in want.named if want.named is not None else filter(want.means, begins):
                asked[series] = min(want.since, asked.get(series, want.since))
    for series, since in asked.items():
        if since < (until := begins.get(series, now)):
            yield _missing(series, since, until)


def _missing(series: Series, since: datetime, until: datetime) -> TimeMonth:
    return TimeMonth(
        dataset=series.dataset.name, market=series["market"], symbol=series["symbol"],
        series_kind=series.values.get("kind"), month=f"{since:%Y-%m}", since=since, until=until,
        rows=0, expected_rows=None, explained_rows=0, missing_rows=0, status="missing",
        sha256=hashlib.sha256().hexdigest(),
    )  # fmt: skip


def _key(row: Mapping[str, Any]) -> TimeKey:
    return TimeKey(row["dataset"], row["market"], row["month"], row["symbol"], row["series_kind"])
