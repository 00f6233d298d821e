"""`binlake status`: coverage and lag, and what symbol discovery knows."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import pyarrow as pa
from cyclopts import Parameter
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import complain, say, write_json, write_table
from pipelines.settings.loader import load
from pipelines.trading.discovery_report import UNKNOWABLE, discoveries, kinds
from schemas.datasets import DATASETS
from schemas.model.errors import CorruptData
from schemas.model.instants import wall_clock

_SERIES = "SELECT * FROM series_status WHERE {which}"
_DATASETS = """
SELECT dataset, coalesce(market, account) AS of, "interval", count(*) AS series, sum(rows)::BIGINT AS rows,
    min(since) AS since, min(until) AS until, max(lag_s) AS lag_s, sum(open_gaps)::BIGINT AS open_gaps
FROM series_status WHERE {which} GROUP BY ALL ORDER BY ALL
"""
_NOTES = """
SELECT flow, note FROM runs
WHERE note IS NOT NULL AND (flow, run) IN (SELECT (flow, max_by(run, ended)) FROM runs GROUP BY flow)
ORDER BY ALL
"""


def status(
    *,
    series: Annotated[bool, Parameter(negative="", help="one row per series instead of one per dataset")] = False,
    discovery: Annotated[bool, Parameter(negative="", help="what the search for traded symbols found")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Show what the lake covers of each dataset, how far it lags behind, and how many gaps are open."""
    if discovery:
        return _discovery(Lake.at(load(config).lake), each=series, json=json)
    connection = connect(Lake.at(load(config).lake))
    rows, damaged = _read(connection, _SERIES if series else _DATASETS)
    if json:
        write_json(rows.to_pylist())
    else:
        write_table([name.removesuffix("_s") for name in rows.schema.names], map(_row, rows.to_pylist()))
        if not rows.num_rows and not damaged:
            say("The lake is empty; `binlake run` fills it.")
        say(*(f"Flow {row['flow']}: {row['note']}" for row in run(connection, _NOTES).to_pylist()))
    for name, problem in damaged.items():
        complain(f"The status of {name} cannot be told: {problem}")
    return CorruptData.exit_code if damaged else 0


def _read(connection: DuckDBPyConnection, sql: str) -> tuple[pa.Table, dict[str, CorruptData]]:
    """The answer about all datasets; where one cannot be read, about each of the others, and why."""
    with suppress(CorruptData):
        return run(connection, sql.format(which="true")), {}
    read, damaged = list[pa.Table](), dict[str, CorruptData]()
    for name in sorted(DATASETS):
        try:
            read.append(run(connection, sql.format(which=f"dataset = '{name}'")))
        except CorruptData as problem:
            damaged[name] = problem
    if not read:  # what they all need is damaged, such as the gaps
        raise next(iter(damaged.values()))
    return pa.concat_tables(read), damaged


def _discovery(lake: Lake, *, each: bool, json: bool) -> int:
    """Symbol discovery, by symbol or as counts per state."""
    rows = discoveries(lake, wall_clock())
    if json:
        write_json([row.to_json() for row in rows])
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


def _row(row: dict[str, Any]) -> list[Any]:
    return [*(row | {"lag_s": lag(row["lag_s"])}).values()]


def lag(seconds: int | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None:
        return ""
    minutes, seconds = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")) if count]
    return " ".join(units[:2]) or "0s"
