"""The SQL of the project: views and checks, each a file of its own, and the checks that follow from declarations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Literal, cast

from schemas.datasets import DATASETS
from schemas.derived.sql import expectations, promises
from schemas.model.dataset import Dataset
from schemas.model.fields import FINE
from schemas.model.instants import length_us

Severity = Literal["error", "warn"]

FILES_INTACT = "files_intact"  # the one check that is no query: it reads the files themselves

_LEDGER = (
    "Every movement of an asset in a wallet, signed; `dataset` and `key` lead back to the row that it comes from. No "
    "movement is there twice, although several lists of the exchange may tell of it."
)
_LEDGERS = (
    "The datasets that movements come from: the wallets that each may move, the dataset that brings it, and how long a "
    "row may still appear or change."
)
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
class Movements:
    """How the rows of a dataset move balances: the wallets that they may move, in words what they do, and the query."""

    dataset: str
    wallets: tuple[str, ...]
    doc: str
    sql: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query for offending rows, and the promise that holds when there are none."""

    name: str
    severity: Severity
    promise: str
    sql: str


def views() -> list[View]:
    """The views of `schemas/views`, each after those that it reads."""
    found = {name: View(name, head.replace("\n", " "), sql) for name, head, sql in _files("views")}
    found["ledger"] = View("ledger", _LEDGER, f"CREATE OR REPLACE VIEW ledger AS\n{_ledger()}")
    found["ledgers"] = View("ledgers", _LEDGERS, f"CREATE OR REPLACE VIEW ledgers AS\n{_ledgers()}")
    reads = {name: sorted(found.keys() & set(_NAME.findall(view.sql)) - {name}) for name, view in found.items()}
    return [found[name] for name in TopologicalSorter(reads).static_order()]


def movements() -> list[Movements]:
    """The files of `schemas/ledger`, one for each dataset whose rows are movements."""
    return [_movements(name, head, sql) for name, head, sql in _files("ledger")]


def checks() -> list[Check]:
    """Every check: those of `schemas/checks`, then those derived from the declarations."""
    written = [_check(name, head, sql) for name, head, sql in _files("checks")]
    errors = [Check(name, "error", promise, sql) for name, promise, sql in promises()]
    return written + errors + [Check(name, "warn", promise, sql) for name, promise, sql in expectations()]


def check_names() -> tuple[str, ...]:
    """The name of every check, of the one over files too."""
    return (*(check.name for check in checks()), FILES_INTACT)


def _movements(name: str, head: str, sql: str) -> Movements:
    wallets = _WALLETS.match(head)
    assert wallets is not None, f"{name}.sql does not say which wallets it moves"
    return Movements(name, tuple(wallets[1].split(", ")), head[wallets.end() :].replace("\n", " "), sql)


def _ledger() -> str:
    """All movements, each with the dataset that it comes from."""
    return "\nUNION ALL\n".join(
        f"SELECT account, wallet, asset, time, amount::{FINE.sql} AS amount, kind, '{each.dataset}' AS dataset, key, "
        f"note\nFROM (\n{each.sql}\n)"
        for each in movements()
    )


def _ledgers() -> str:
    """The datasets of movements as rows."""
    rows = (
        f"('{each.dataset}', {list(each.wallets)}, '{dataset.comes_with or dataset.name}', {_settles_us(dataset)})"
        for each in movements()
        for dataset in (DATASETS[each.dataset],)
    )
    return (
        "SELECT dataset, wallets, pulled_with, to_microseconds(settles_us) AS settles\n"
        f"FROM (VALUES {', '.join(rows)}) AS ledgers(dataset, wallets, pulled_with, settles_us)"
    )


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
