"""Statements of two lakes held against each other: which series, months, days and candles differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from pipelines.quality.account_statements import AccountStatement, AssetBalance, LedgerMonth, MonthKey
from pipelines.quality.month_counts import Key
from pipelines.quality.statements import Statement
from pipelines.quality.time_statements import TimeKey, TimeMonth
from pipelines.quality.trade_statements import TradeKey, TradeMonth
from schemas.derived.canonical import FORM
from schemas.model.errors import UsageProblem

DayKey = TradeKey | TimeKey
DayMonth = TradeMonth | TimeMonth  # compared by days

Place = Literal["differs", "only here", "only there"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One month, day or candle that is not the same here and there."""

    series: str
    month: str
    what: Literal["month", "day", "candle"]
    since: str
    until: str  # of the last one of a row of days or candles
    count: int = 1
    place: Place


class _Tagged(msgspec.Struct):
    kind: str | None = None  # None for candles


class Loaded(NamedTuple):
    """The statements of a file, by what they speak of."""

    candles: dict[Key, Statement]
    ledgers: dict[MonthKey, LedgerMonth]
    others: dict[DayKey, DayMonth]


def load(path: Path) -> Loaded:
    """The statements of a file of JSON lines about candles, months of ledgers, trades, and what comes along time.

    UsageProblem where a line is none, or of another form.
    """
    loaded = Loaded({}, {}, {})
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.") from None
    for number, line in enumerate(lines, 1):
        try:
            one = _decoded(line)
        except msgspec.DecodeError as error:
            raise UsageProblem(
                f"Line {number} of {path} is not a statement: {error}.", "`binlake prove --json` writes them."
            ) from None
        if isinstance(one, LedgerMonth):
            loaded.ledgers[one.key] = one
        elif isinstance(one, Statement | TradeMonth | TimeMonth):
            if one.form != FORM:
                raise UsageProblem(f"{path} has statements of form {one.form}, this binlake makes form {FORM}.")
            if isinstance(one, Statement):
                loaded.candles[one.key] = one
            else:
                loaded.others[one.key] = one
    return loaded  # whether an asset adds up is each lake's own


def _decoded(line: bytes) -> Statement | DayMonth | AccountStatement:
    if msgspec.json.decode(line, type=_Tagged).kind is None:
        return msgspec.json.decode(line, type=Statement)
    return msgspec.json.decode(line, type=TradeMonth | TimeMonth | LedgerMonth | AssetBalance)


def ledger_differences(
    here: Mapping[MonthKey, LedgerMonth], there: Mapping[MonthKey, LedgerMonth]
) -> Iterator[Difference]:
    """The months of ledgers that are not the same, where both cover the same part of them; or are only there."""
    for key, theirs in there.items():
        ours = here.get(key)
        if ours is None or ours.sha256 != theirs.sha256:
            same_part = ours is None or (ours.since, ours.until) == (theirs.since, theirs.until)
            if same_part:
                yield Difference(
                    series=f"{theirs.account}/{theirs.dataset}",
                    month=theirs.month,
                    what="month",
                    since=f"{theirs.since:%Y-%m-%d}",
                    until=f"{theirs.until:%Y-%m-%d}",
                    place="only there" if ours is None else "differs",
                )


def differences(here: Statement, there: Statement) -> Iterator[Difference]:
    """Where two statements of one series and month contradict each other, as finely as both of them tell.

    What only one of the two covers is no contradiction.
    """
    if here.sha256 == there.sha256:
        return
    if here.candles is not None and there.candles is not None:
        found = list(_of("candle", here, here.candles, there.candles, lambda at: _common(here, there, at)))
    else:
        found = list(_of("day", here, here.days, there.days, lambda day: _comparable(here, there, day)))
    if not found and (here.since, here.until) == (there.since, there.until):
        found = [absent(here, "differs")]
    yield from found


def day_differences(here: Mapping[DayKey, DayMonth], there: Mapping[DayKey, DayMonth]) -> Iterator[Difference]:
    """The months that are only there, and the days that differ where both cover the same part of them."""
    for key, theirs in there.items():
        ours = here.get(key)
        if ours is None:
            yield absent(theirs, "only there")
        elif ours.sha256 != theirs.sha256:
            found = list(_of("day", ours, ours.days, theirs.days, partial(_comparable, ours, theirs)))
            same_part = (ours.since, ours.until) == (theirs.since, theirs.until)
            yield from found or ([absent(ours, "differs")] if same_part else [])


def absent(statement: Statement | DayMonth, place: Place) -> Difference:
    """A whole month."""
    since, until = f"{statement.since:%Y-%m-%d}", f"{statement.until:%Y-%m-%d}"
    return Difference(
        series=statement.key.name, month=statement.month, what="month", since=since, until=until, place=place
    )


def _of(
    what: Literal["day", "candle"],
    statement: Statement | DayMonth,
    here: Mapping[str, str],
    there: Mapping[str, str],
    comparable: Callable[[str], bool],
) -> Iterator[Difference]:
    """Days or candles whose hashes are not the same, those in a row as one."""
    instants = filter(comparable, sorted(here.keys() | there.keys()))
    for place, group in groupby(instants, lambda at: _place(here.get(at), there.get(at))):
        row = list(group)
        if place is not None:
            yield Difference(
                series=statement.key.name,
                month=statement.month,
                what=what,
                since=row[0],
                until=row[-1],
                count=len(row),
                place=place,
            )


def _place(here: str | None, there: str | None) -> Place | None:
    if here == there:
        return None
    return "only there" if here is None else "only here" if there is None else "differs"


def _common(here: Statement, there: Statement, instant: str) -> bool:
    """Whether both cover an instant."""
    at = datetime.fromisoformat(instant)
    return max(here.since, there.since) <= at < min(here.until, there.until)


def _comparable(here: Statement | DayMonth, there: Statement | DayMonth, day: str) -> bool:
    """Whether both cover the same part of a day."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    end = start + timedelta(days=1)
    return (max(here.since, start), min(here.until, end)) == (max(there.since, start), min(there.until, end))
