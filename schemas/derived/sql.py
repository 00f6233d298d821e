"""SQL derived from the declarations: what a view, a check or a list of series needs to know about a dataset."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import pyarrow as pa

from schemas.datasets import DATASETS, playing
from schemas.model.dataset import MONTH, Dataset, Lifecycle, Role
from schemas.model.fields import TEXT, TIME
from schemas.model.grid import LENGTH_US, Grid

_ASSET_COLUMN = re.compile("asset|currency|coin")

SERIES_COLUMNS = tuple(dict.fromkeys(name for dataset in DATASETS.values() for name in dataset.series))
"""Every column that names a series of some dataset: market, symbol, interval, account, wallet."""

TIME_SERIES = ("market", "symbol", "kind")
"""What names a series of the datasets along time; one that has no kind has an empty one in SQL that unites them."""

BOUND_COLUMNS = {field.name: field.type.arrow for dataset in DATASETS.values() for field in dataset.cursor_fields} | {
    "revision": pa.int64()
}
"""Every cursor field of some dataset, and the number of commits that touched a series."""

BOUNDS_SCHEMA = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in SERIES_COLUMNS),
        *(pa.field(name, kind) for name, kind in BOUND_COLUMNS.items()),
    ]
)
"""The view `bounds`: what the log says of each series, one row each."""


def quoted(names: Iterable[str]) -> str:
    """Names as SQL identifiers, whatever the keywords of the day are."""
    return ", ".join(f'"{name}"' for name in names)


def literal(text: str) -> str:
    """A text as SQL spells it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def stored_columns(dataset: Dataset) -> dict[str, str]:
    """The SQL type of each column of the stored table, in declared order, the derived month or date last."""
    declared = {column.name: column.type.sql for column in dataset.columns}
    return declared | ({dataset.period: TEXT.sql} if dataset.period else {})


def empty_rows(dataset: Dataset) -> str:
    """No row, with the columns and types of the dataset."""
    columns = ", ".join(f'CAST(NULL AS {sql}) AS "{name}"' for name, sql in stored_columns(dataset).items())
    return f"SELECT {columns} WHERE false"


def last_versions(dataset: Dataset) -> str:
    """The last version of each key, unless that version says that the matter is over.

    A join with the highest versions reads a million of them three times as fast as a window over whole rows.
    """
    same = " AND ".join(
        f'stored."{name}" {_equals(dataset, name)} last."{name}"' for name in (*dataset.identity, dataset.version)
    )
    still = f' WHERE stored."{dataset.retired}" IS NULL' if dataset.retired else ""
    return (
        f"SELECT stored.* FROM {dataset.table} AS stored\n"
        f'JOIN (SELECT {quoted(dataset.identity)}, max("{dataset.version}") AS "{dataset.version}" '
        f"FROM {dataset.table} GROUP BY ALL) AS last\n"
        f"ON {same}{still}"
    )


def _equals(dataset: Dataset, name: str) -> str:
    return "IS NOT DISTINCT FROM" if dataset.column(name).nullable else "="


def union(columns: Mapping[str, str], queries: Iterable[str]) -> str:
    """The rows of all queries, which have these columns with their types; without any query, none."""
    empty = ", ".join(f'CAST(NULL AS {sql}) AS "{name}"' for name, sql in columns.items())
    return "\nUNION ALL BY NAME\n".join([f"SELECT {empty} WHERE false", *queries])


def series_views() -> dict[str, str]:
    """The queries about the series of all datasets, by the name of their view."""
    return {"series_reached": series_reached(), "series_gaps": series_gaps()}


def series_rows(holding: Collection[str]) -> str:
    """How many rows each series has, and its first and last instant, over all datasets that have series and rows."""
    columns = {"dataset": TEXT.sql} | dict.fromkeys(SERIES_COLUMNS, TEXT.sql)
    columns |= {"rows": "BIGINT", "first": TIME.sql, "last": TIME.sql}
    return union(columns, (_series_of(each) for each in DATASETS.values() if each.series and each.name in holding))


def _series_of(dataset: Dataset) -> str:
    names = ", ".join(
        f'"{name}"' if name in dataset.series else f'CAST(NULL AS VARCHAR) AS "{name}"' for name in SERIES_COLUMNS
    )
    return (
        f"SELECT '{dataset.name}' AS dataset, {names}, count(*) AS rows, "
        f'min("{dataset.clock}") AS first, max("{dataset.clock}") AS last FROM {dataset.table} GROUP BY ALL'
    )


def series_reached() -> str:
    """How far each series reaches, by instants, by ids, or by its last snapshot."""
    return f"SELECT dataset, {quoted(SERIES_COLUMNS)}, since, until, since_id, until_id, observed_at FROM bounds"


def series_gaps() -> str:
    """How many gaps of each series are open."""
    named = [name for name in SERIES_COLUMNS if name in {column.name for column in DATASETS["gaps"].columns}]
    return f"SELECT dataset, {quoted(named)}, count(*) AS open_gaps FROM gaps GROUP BY ALL"


def all_candles(holding: Collection[str]) -> str:
    """The candles of every kind, each with its dataset; what a kind does not have is NULL."""
    kinds = playing(Role.CANDLES)
    columns = {"dataset": TEXT.sql} | {name: sql for kind in kinds for name, sql in stored_columns(kind).items()}
    held = (kind for kind in kinds if kind.name in holding)
    return union(columns, (f"SELECT '{kind.name}' AS dataset, * FROM {kind.table}" for kind in held))


def all_instants(holding: Collection[str]) -> str:
    """The instants of every dataset along time, each with its series and the month in which it is stored."""
    columns = dict.fromkeys(("dataset", *TIME_SERIES), TEXT.sql) | {"time": TIME.sql, "month": TEXT.sql}
    held = (each for each in DATASETS.values() if each.along_time and each.name in holding)
    return union(columns, map(_instants_of, held))


def _instants_of(dataset: Dataset) -> str:
    series = ", ".join(f'"{name}"' if name in dataset.series else f"'' AS \"{name}\"" for name in TIME_SERIES)
    month = MONTH if dataset.period == MONTH else f"left({dataset.period}, {len('YYYY-MM')}) AS month"
    return f"SELECT '{dataset.name}' AS dataset, {series}, \"{dataset.clock}\" AS time, {month} FROM {dataset.table}"


def time_grids() -> str:
    """The datasets along time, and the lengths of the slots of their grids, in microseconds; NULL without one."""
    rows = ", ".join(
        f"('{each.name}', {'NULL' if each.grid is None else LENGTH_US[each.grid]})"
        for each in DATASETS.values()
        if each.along_time
    )
    return f"SELECT dataset, length_us::BIGINT AS length_us FROM (VALUES {rows}) AS grids(dataset, length_us)"


def runs_view(dataset: Dataset) -> str:
    """The name of the view of the runs of a kind of candles."""
    return f"{dataset.table}_runs"


def each_its_own_run(dataset: Dataset, rows: str) -> str:
    """The candles of a kind that a query returns, each as a run of one."""
    cursor = f'"{dataset.cursor}" AS first, 1::BIGINT AS rows'
    return f"SELECT {quoted((*dataset.series, 'month'))}, {cursor} FROM ({rows})"


def candle_runs() -> str:
    """The runs of every kind of candles."""
    kinds = playing(Role.CANDLES)
    return "\nUNION ALL BY NAME\n".join(f"SELECT '{kind.name}' AS dataset, * FROM {runs_view(kind)}" for kind in kinds)


def candle_kinds() -> str:
    """The datasets of candles."""
    rows = ", ".join(f"('{dataset.name}')" for dataset in playing(Role.CANDLES))
    return f"FROM (VALUES {rows}) AS kinds(dataset)"


def intervals() -> str:
    """The lengths of candles and the instant their grid is anchored at; the calendar decides about 1M."""
    rows = ", ".join(f"('{name}', {length_us}, {Grid.of(name).anchor_us})" for name, length_us in LENGTH_US.items())
    return f'SELECT * FROM (VALUES {rows}) AS intervals("interval", length_us, anchor_us)'


def unique_key(dataset: Dataset) -> str:
    return f"SELECT {quoted(dataset.key)}, count(*) AS copies FROM {dataset.table} GROUP BY ALL HAVING count(*) > 1"


def not_null(dataset: Dataset) -> str:
    """Rows that lack a value, and the names of the columns that do."""
    required = [column.name for column in dataset.columns if not column.nullable]
    lacking = [f'"{name}" IS NULL' for name in required]
    missing = [f"CASE WHEN {lacks} THEN '{name}' END" for name, lacks in zip(required, lacking, strict=True)]
    return (
        f"SELECT {quoted(dataset.key)}, list_filter([{', '.join(missing)}], lambda name: name IS NOT NULL) AS missing\n"
        f"FROM {dataset.table} WHERE {' OR '.join(lacking)}"
    )


def inside_coverage(dataset: Dataset) -> str:
    """Rows whose cursor lies outside what the log says is covered, or whose series the log does not know."""
    assert dataset.cursor is not None
    since, until = ("since", "until") if dataset.column(dataset.cursor).type is TIME else ("since_id", "until_id")
    same = " AND ".join(f'stored."{name}" = coverage."{name}"' for name in dataset.series)
    key = ", ".join(f'stored."{name}"' for name in dataset.key)
    return (
        f"SELECT '{dataset.name}' AS dataset, {key}, coverage.{since}, coverage.{until}\n"
        f"FROM {dataset.table} AS stored LEFT JOIN coverage ON coverage.dataset = '{dataset.name}' AND {same}\n"
        f"WHERE coverage.dataset IS NULL\n"
        f'    OR stored."{dataset.cursor}" < coverage.{since} OR stored."{dataset.cursor}" >= coverage.{until}'
    )


def known_status(dataset: Dataset, life: Lifecycle) -> str:
    """The last versions whose status is neither a known open word nor a final one."""
    words = ", ".join(f"'{word}'" for word in (*life.open, *life.final))
    columns = quoted((*dataset.identity, life.status, life.stamp))
    return f'SELECT {columns} FROM {dataset.name} WHERE "{life.status}" IS NULL OR "{life.status}" NOT IN ({words})'


def unknown_states(holding: Collection[str]) -> str:
    """The movements of ledgers of which a word does not say whether they took place, and the assets they name."""
    columns = {"dataset": TEXT.sql, "account": TEXT.sql, "time": TIME.sql, "assets": f"{TEXT.sql}[]"}
    columns |= {"key": TEXT.sql, "state": TEXT.sql}
    return union(columns, (_unknown_of(each) for each in DATASETS.values() if each.states and each.name in holding))


def _unknown_of(dataset: Dataset) -> str:
    """A row that is gone moves nothing, whatever it says; a column that may be NULL may be silent."""
    assets = [column.name for column in dataset.columns if column.type is TEXT and _ASSET_COLUMN.search(column.name)]
    key = [name for name in dataset.identity if name != "account"]
    said = ", ".join(f"'{each.column}', \"{each.column}\"::VARCHAR" for each in dataset.states)
    unknown = " OR ".join(f'"{each.column}"::VARCHAR NOT IN ({str(each.words)[1:-1]})' for each in dataset.states)
    return (
        f"SELECT '{dataset.name}' AS dataset, account, \"{dataset.clock}\" AS time, [{quoted(assets)}] AS assets, "
        f"concat_ws('/', {quoted(key)}) AS key, concat_ws(' ', {said}) AS state\n"
        f"FROM {dataset.name} WHERE gone_since IS NULL AND ({unknown})"
    )


def promises() -> Iterator[tuple[str, str, str, str]]:
    """Name, promise, query for offending rows and dataset of every check that follows from a declaration."""
    for dataset in DATASETS.values():
        name = dataset.name
        yield f"{name}_unique_key", f"`{dataset.table}` holds each key once.", unique_key(dataset), name
        yield f"{name}_not_null", f"`{dataset.table}` has every value that must be there.", not_null(dataset), name
        if dataset.cursor is not None:
            yield f"{name}_inside_coverage", f"`{name}` holds no row outside coverage.", inside_coverage(dataset), name


def expectations() -> Iterator[tuple[str, str, str, str]]:
    """The same of those that warn."""
    for dataset in DATASETS.values():
        if dataset.lifecycle is not None:
            yield (
                f"{dataset.name}_known_status",
                f"Every status of `{dataset.name}` is a word that binlake knows; any other is taken for an open one.",
                known_status(dataset, dataset.lifecycle),
                dataset.name,
            )
