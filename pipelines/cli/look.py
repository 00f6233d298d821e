"""The verbs that ask the lake: status, query."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run, stream
from pipelines.cli import formats
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import say, write_json, write_table
from pipelines.settings.loader import load
from pipelines.store.rows import wall_clock
from pipelines.trading.discovery_report import UNKNOWABLE, discoveries, kinds

_UP_TO = Number(gte=1, lte=1_000_000_000)  # DuckDB and Arrow count in 64 bits
_SERIES = "SELECT * FROM series_status"
_DATASETS = """
SELECT dataset, coalesce(market, account) AS of, "interval", count(*) AS series, sum(rows)::BIGINT AS rows,
    min(since) AS since, min(until) AS until, max(lag_s) AS lag_s, sum(open_gaps)::BIGINT AS open_gaps
FROM series_status GROUP BY ALL ORDER BY ALL
"""
_NOTES = """
SELECT flow, note FROM runs
WHERE note IS NOT NULL AND (flow, run) IN (SELECT (flow, max_by(run, ended)) FROM runs GROUP BY flow)
ORDER BY ALL
"""


def query(
    sql: Annotated[str, Parameter(allow_leading_hyphen=True, help="one SELECT; `show tables` lists what there is")],
    *,
    format: Annotated[formats.Format, Parameter(help="how the answer is written")] = "table",  # noqa: A002 - the option
    timeout: Annotated[int | None, Parameter(validator=_UP_TO, help="stop the query after so many seconds")] = None,
    max_rows: Annotated[
        int | None, Parameter(validator=_UP_TO, help="write no more rows, and say so; a table shows 1,000")
    ] = None,
    config: Config = FLOWS_FILE,
) -> int:
    """Ask the lake a question in SQL. Each dataset is a view, and so are coverage, portfolio, candles and others."""
    with connect(Lake.at(load(config).lake), timeout_s=timeout) as session:
        formats.write(*stream(session, sql), format, max_rows)
    return 0


def status(
    *,
    series: Annotated[bool, Parameter(negative="", help="one row a series instead of one a dataset")] = False,
    discovery: Annotated[bool, Parameter(negative="", help="which symbols each account was looked for in")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """What the lake covers of each dataset, how far behind now it is, and how many gaps are open."""
    if discovery:
        return _discovery(Lake.at(load(config).lake), each=series, json=json)
    connection = connect(Lake.at(load(config).lake))
    rows = run(connection, _SERIES if series else _DATASETS)
    if json:
        write_json(rows.to_pylist())
    else:
        write_table([name.removesuffix("_s") for name in rows.schema.names], map(_row, rows.to_pylist()))
        if not rows.num_rows:
            say("The lake is empty; `binlake run` fills it.")
        say(*(f"Flow {row['flow']}: {row['note']}" for row in run(connection, _NOTES).to_pylist()))
    return 0


def _discovery(lake: Lake, *, each: bool, json: bool) -> int:
    """What was looked for where; each symbol, or how many there are of a kind."""
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
