"""DATASETS.md, generated from the declarations (`python -m schemas.derived.docs > DATASETS.md`)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from schemas.datasets import DATASETS
from schemas.derived.queries import Movements, checks, imported_movements, lone_witnesses, movements, views
from schemas.derived.view_columns import Columns, view_columns
from schemas.derived.witness_matches import Witness
from schemas.model import fields
from schemas.model.dataset import DATE, Dataset, Kind
from schemas.model.fields import FieldType
from schemas.model.personal import RULE
from schemas.statements.exports import EXPORTS

_HEAD = """# Datasets

Generated from `schemas/` by `python -m schemas.derived.docs > DATASETS.md`; do not edit.

Each dataset is a Delta table in the lake's folder and a view of its name in `binlake query`. Instants are UTC. Column
names are the exchange's in snake_case. A column that may be NULL says what NULL means; no other is ever NULL. Cursor
fields are what the log of a table remembers of each series; the view `bounds` shows them.

"""

_KINDS = {
    Kind.APPEND: "immutable rows along a cursor; inside coverage nothing is missing that `gaps` does not name",
    Kind.SNAPSHOT: "the whole state of a series at one instant, one snapshot a run",
    Kind.VERSIONS: "a row only when something changed",
    Kind.LOG: "what binlake itself did or saw",
}

_GIVEN = {
    "bounds": "What the log says of each series: the cursor fields of its dataset, and `revision`, which counts the "
    "commits that touched it.",
    "intervals": "The lengths of candles in microseconds, and the instants that their grids are anchored at.",
    "series_reached": "How far each series reaches, by instants, by ids, or by its last snapshot.",
    "series_gaps": "How many gaps of each series are open.",
}

_LEDGER_HEAD = (
    "The view `ledger` has every movement of every wallet; these are the datasets that they come from. Rewards that a "
    "list has beside `dividends` are held against it one by one (`witnesses`): what `dividends` lacks is taken from "
    "that list.\n"
)
_EXPORTS_HEAD = """\
What `binlake import` reads of the exchange's own exports, by the kinds of `ledger`. Every row is kept in
`statement_rows`; a row that moves nothing says why in `problem`. A statement speaks for the time from its first row to
its last, whatever period its name gives.
"""
_KIND = re.compile(r"(?:'\w+'|CASE\b(?:(?!\bCASE\b).)*END) AS kind", re.DOTALL)
_MACRO = re.compile(r"(\w+)\([^()]*\) AS kind")
_WORD = re.compile(r"(?:THEN |ELSE |^)'(\w+)'")

_OTHER_PARTS = """\
After the datasets: what of them is in the [ledger](#ledger), the [exports](#exports) that can be imported, the
[views and macros](#views-and-macros), and the [checks](#checks).
"""
_SENTENCE = re.compile(r"(?<=\.) ")

_TYPES = [each for each in vars(fields).values() if isinstance(each, FieldType)]


def datasets_md() -> str:
    """The page: types, every dataset with its columns, views, checks."""
    sections = [
        _HEAD + fill(RULE, 120) + "\n",
        _contents(),
        _types(),
        *map(_dataset, DATASETS.values()),
        _ledger(),
        _exports(),
        _views(),
        _checks(),
    ]
    return "\n".join(sections)


def polars_line(dataset: Dataset) -> str:
    """What the view of a versions dataset shows, read with Polars."""
    still = f'.filter(pl.col("{dataset.retired}").is_null())' if dataset.retired else ""
    return (
        f'pl.scan_delta("lake/{dataset.table}").sort("{dataset.version}")'
        f'.unique({_listed(dataset.identity)}, keep="last"){still}.collect()'
    )


def pandas_line(dataset: Dataset) -> str:
    """What the view of a versions dataset shows, read with pandas."""
    still = f'.query("{dataset.retired}.isna()")' if dataset.retired else ""
    return (
        f'pl.read_delta("lake/{dataset.table}").to_pandas(use_pyarrow_extension_array=True)'
        f'.sort_values("{dataset.version}")'
        f'.drop_duplicates({_listed(dataset.identity)}, keep="last"){still}'
    )


def _contents() -> str:
    """Every dataset with its first sentence, and what else the page has."""
    rows = [(f"[`{name}`](#{name})", _SENTENCE.split(dataset.doc, maxsplit=1)[0]) for name, dataset in DATASETS.items()]
    return f"{_OTHER_PARTS}\n{_table(('Dataset', ''), rows)}"


def _types() -> str:
    rows = [(each.name, f"`{each.arrow}`", f"`{each.sql}`", each.doc) for each in _TYPES]
    return "## Types\n\n" + _table(("Type", "Arrow", "SQL", ""), rows)


def _dataset(dataset: Dataset) -> str:
    columns = [(f"`{each.name}`", each.type.name, each.doc) for each in dataset.columns]
    facts = "\n".join(f"- {fact}" for fact in _facts(dataset))
    head = f"## {dataset.name}\n\n{dataset.doc}\n\n{facts}\n\n" + _table(("Column", "Type", ""), columns)
    remembered = [(f"`{each.name}`", each.type.name, each.direction, each.doc) for each in dataset.cursor_fields]
    return head + ("\n" + _table(("Cursor field", "Type", "Moves", ""), remembered) if remembered else "")


def _facts(dataset: Dataset) -> Iterator[str]:
    yield f"Kind: {dataset.kind.value}, {_KINDS[dataset.kind]}."
    if dataset.by_name:
        yield "Most accounts have none of it: it is in no group of datasets, and a flow has to name it."
    if dataset.comes_with:
        yield f"Pulled along with `{dataset.comes_with}`."
    if dataset.told_by:
        yield f"Moves nothing in `ledger`, where `{dataset.told_by}` has what its rows moved."
    if dataset.valued_by:
        prices = dataset.valued_by
        yield f"Brings the `{prices}` of every spot symbol along, unless the flow says `values: false`."
    yield f"Key: {_names(dataset.key)}."
    if dataset.series:
        cursor = f", walked along `{dataset.cursor}`" if dataset.cursor else ""
        yield f"Series: {_names(dataset.series)}{cursor}."
    if dataset.along_time:
        yield _completeness(dataset)
    yield f"Partition: {_names(dataset.partition)}{_period(dataset)}." if dataset.partition else "Partition: none."
    if dataset.kind is Kind.VERSIONS:
        retired = f", without those whose `{dataset.retired}` is set" if dataset.retired else ""
        yield f"Stored as `{dataset.table}`; the view `{dataset.name}` is the last version of each key{retired}."
        yield f"Polars: `{polars_line(dataset)}`"
        yield f"pandas: `{pandas_line(dataset)}`"


def _completeness(dataset: Dataset) -> str:
    """What says whether all rows along time are there."""
    if dataset.grid is not None:
        return f"Every {dataset.grid} there is a row, or `gaps` says why not; `time_completeness` counts them by month."
    if dataset.paced_by is not None:
        return (
            f"How often rows come is told by `{dataset.paced_by}`; `time_completeness` counts those that are lacking."
        )
    return "Rows come when they come: `time_completeness` says which months were asked for and answered."


def _period(dataset: Dataset) -> str:
    if dataset.period is None:
        return ""
    form = "YYYY-MM-DD" if dataset.period == DATE else "YYYY-MM"
    yearly = f"; `YYYY` for {dataset.yearly[0]} {', '.join(sorted(dataset.yearly[1]))}" if dataset.yearly else ""
    return f" (`{dataset.period}` is derived: `{form}` of `{dataset.clock}`{yearly})"


def _ledger() -> str:
    telling: tuple[Movements | Witness, ...] = (*movements(), *lone_witnesses(), *imported_movements())
    rows = [
        (f"`{each.dataset}`", each.doc, _names(each.wallets), _names(_movement_kinds(each.sql))) for each in telling
    ]
    return "## Ledger\n\n" + _LEDGER_HEAD + "\n" + _table(("Dataset", "Movements", "Wallets", "Kinds"), rows)


def _exports() -> str:
    found: dict[tuple[str, str, str], int] = {}
    for export in EXPORTS:
        moved = _names(dict.fromkeys(leg.operation for leg in export.legs if leg.operation))
        own = "what each row says" if any(not leg.operation for leg in export.legs) else ""
        told = (export.kind, moved or own or "nothing", export.unmoved)
        found[told] = found.get(told, 0) + 1
    rows = [(f"`{kind}`", str(count), moved, why) for (kind, moved, why), count in sorted(found.items())]
    return "## Exports\n\n" + _EXPORTS_HEAD + "\n" + _table(("Export", "Layouts", "Moves", "Why no more"), rows)


def _movement_kinds(sql: str) -> dict[str, None]:
    """The kinds that a query gives to movements, each once, be it through a macro."""
    macros = {view.name: view.sql for view in views()}
    called = [f"{macros[name]} AS kind" for name in _MACRO.findall(sql) if name in macros]
    said = [expression for text in (sql, *called) for expression in _KIND.findall(text)]
    return dict.fromkeys(word for expression in said for word in _WORD.findall(expression))


def _views() -> str:
    shown = _GIVEN | {view.name: view.doc for view in views()}
    columns = view_columns()
    rows = [(f"`{name}`", shown[name], _listed_columns(columns.get(name, []))) for name in sorted(shown)]
    return "## Views and macros\n\n" + _table(("Name", "", "Columns"), rows)


def _listed_columns(columns: Columns) -> str:
    return ", ".join(f"`{name}` {sql}" for name, sql in columns)


def _checks() -> str:
    rows = [(f"`{check.name}`", check.severity, check.promise) for check in checks()]
    return "## Checks\n\n`binlake check` runs each; it fails when a row breaks the promise.\n\n" + _table(
        ("Check", "Severity", "Promise"), rows
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _listed(names: Iterable[str]) -> str:
    quotes = (f'"{name}"' for name in names)
    return f"[{', '.join(quotes)}]"


if __name__ == "__main__":
    sys.stdout.write(datasets_md())
