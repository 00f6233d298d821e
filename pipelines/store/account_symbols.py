"""Which symbols turn the assets of an account into a quote asset, and which of their candles nobody asked for yet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.sources import sources
from pipelines.store import account_questions as questions
from pipelines.store.remembered import Remembered
from pipelines.store.rows import column
from schemas.config.flows import AccountSymbols
from schemas.datasets import DATASETS, with_role
from schemas.datasets.journal import RUNS
from schemas.model.dataset import Role

_DAILY = {"market": "spot", "interval": "1d"}


@dataclass(frozen=True, slots=True)
class Needed:
    """The symbols whose daily candles value an account, and the first day of which one is lacking, in microseconds."""

    symbols: tuple[str, ...]
    since: int | None


def needed(lake: Lake, wanted: AccountSymbols, now: int, *, keep: bool = False) -> Needed:
    """For each day that an asset was held or moved, the symbols of the best way to the quote asset.

    That is the symbol of both, else the two that lead there through another asset; the next best where the exchange
    was asked and had no candle of that day, together with those of the better one as long as that is in doubt. With
    `keep`, the answer is remembered for the next run.
    """
    remembered = remembered_days(lake, wanted)
    if (known := remembered.answer(now)) is not None:
        return Needed(tuple(known["symbols"]), known["since"])
    with connect(lake) as session:
        rows = run(session, questions.of_days(wanted.account, wanted.quote))
    instants = [since for since in column(rows, "since") if since is not None]
    found = Needed(tuple(column(rows, "symbol")), min(instants, default=None))
    if keep:
        remembered.keep(asdict(found), now)
    return found


def undecided_minutes(
    lake: Lake, wanted: AccountSymbols, now: int, *, keep: bool = False
) -> dict[str, dict[int, int | None]]:
    """By symbol, the minutes around fills and fees whose candle is needed, and neither there nor known to be missing.

    They value each in the quote asset, and a fee of a fill in that of its symbol. Each comes with when it was asked for
    and had no candle, None where it never was; instants are microseconds. With `keep`, it is remembered where there are
    none.
    """
    account, found = wanted.account, defaultdict[str, dict[int, int | None]](dict)
    quotes_of, of_ledger = questions.of_fee_quotes(account), questions.of_minutes(account, wanted.quote)
    remembered = _remembered(lake, wanted, "minutes", quotes_of + of_ledger)
    if remembered.answer(now) is not None:
        return {}
    with connect(lake) as session:
        quotes: list[str] = column(run(session, quotes_of), "quote_asset")
        for sql in (of_ledger, *(questions.of_fees(account, one) for one in sorted(quotes))):
            rows = run(session, sql)
            names = ("symbol", "open_time", "asked_at")
            for symbol, minute, asked_at in zip(*(column(rows, name) for name in names), strict=True):
                found[symbol][minute] = asked_at
    if keep and not found:
        remembered.keep([], now)
    return {symbol: dict(sorted(found[symbol].items())) for symbol in sorted(found)}


def remembered_days(lake: Lake, wanted: AccountSymbols) -> Remembered:
    """What `needed` answered last, for as long as the ledger, balances, pairs, rates and candles that it read stay."""
    held = _held(lake, wanted.account)
    return _remembered(lake, wanted, "days", questions.of_days(wanted.account, wanted.quote), _covered_days(lake), held)


def _remembered(lake: Lake, wanted: AccountSymbols, what: str, sql: str, *beside: Any) -> Remembered:
    """The last answer of this kind, which follows from the files that it read, and what is told of it `beside`."""
    read = sources(lake, sql)
    # Each run adds to these; what of balances matters is told apart.
    growing = {RUNS.table, *(dataset.table for dataset in DATASETS.values() if dataset.valued_by)}
    tables = {table: parts for table, parts in read.tables.items() if table not in growing}
    candles = with_role(Role.CANDLES).table
    tables[candles] = [part for part in tables.get(candles, []) if part[0].items() >= _DAILY.items()]
    return Remembered.of(lake, (what, wanted.account, wanted.quote), [read.statements, tables, *beside])


def _covered_days(lake: Lake) -> list[Any]:
    """Of which series of daily candles the lake holds how much."""
    known = lake.table(with_role(Role.CANDLES)).series()
    daily = [(series, bounds) for series, bounds in known if series.values.items() >= _DAILY.items()]
    return sorted((series.id, bounds.get("since"), bounds.get("until")) for series, bounds in daily)


def _held(lake: Lake, account: str) -> list[Any]:
    with connect(lake) as session:
        return [run(session, sql).to_pylist() for sql in questions.of_held(account)]
