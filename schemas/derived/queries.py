"""The SQL of the project: views and checks, each a file of its own, and the checks that follow from declarations."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Literal, cast

from schemas.datasets import DATASETS
from schemas.derived.no_longer_returned import of_those_alone, with_those_that_count
from schemas.derived.sql import (
    all_candles,
    all_instants,
    candle_kinds,
    candle_runs,
    expectations,
    promises,
    series_rows,
    time_grids,
    union,
    unknown_states,
)
from schemas.derived.statement_matches import matches_sql
from schemas.derived.witness_matches import Witness, matched_sql
from schemas.model.dataset import Dataset
from schemas.model.fields import FINE, FLAG, TEXT, TIME
from schemas.model.instants import length_us
from schemas.statements.operations import operation_kinds

Severity = Literal["error", "warn"]

FILES_INTACT = "files_intact"  # the one check that is no query: it reads the files themselves

_LEDGER = (
    "Every movement of an asset in a wallet, signed; `dataset` and `key` lead back to the row that it comes from. No "
    "movement is there twice, although several lists of the exchange may tell of it."
)
_CANDLES = (
    "Candles of every kind, each with its `dataset`; prices of one kind are not those of another. What a kind does not "
    "have is NULL."
)
_RUNS = (
    "Candles of every kind as runs: `rows` of them, each one length after the one before it, from `first` on. The "
    "footers of files tell them; of a file that does not, each candle is a run of its own. Runs may meet, or overlap."
)
_INSTANTS = (
    "The instants of the rows that come along time and are neither candles nor trades, each with its `dataset` and "
    "series; `kind` is empty where a series has none."
)
_TIME_GRIDS = (
    "The datasets whose rows come along time and are neither candles nor trades, and the length of the slots of their "
    "grid, which begin on multiples of it since 1970; NULL where rows come when they come."
)
_LEDGERS = (
    "The datasets that movements come from: the wallets that each may move, the dataset that brings it, and how long a "
    "row may still appear or change."
)
_WITNESSES = (
    "What one list tells of that another one owns: `matched` with a movement of the owner by wallet, asset, amount and "
    "time, each with one. What is left is counted in `ledger` once the owner is held over that instant (`closed`), at "
    "once where the owner need not have it (`may_be_alone`)."
)
_NO_LONGER_RETURNED = (
    "What rows moved that the exchange returned once and no longer does. One with an id whose state was final is most "
    "likely no longer kept, and `counted` in `ledger`; one without an id may have changed, one still open been undone."
)
_SERIES_ROWS = "How many rows each series has, and its first and last instant."
_UNKNOWN_STATES = (
    "Rows of which a word is not known to say whether they moved anything, so that they move nothing in `ledger`."
)
_MOVEMENT = {
    "account": TEXT.sql,
    "wallet": TEXT.sql,
    "asset": TEXT.sql,
    "time": TIME.sql,
    "amount": FINE.sql,
    "kind": TEXT.sql,
    "dataset": TEXT.sql,
    "key": TEXT.sql,
}
_API = "Every movement that the exchange's API tells of, without what only imported statements do."
_MATCHES = (
    "Every movement of the imported statements beside its partner among those of the API, one to one by wallet, asset, "
    "amount and time. `status` is `matched`, also where one tells in parts what the other sums (`reason` "
    "`net_and_gross` or `sum`); `differs`, with `reason` `rounding`, `zone`, `amount` or `day` (a reward of which the "
    "statement tells the day alone, beside others of that day or an equal one of the next); `covered` for an export "
    "whose movement a transaction history has too; or `only_statement`, which is counted in `ledger`."
)
_OPERATIONS = (
    "The operations of transaction histories that binlake knows, in small letters, and the kind of movement that each "
    "is; `transfer` and `earn` go in or out by their sign, and what a `mirror` tells another row tells too."
)
_WITNESS = re.compile(r"owners: (?P<owners>.+)\nwithin: (?P<within>.+)\n(?:wallets: (?P<wallets>.+)\n)?")
_WALLETS = re.compile(r"wallets: (.+)\n")
_NAME = re.compile(r"[a-z_]+")
_SEVERITY = re.compile(r"severity: (error|warn)\n")


@dataclass(frozen=True, slots=True)
class View:
    """A view or macro: its name, what it shows, and the one statement that makes it."""

    name: str
    doc: str
    sql: str


@dataclass(frozen=True, slots=True)
class Union:
    """A view that unites datasets: what it shows, and its query over those that hold rows.

    A dataset without rows adds none, and costs as much to plan as one with a million. DuckDB plans a view as often as a
    query names it: `once` says that the rows are stored first for one which does so more than once.
    """

    doc: str
    over: Callable[[Collection[str]], str]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Movements:
    """How the rows of a dataset move balances: the wallets that they may move, in words what they do, and the query."""

    dataset: str
    wallets: tuple[str, ...]
    doc: str
    sql: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query for offending rows, and the promise that holds when there are none.

    `dataset` is the one that offending rows are of, where that is the same for all.
    """

    name: str
    severity: Severity
    promise: str
    sql: str
    dataset: str | None = None


def views() -> list[View]:
    """The views of `schemas/views`, each after those that it reads."""
    found = {name: View(name, head.replace("\n", " "), sql) for name, head, sql in _files("views")}
    found["ledgers"] = View("ledgers", _LEDGERS, f"CREATE OR REPLACE VIEW ledgers AS\n{_ledgers()}")
    kinds = f"CREATE OR REPLACE VIEW candle_kinds AS\n{candle_kinds()}"
    found["candle_kinds"] = View("candle_kinds", "The datasets that hold candles.", kinds)
    found["candle_runs"] = View("candle_runs", _RUNS, f"CREATE OR REPLACE VIEW candle_runs AS\n{candle_runs()}")
    grids = f"CREATE OR REPLACE VIEW time_grids AS\n{time_grids()}"
    found["time_grids"] = View("time_grids", _TIME_GRIDS, grids)
    for name, each in unions().items():
        found[name] = View(name, each.doc, f"CREATE OR REPLACE VIEW {name} AS\n{each.over(DATASETS)}")
    found["statement_matches"] = View(
        "statement_matches", _MATCHES, f"CREATE OR REPLACE VIEW statement_matches AS\n{matches_sql()}"
    )
    found["statement_operations"] = View(
        "statement_operations", _OPERATIONS, f"CREATE OR REPLACE VIEW statement_operations AS\n{_operations()}"
    )
    reads = {name: sorted(found.keys() & set(_NAME.findall(view.sql)) - {name}) for name, view in found.items()}
    return [found[name] for name in TopologicalSorter(reads).static_order()]


def unions() -> Mapping[str, Union]:
    """The views that unite datasets, by name."""
    return {
        "ledger": Union(_LEDGER, _ledger, once=True),
        "api_movements": Union(_API, _api_movements, once=True),
        "witnesses": Union(_WITNESSES, _witnesses, once=True),
        "all_candles": Union(_CANDLES, all_candles),
        "all_instants": Union(_INSTANTS, all_instants),
        "no_longer_returned": Union(_NO_LONGER_RETURNED, _no_longer_returned),
        "series_rows": Union(_SERIES_ROWS, series_rows),
        "unknown_states": Union(_UNKNOWN_STATES, unknown_states),
    }


def movements() -> tuple[Movements, ...]:
    """The files of `schemas/ledger`, one for each dataset that is pulled and whose rows are movements."""
    return tuple(each for each in _all_movements() if DATASETS[each.dataset].series)


def lone_witnesses() -> tuple[Witness, ...]:
    """The files of `schemas/witnesses` whose movements the owners need not tell of."""
    return tuple(each for each in _all_witnesses() if each.wallets)


@cache
def moving() -> Mapping[str, tuple[str, ...]]:
    """The datasets that are pulled and whose rows may move wallets, by name, each with the wallets."""
    found: dict[str, tuple[str, ...]] = {}
    telling: tuple[Movements | Witness, ...] = (*movements(), *lone_witnesses())
    for each in telling:
        found[each.dataset] = (*found.get(each.dataset, ()), *each.wallets)
    return found


def imported_movements() -> tuple[Movements, ...]:
    """The same of those whose rows a person imports."""
    return tuple(each for each in _all_movements() if not DATASETS[each.dataset].series)


@cache
def _all_movements() -> tuple[Movements, ...]:
    return tuple(_movements(name, head, sql) for name, head, sql in _files("ledger"))


def exports() -> dict[str, View]:
    """The files that other programs import, by name: what each is, and the query for its rows."""
    return {name: View(name, head.replace("\n", " "), sql) for name, head, sql in _files("exports")}


def checks() -> list[Check]:
    """Every check: those of `schemas/checks`, then those derived from the declarations."""
    written = [_check(name, head, sql) for name, head, sql in _files("checks")]
    errors = [Check(name, "error", *rest) for name, *rest in promises()]
    return written + errors + [Check(name, "warn", *rest) for name, *rest in expectations()]


def check_names() -> tuple[str, ...]:
    """The name of every check, of the one over files too."""
    return (*(check.name for check in checks()), FILES_INTACT)


def _movements(name: str, head: str, sql: str) -> Movements:
    wallets = _WALLETS.match(head)
    assert wallets is not None, f"{name}.sql does not say which wallets it moves"
    return Movements(name, tuple(wallets[1].split(", ")), head[wallets.end() :].replace("\n", " "), sql)


def _ledger(holding: Collection[str]) -> str:
    """All movements, each with the dataset that it comes from: what the API tells, and what only a person imported."""
    imported = [_moved(each.dataset, each.sql) for each in imported_movements() if each.dataset in holding]
    # Statements are matched with what the API tells, so that it is read twice.
    return "\nUNION ALL BY NAME\n".join(["FROM api_movements" if imported else _api_movements(holding), *imported])


def _api_movements(holding: Collection[str]) -> str:
    """What the API tells; of what only another list than the owner's tells, that list's."""
    owned = [_owned(each) for each in movements() if each.dataset in holding]
    told = "SELECT * EXCLUDE (matched, closed, may_be_alone), format('only {} tells of it', dataset) AS note\n"
    witnessed = [f"{told}FROM witnesses WHERE NOT matched AND closed"] if _told(holding) else []
    return union(_MOVEMENT | {"note": TEXT.sql}, owned + witnessed)


def _owned(each: Movements) -> str:
    return _moved(each.dataset, with_those_that_count(each.dataset, each.sql))


def _no_longer_returned(holding: Collection[str]) -> str:
    telling: tuple[Movements | Witness, ...] = (*movements(), *lone_witnesses())
    parts = [
        f"SELECT {', '.join(_MOVEMENT)}, {counted} AS counted\nFROM ({_moved(each.dataset, sql)})"
        for each in telling
        if each.dataset in holding
        for sql, counted in of_those_alone(each.dataset, each.sql)
    ]
    return union(_MOVEMENT | {"counted": FLAG.sql}, parts)


def _moved(dataset: str, sql: str) -> str:
    return f"SELECT * REPLACE (amount::{FINE.sql} AS amount), '{dataset}' AS dataset\nFROM (\n{sql}\n)"


def _witnesses(holding: Collection[str]) -> str:
    """What the lists of `schemas/witnesses` tell of, each beside the movements of the lists that own it."""
    telling = _told(holding)
    if not telling:
        return union(_MOVEMENT | {"matched": FLAG.sql, "closed": FLAG.sql, "may_be_alone": FLAG.sql}, [])
    owners = {owner for each in telling for owner in each.owners} & set(holding)
    told = union(_MOVEMENT, (_moved(each.dataset, each.sql) for each in telling))
    owned = union(
        _MOVEMENT | {"note": TEXT.sql},
        (_owned(each) for each in movements() if each.dataset in owners),
    )
    return matched_sql(telling, told, owned)


def _told(holding: Collection[str]) -> list[Witness]:
    """The files of `schemas/witnesses`, as far as their datasets hold rows."""
    return [each for each in _all_witnesses() if each.dataset in holding]


@cache
def _all_witnesses() -> tuple[Witness, ...]:
    return tuple(_witness(name, head, sql) for name, head, sql in _files("witnesses"))


def _witness(name: str, head: str, sql: str) -> Witness:
    found = _WITNESS.match(head)
    assert found is not None, f"{name}.sql does not say who owns what it tells of"
    wallets = tuple(found["wallets"].split(", ")) if found["wallets"] else ()
    doc = head[found.end() :].replace("\n", " ")
    return Witness(name, tuple(found["owners"].split(", ")), found["within"], wallets, doc, sql)


def _ledgers() -> str:
    """The datasets of movements as rows."""
    rows = (
        f"('{dataset.name}', {list(wallets)}, '{dataset.comes_with or dataset.name}', {_settles_us(dataset)})"
        for name, wallets in moving().items()
        for dataset in (DATASETS[name],)
    )
    return (
        "SELECT dataset, wallets, pulled_with, to_microseconds(settles_us) AS settles\n"
        f"FROM (VALUES {', '.join(rows)}) AS ledgers(dataset, wallets, pulled_with, settles_us)"
    )


def _operations() -> str:
    """The known operations as rows."""
    rows = ", ".join(f"('{operation}', '{kind}')" for operation, kind in operation_kinds().items())
    return f"SELECT operation, kind FROM (VALUES {rows}) AS operations(operation, kind)"


def _settles_us(dataset: Dataset) -> int:
    return length_us(dataset.settles) if dataset.settles is not None else 0


def _check(name: str, head: str, sql: str) -> Check:
    severity = _SEVERITY.match(head)
    assert severity is not None, f"{name}.sql does not say its severity"
    return Check(name, cast("Severity", severity[1]), head[severity.end() :].replace("\n", " "), sql)


def _files(folder: str) -> list[tuple[str, str, str]]:
    """Name, leading comment and statement of each file of a folder."""
    found = sorted(
        (file for file in files("schemas").joinpath(folder).iterdir() if file.name.endswith(".sql")), key=str
    )
    return [(file.name.removesuffix(".sql"), *_split(file.read_text("utf-8"))) for file in found]


def _split(text: str) -> tuple[str, str]:
    lines = text.splitlines()
    depth = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(line.removeprefix("-- ") for line in lines[:depth]), "\n".join(lines[depth:])
