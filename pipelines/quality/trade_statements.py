"""What the lake holds of each series and month of trades: ids from and to, gaps, and a hash of the rows.

A day is read in stretches of ids, so that days of any size can be proven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow.compute as pc

from connectors.lake import Lake, Table
from connectors.lake.sql.session import connect, run
from pipelines.quality.digests import DAY_DIGITS
from pipelines.quality.month_counts import Stretch, stretch_of
from pipelines.quality.stated_months import Damage, disagreement, stated_months
from schemas.config.flows import FlowsFile, MarketFlow
from schemas.datasets import DATASETS
from schemas.derived.canonical import FORM, columns, records
from schemas.derived.sql import literal
from schemas.model.cursor import TRADE_COVERAGE
from schemas.model.grid import next_month

TRADES = {name: dataset for name, dataset in DATASETS.items() if dataset.cursor_fields is TRADE_COVERAGE}
PIECE_IDS = 500_000  # read at once
SOUND = frozenset({"complete", "explained"})


class TradeKey(NamedTuple):
    """What a statement speaks of. In this order trades are read."""

    dataset: str
    market: str
    symbol: str
    month: str

    @property
    def name(self) -> str:
        """The series as a person reads it."""
        return f"{self.dataset}/{self.market}/{self.symbol}"


class TradeMonth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="trade_month"):
    """What is held of one series of trades and one month. Two who hold the same rows have the same `sha256`."""

    form: int = FORM
    dataset: str
    market: str
    symbol: str
    month: str
    since: datetime
    until: datetime
    since_id: int | None  # None where nothing is held
    until_id: int | None
    rows: int
    expected_rows: int
    explained_rows: int
    missing_rows: int
    status: str
    gaps: tuple[Stretch, ...] = ()
    checks: Mapping[str, int] = {}  # offending rows by name
    sha256: str
    days: Mapping[str, str] = {}  # the first digits of the hash of each day's rows

    @property
    def key(self) -> TradeKey:
        return TradeKey(self.dataset, self.market, self.symbol, self.month)

    @property
    def sound(self) -> bool:
        """Whether every id is stored or explained, and none is stored twice."""
        return self.status in SOUND and not any(self.checks.values())


@dataclass(frozen=True, slots=True)
class WantedTrades:
    """A series that a flow promises, or all of a market where `symbol` is None, and since when."""

    dataset: str
    market: str
    symbol: str | None
    since: datetime | None

    def means(self, key: TradeKey) -> bool:
        return key[:2] == (self.dataset, self.market) and self.symbol in (None, key.symbol)


def wanted_trades(config: FlowsFile, names: Sequence[str]) -> list[WantedTrades]:
    """The trades that flows promise; a flow that chooses its symbols itself promises those the lake has of it."""
    flows = [flow for name in names if isinstance(flow := config.flows[name], MarketFlow)]
    return [
        WantedTrades(dataset, flow.market, symbol, flow.since)
        for flow in flows
        for dataset in flow.datasets
        if dataset in TRADES
        for symbol in (flow.symbols if isinstance(flow.symbols, tuple) else (None,))
    ]


def prove_trades(
    lake: Lake,
    wanted: Sequence[WantedTrades],
    now: datetime,
    *,
    everything: bool,
    pick: Callable[[TradeKey], bool],
    on_damage: Damage,
    piece_ids: int = PIECE_IDS,
) -> Iterator[TradeMonth]:
    """One statement for each month of wanted series, or of `everything` held, that `pick` picks, in order of key."""

    def stated(table: Table, version: int, mine: Sequence[WantedTrades]) -> list[TradeMonth]:
        rows = _counted(lake, table.dataset.name)
        held = [row for row in rows if everything or any(want.means(_key(row)) for want in mine)]
        months = [_stated(table, version, row, piece_ids) for row in held if pick(_key(row))]
        lacking = (one for one in _lacking(mine, held, now) if pick(one.key))
        return sorted([*months, *lacking], key=lambda one: (*one.key, one.since))

    yield from stated_months(lake, TRADES, wanted, stated, on_damage)


def _counted(lake: Lake, dataset: str) -> list[dict[str, Any]]:
    """Each month that is held, with what it should hold, the ids of each of its days, and the gaps of its series."""
    name, id_column = literal(dataset), DATASETS[dataset].id_column
    with connect(lake) as session:
        months = run(
            session,
            f"SELECT counted.*, coverage.since, coverage.until FROM id_completeness AS counted "
            f"JOIN coverage USING (dataset, market, symbol) WHERE dataset = {name} ORDER BY ALL",
        ).to_pylist()
        days = run(
            session,
            f"SELECT '{dataset}' AS dataset, market, symbol, date[:7] AS month, list([min_id, max_id] ORDER BY date) "
            f"AS ids, list(date ORDER BY date) AS dates FROM (SELECT market, symbol, date, min({id_column}) AS min_id, "
            f"max({id_column}) AS max_id FROM {dataset} GROUP BY ALL) GROUP BY ALL",
        ).to_pylist()
        gaps = run(session, f"SELECT * FROM gaps WHERE dataset = {name} ORDER BY since").to_pylist()
    by_month = {_key(row): dict(zip(row["dates"], row["ids"], strict=True)) for row in days}
    return [_month(row, by_month.get(_key(row), {}), gaps) for row in months]


def _month(row: dict[str, Any], days: Mapping[str, Sequence[int]], gaps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A month cut to what of it is covered, with the gaps that reach into it."""
    start = datetime.fromisoformat(f"{row['month']}-01").replace(tzinfo=UTC)
    since, until = max(start, row["since"]), min(next_month(start), row["until"])
    reaching = tuple(
        stretch_of(gap)
        for gap in gaps
        if (gap["market"], gap["symbol"]) == (row["market"], row["symbol"])
        and gap["since"] < until
        and (gap["until"] is None or gap["until"] > since)
    )
    return {**row, "since": since, "until": until, "gaps": reaching, "days": days}


def _stated(table: Table, version: int, row: Mapping[str, Any], piece_ids: int) -> TradeMonth:
    digest = _Digest(table, _key(row), piece_ids)
    days = {date: digest.add_day(date, first, last) for date, (first, last) in row["days"].items()}
    if digest.rows != row["rows"]:
        raise disagreement(table, version, _key(row).name, row["month"])
    stated = {**row, "days": days, "checks": {"unique_key": digest.repeated}}
    return TradeMonth(**stated, sha256=digest.sha256)


class _Digest:
    """The hash of a month, whose rows are taken day after day, and those of a day in order of their ids."""

    def __init__(self, table: Table, key: TradeKey, piece_ids: int) -> None:
        self._table, self._key, self._piece_ids = table, key, piece_ids
        self._whole = hashlib.sha256()
        self.rows = self.repeated = 0

    @property
    def sha256(self) -> str:
        return self._whole.hexdigest()

    @cached_property
    def _columns(self) -> list[str]:
        return columns(self._table.dataset)

    def add_day(self, date: str, first: int, last: int) -> str:
        """Take the rows of a day, whose ids are in [first, last]; the first digits of their hash."""
        day = hashlib.sha256()
        for at in range(first, last + 1, self._piece_ids):
            rows = self._table.scan(self._columns, self._inside(date, at, min(at + self._piece_ids, last + 1)))
            words = records(self._table.dataset, rows)
            ids = words[:, 0]  # the cursor is the first column after those of the series
            if (steps := np.diff(ids)).size and steps.min() <= 0:
                words = words[np.lexsort(words.T[::-1])]
                self.repeated += int(np.count_nonzero(np.diff(words[:, 0]) == 0))
            self.rows += len(words)
            for digest in (day, self._whole):
                digest.update(np.ascontiguousarray(words).data)
        return day.hexdigest()[:DAY_DIGITS]

    def _inside(self, date: str, first: int, end: int) -> pc.Expression:
        number = pc.field(self._table.dataset.id_column)
        return (
            (pc.field("market") == self._key.market)
            & (pc.field("date") == date)
            & (pc.field("symbol") == self._key.symbol)
            & (number >= first)
            & (number < end)
        )


def _lacking(wanted: Sequence[WantedTrades], held: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[TradeMonth]:
    """What lies between where a series is wanted from and where it begins; all of one that is not held."""
    begins = {_key(row)[:3]: row["since"] for row in reversed(held)}  # the first month comes last
    asked: dict[tuple[str, str, str], datetime] = {}
    for want in wanted:
        meant = [series for series in begins if want.means(TradeKey(*series, ""))]
        if want.since is None:
            continue
        for series in meant or ([(want.dataset, want.market, want.symbol)] if want.symbol is not None else []):
            asked[series] = min(want.since, asked.get(series, want.since))
    for (dataset, market, symbol), since in asked.items():
        until = begins.get((dataset, market, symbol), now)
        if since < until:
            yield TradeMonth(
                dataset=dataset, market=market, symbol=symbol, month=f"{since:%Y-%m}", since=since, until=until,
                since_id=None, until_id=None, rows=0, expected_rows=0, explained_rows=0, missing_rows=0,
                status="missing", sha256=hashlib.sha256().hexdigest(),
            )  # fmt: skip


def _key(row: Mapping[str, Any]) -> TradeKey:
    return TradeKey(row["dataset"], row["market"], row["symbol"], row["month"])
