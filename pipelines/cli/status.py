"""`binlake status`: coverage and lag, and what symbol discovery knows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from cyclopts import Parameter
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.coverage_map import series_name, write_map
from pipelines.cli.flow_status import flow_statuses, show_flows
from pipelines.cli.key_status import show_keys
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import complain, say, write, write_json
from pipelines.cli.tables import lag, write_table
from pipelines.service.server import recorder
from pipelines.settings.loader import load
from schemas.config.flows import FlowsFile
from schemas.datasets import DATASETS
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.derived.sql import literal
from schemas.model.counted import counted
from schemas.model.errors import CorruptData
from schemas.model.instants import wall_clock

_SERIES = "SELECT * FROM series_status WHERE {which}"
_DATASETS = """
SELECT dataset, coalesce(market, account) AS of, "interval", count(*) AS series, sum(rows)::BIGINT AS rows,
    min(since) AS since, min(until) AS until, max(lag_s) AS lag_s, sum(open_gaps)::BIGINT AS open_gaps
FROM series_status WHERE {which} GROUP BY ALL ORDER BY ALL
"""
_SHOWN = ("dataset", "of", "interval", "series", "rows", "first", "last", "since", "until", "lag", "open_gaps")
_SPARE = ("last", "first", "until", "since")  # on a narrow terminal; the lag says what `until` says
_NOTHING = "Nothing is covered yet; `binlake run` fetches it."
_IMPORTED = """
SELECT account, count(DISTINCT file) AS files, count(*) FILTER (leg = 1) AS rows,
    concat_ws(' to ', min(time)::DATE, max(time)::DATE) AS days
FROM statement_rows GROUP BY account ORDER BY account
"""
_NOTES = """
SELECT string_agg(DISTINCT flow, ', ' ORDER BY flow) AS flows, note FROM runs
WHERE note IS NOT NULL AND (flow, run) IN (SELECT (flow, max_by(run, ended)) FROM runs GROUP BY flow)
GROUP BY note ORDER BY ALL
"""
_NOT_THERE = """
SELECT strftime(as_of, '%Y-%m-%d %H:%M UTC') AS as_of,
    string_agg(
        concat_ws('/', dataset, account, wallet) || if(code > 0, ' (code -' || code || ')', ' (no address)'), ', '
        ORDER BY ALL
    ) AS names
FROM not_there GROUP BY 1 ORDER BY 1
"""


def status(
    *,
    series: Annotated[bool, Parameter(help="one row per series instead of one per dataset")] = False,
    flows: Annotated[bool, Parameter(help="only the last and the next run of each flow")] = False,
    discovery: Annotated[bool, Parameter(help="what the search for traded symbols found")] = False,
    map: Annotated[bool, Parameter(help="a picture: one block per month and series")] = False,  # noqa: A002 - the option
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Show what the lake covers of each dataset, how far it lags, which gaps are open, and how each flow last ran."""
    spec = load(config)
    if discovery:
        return _discovery(Lake.at(spec.lake), each=series, json=json)
    connection = connect(Lake.at(spec.lake))
    if map:
        if not write_map(connection, datetime.now(UTC), sys.stdout):
            say(_NOTHING)
        return 0
    if flows:
        _flows(connection, spec, config, json=json)
        return 0
    rows, damaged = _read(connection, _SERIES if series else _DATASETS)
    if json:
        write_json(rows.to_pylist())
    else:
        _show(rows.to_pylist())
        if not rows.num_rows and not damaged:
            say(_NOTHING)
        damaged |= _imported(connection)
        if not series:
            write("\n")
            _flows(connection, spec, config, json=False)
            if spec.accounts:
                damaged |= _keys(connection, spec)
        say(*(f"Flow {row['flows']}: {row['note']}" for row in run(connection, _NOTES).to_pylist()))
        say(*(f"Not there as of {row['as_of']}: {row['names']}." for row in run(connection, _NOT_THERE).to_pylist()))
    for name, problem in damaged.items():
        complain(f"The status of {name} cannot be told: {problem}")
    return CorruptData.exit_code if damaged else 0


def _flows(connection: DuckDBPyConnection, spec: FlowsFile, config: Path, *, json: bool) -> None:
    now = datetime.now(UTC)
    found = list(flow_statuses(connection, spec, now))
    if json:
        write_json(found)
        return
    show_flows(found, now)
    if any(one.due for one in found) and recorder(config) is None:
        say("`binlake up` is not running: flows run when asked.")


def _imported(connection: DuckDBPyConnection) -> dict[str, CorruptData]:
    """Say what was imported of the exchange's own exports; what of it cannot be read."""
    try:
        for row in run(connection, _IMPORTED).to_pylist():
            files, rows = counted(row["files"], "export"), counted(row["rows"], "row")
            say(f"Imported for {row['account']}: {files} with {rows}, {row['days']}.")
    except CorruptData as problem:
        return {STATEMENT_ROWS.table: problem}
    return {}


def _keys(connection: DuckDBPyConnection, spec: FlowsFile) -> dict[str, CorruptData]:
    """Show the API keys; what of the journal cannot be read."""
    try:
        show_keys(connection, spec, datetime.now(UTC))
    except CorruptData as problem:
        return {"the API keys": problem}
    return {}


def _read(connection: DuckDBPyConnection, sql: str) -> tuple[pa.Table, dict[str, CorruptData]]:
    """The answer about all datasets; where one cannot be read, about each of the others, and why."""
    with suppress(CorruptData):
        return run(connection, sql.format(which="true")), {}
    read, damaged = _readable(connection, sql, sorted(DATASETS))
    if not read:  # what they all need is damaged, such as the gaps
        raise next(iter(damaged.values()))
    return pa.concat_tables(read), damaged


def _readable(
    connection: DuckDBPyConnection, sql: str, names: Sequence[str]
) -> tuple[list[pa.Table], dict[str, CorruptData]]:
    """The answers about the datasets that can be read, and why not about the others, which are found by halves."""
    try:
        return [run(connection, sql.format(which=f"dataset IN ({', '.join(map(literal, names))})"))], {}
    except CorruptData as problem:
        if len(names) == 1:
            return [], {names[0]: problem}
    middle = len(names) // 2
    (some, why), (others, why_others) = (_readable(connection, sql, half) for half in (names[:middle], names[middle:]))
    return some + others, why | why_others


def _discovery(lake: Lake, *, each: bool, json: bool) -> int:
    """Symbol discovery, by symbol or as counts per state."""
    from pipelines.trading.symbol_discovery import (  # noqa: PLC0415 - it loads the exchange's client
        UNKNOWABLE,
        discoveries,
        kinds,
    )

    rows = discoveries(lake, wall_clock())
    if json:
        write_json(rows)
        return 0
    if each:
        header = ("account", "market", "symbol", "state", "looked at up to", "due", "gone")
        write_table(
            header,
            [(row.account, row.market, row.symbol, row.state, row.known_until, row.due, row.gone) for row in rows],
        )
    else:
        write_table(("account", "market", "state", "symbols", "due", "known at least up to"), kinds(rows))
    say(*UNKNOWABLE)
    return 0


def _show(rows: list[dict[str, Any]]) -> None:
    """The rows as a table, whatever names a series in one column."""
    each_series = "series" not in (rows or [{}])[0]
    named = [row | {"lag": lag(row["lag_s"])} | ({"series": series_name(row)} if each_series else {}) for row in rows]
    shown = [name for name in _SHOWN if name != "interval"] if each_series else _SHOWN
    header = [name for name in shown if all(name in row for row in named)]
    write_table(header, [[row[name] for name in header] for row in named], spare=_SPARE)
