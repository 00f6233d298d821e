"""`binlake prove`: what each month holds, for others to compare."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from connectors.lake import Lake
from pipelines.cli.account_tables import show_accounts
from pipelines.cli.options import FLOWS_FILE, Config, Json, chosen
from pipelines.cli.options import month as month_begun
from pipelines.cli.output import complain, escaped, say
from pipelines.cli.tables import write_table
from pipelines.quality.account_statements import (
    AccountStatement,
    AssetBalance,
    LedgerMonth,
    MonthKey,
    Wanted,
    prove_accounts,
    wanted_ledgers,
)
from pipelines.quality.month_counts import CANDLES, UNNAMED, Key, Want, wants
from pipelines.quality.statement_diff import (
    DayKey,
    DayMonth,
    Difference,
    absent,
    day_differences,
    differences,
    ledger_differences,
    load,
)
from pipelines.quality.statements import ALL_CANDLES, Statement
from pipelines.quality.statements import prove as statements
from pipelines.quality.time_statements import ALONG_TIME, TimeMonth, prove_times, wanted_times
from pipelines.quality.trade_statements import TRADES, TradeMonth, prove_trades, wanted_trades
from pipelines.settings.loader import load as load_flows
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS
from schemas.model.counted import counted
from schemas.model.errors import CorruptData, Problem, UsageProblem

LEDGER = "ledger"
_HEAD = ("series", "month", "rows", "expected", "explained", "missing", "", "sources", "checks", "sha256")
_TRADE_HEAD = (
    "series of trades",
    "month",
    "first id",
    "last id",
    "rows",
    "explained",
    "missing",
    "",
    "checks",
    "sha256",
)
_TIME_HEAD = ("series along time", "month", "rows", "expected", "explained", "missing", "", "checks", "sha256")
_DIFFERENCES = ("series", "month", "what", "first", "last", "how many", "")
_SHOWN_DIGITS = 16
_NOT_EXAMINED = "not examined"
_LOST = {
    **dict.fromkeys((*CANDLES, ALL_CANDLES), "so nothing is proven"),
    GAPS.name: "so months that lack candles are not stated, and of the others no gaps",
    ARCHIVE_FILES.name: "so the sources of candles are not stated",
    LEDGER: "so nothing of accounts is stated",
    **dict.fromkeys((*TRADES, *ALONG_TIME), "so nothing of it is stated"),
}

Damaged = Mapping[Key | str, Problem]  # what could not be examined: months, and tables by their names


def prove(
    *flows: Annotated[str, Parameter(help="names of flows; everything in the lake if none is given")],
    symbol: Annotated[tuple[str, ...], Parameter(help="only this symbol; can be repeated")] = (),
    month: Annotated[tuple[str, ...], Parameter(help="only this month, YYYY-MM; can be repeated")] = (),
    candles: Annotated[
        bool, Parameter(help="with the hash of every candle, so that others can name those that differ")
    ] = False,
    against: Annotated[Path | None, Parameter(help="name what differs from the statements in a file")] = None,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """State what the lake holds of each series and month: rows, gaps, checks, and a hash that anyone can recompute."""
    for each in month:
        month_begun(each)
    spec, there = load_flows(config), load(against) if against else None
    names, lake, now = chosen(spec, flows), Lake.at(spec.lake), datetime.now(UTC)
    wanted = [*wants(spec, names), *([] if flows else [Want()])]
    ledgers = {} if symbol else wanted_ledgers(spec, names, lake)
    ticks, times = wanted_trades(spec, names), wanted_times(spec, names, lake)
    if not (wanted or ledgers or ticks or times):
        raise UsageProblem("These flows pull nothing that can be proven.", "They show how things stand, and no past.")

    def pick(key: Key | DayKey) -> bool:
        return (not symbol or key.symbol in symbol) and (not month or key.month in month)

    damaged: dict[Key | str, Problem] = {}
    told: dict[str, Any] = {"everything": not flows, "on_damage": damaged.__setitem__}

    def by_days(pick: Callable[[Any], bool]) -> Iterator[DayMonth]:
        yield from prove_trades(lake, ticks, now, pick=pick, **told)
        yield from prove_times(lake, times, now, pick=pick, **told)

    prove_candles = partial(statements, lake, wanted, now, on_damage=damaged.__setitem__)
    of_accounts = _of_accounts(lake, ledgers, now, month, damaged)
    if there is None:
        stated = prove_candles(pick=pick, detailed=lambda _: candles) if wanted else iter(())
        return _show(stated, chain(by_days(pick), of_accounts), damaged, json=json)
    theirs = {key: one for key, one in there.candles.items() if pick(key)}
    named = {key for key, one in theirs.items() if one.candles is not None}
    stated = prove_candles(pick=theirs.__contains__, detailed=named.__contains__) if wanted else iter(())
    meant = {key: one for key, one in there.ledgers.items() if not symbol and (not month or key[2] in month)}
    dated = {key: one for key, one in there.others.items() if pick(key) and one.rows}
    held = {one.key: one for one in by_days(dated.__contains__)}
    return _compare(stated, theirs, _beside(of_accounts, meant, held, dated, damaged), damaged, json=json)


def _beside(
    of_accounts: Sequence[AccountStatement],
    meant: Mapping[MonthKey, LedgerMonth],
    held: Mapping[DayKey, DayMonth],
    dated: Mapping[DayKey, DayMonth],
    damaged: Damaged,
) -> tuple[list[Difference], bool, int]:
    """What differs of what is no candles, whether all of it here is sound, and how many months were compared."""
    ours = {one.key: one for one in of_accounts if isinstance(one, LedgerMonth)}
    ledgers = {} if LEDGER in damaged else meant
    readable = {key: one for key, one in dated.items() if key.dataset not in damaged}
    found = [*ledger_differences(ours, ledgers), *day_differences(held, readable)]
    return found, all(one.sound for one in held.values()), len(ledgers) + len(readable)


def _of_accounts(
    lake: Lake, ledgers: Wanted, now: datetime, month: Sequence[str], damaged: dict[Key | str, Problem]
) -> list[AccountStatement]:
    """What is stated of accounts; of single months, whether assets add up is not."""
    try:
        stated = list(prove_accounts(lake, ledgers, now))
    except Problem as problem:
        damaged[LEDGER] = problem
        return []
    return [one for one in stated if not month or (isinstance(one, LedgerMonth) and one.month in month)]


def _show(
    stated: Iterator[Statement], others: Iterator[DayMonth | AccountStatement], damaged: Damaged, *, json: bool
) -> int:
    """Print each statement as soon as it is made, or all of them as tables; then what could not be examined.

    `damaged` is complete once `stated` and `others` have ended.
    """
    printed: list[Statement | DayMonth | AccountStatement] = []
    sound: bool | None = None
    for statement in chain(stated, others):
        sound = statement.sound and sound is not False
        if json:
            sys.stdout.write(f"{escaped(msgspec.json.encode(statement).decode())}\n")
        else:
            printed.append(statement)
    if sound is None and not damaged:
        raise UsageProblem("The lake covers nothing of these.", "`binlake status` says what it covers.")
    _name(damaged)
    _tables(printed)
    return 0 if sound and not damaged else CorruptData.exit_code


def _tables(printed: Sequence[Statement | DayMonth | AccountStatement]) -> None:
    """Each kind of statement as a table."""
    kept = sorted((one for one in printed if isinstance(one, Statement)), key=_by_name)
    if kept:
        write_table(_HEAD, map(_row, kept))
        _explain(kept)
    traded = [one for one in printed if isinstance(one, TradeMonth)]
    if traded:
        sys.stdout.write("\n" if kept else "")
        write_table(_TRADE_HEAD, map(_traded, traded))
    timed = [one for one in printed if isinstance(one, TimeMonth)]
    if timed:
        sys.stdout.write("\n" if kept or traded else "")
        write_table(_TIME_HEAD, map(_timed, timed))
    of_accounts = [one for one in printed if isinstance(one, LedgerMonth | AssetBalance)]
    if of_accounts:
        show_accounts(of_accounts)


def _by_name(one: Statement) -> tuple[object, ...]:
    return one.dataset != UNNAMED, one.dataset, one.market, one.symbol, one.interval, one.month


def _name(damaged: Damaged) -> None:
    for what, problem in damaged.items():
        if isinstance(what, Key):
            complain(f"{what.name} of {what.month} cannot be proven: {problem}")
        else:
            kind = "view" if what in {LEDGER, ALL_CANDLES} else "table"
            complain(f"The {kind} {what} cannot be examined, {_LOST[what]}: {problem}")


def _row(one: Statement) -> tuple[object, ...]:
    failed = [f"{name}: {rows}" for name, rows in one.checks.items() if rows]
    counts = (one.rows, one.expected_rows, one.explained_rows, one.missing_rows)
    sources = _NOT_EXAMINED if one.sources is None else ", ".join(one.sources)
    checks = ", ".join(failed) or "ok"
    return one.key.name, one.month, *counts, one.status, sources, checks, one.sha256[:_SHOWN_DIGITS]


def _traded(one: TradeMonth) -> tuple[object, ...]:
    ids = ("", "") if one.since_id is None or one.until_id is None else (str(one.since_id), str(one.until_id - 1))
    checks = ", ".join(f"{name}: {rows}" for name, rows in one.checks.items() if rows) or "ok"
    counts = (one.rows, one.explained_rows, one.missing_rows)
    return one.key.name, one.month, *ids, *counts, one.status, checks, one.sha256[:_SHOWN_DIGITS]


def _timed(one: TimeMonth) -> tuple[object, ...]:
    checks = ", ".join(f"{name}: {rows}" for name, rows in one.checks.items() if rows) or "ok"
    expected = "" if one.expected_rows is None else one.expected_rows
    counts = (one.rows, expected, one.explained_rows, one.missing_rows)
    return one.key.name, one.month, *counts, one.status, checks, one.sha256[:_SHOWN_DIGITS]


def _explain(kept: list[Statement]) -> None:
    gaps = sum(len(one.gaps or ()) for one in kept)
    if gaps:
        reach = "gap reaches" if gaps == 1 else "gaps reach"
        say(f"{gaps:,} {reach} into these months; --json shows each with its evidence, and whole hashes.")


def _compare(
    stated: Iterator[Statement],
    theirs: Mapping[Key, Statement],
    others: tuple[list[Difference], bool, int],
    damaged: Damaged,
    *,
    json: bool,
) -> int:
    """Print what differs; whatever is incomplete or damaged here is said too.

    `others` are the differences of what is no candles, whether all of it here is sound, and how many months that are.
    """
    found: list[Difference] = []
    seen: set[Key] = set()
    others_found, sound, others_compared = others
    for statement in stated:
        seen.add(statement.key)
        sound = sound and statement.sound
        found += differences(statement, theirs[statement.key])
    nothing = not damaged.keys().isdisjoint((*CANDLES, ALL_CANDLES))
    missed = set(theirs) if nothing else theirs.keys() & damaged.keys()
    found += [absent(one, "only there") for key, one in theirs.items() if key not in seen and key not in missed]
    found += others_found
    _name(damaged)
    if json:
        sys.stdout.writelines(f"{escaped(msgspec.json.encode(one).decode())}\n" for one in found)
    elif found:
        write_table(_DIFFERENCES, map(attrgetter("series", "month", "what", "since", "until", "count", "place"), found))
    months = len({(one.series, one.month) for one in found})
    compared = len(theirs) - len(missed) + others_compared
    say(f"{counted(compared, 'month')} compared, {months:,} {'differs' if months == 1 else 'differ'}.")
    if any(one.what == "day" for one in found):
        say("`binlake prove --json --candles` there writes statements that name the candles too.")
    return 0 if sound and not found and not damaged else CorruptData.exit_code
