"""`binlake query`: one question in SQL, read-only."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from connectors.lake import Lake
from connectors.lake.sql.session import connect, stream
from pipelines.cli import formats
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.settings.loader import load

_UP_TO = Number(gte=1, lte=1_000_000_000)  # DuckDB and Arrow count in 64 bits


def query(
    sql: Annotated[str, Parameter(allow_leading_hyphen=True, help="one SELECT; `show tables` lists tables and views")],
    *,
    format: Annotated[formats.Format, Parameter(help="output format")] = "table",  # noqa: A002 - the option
    timeout: Annotated[int | None, Parameter(validator=_UP_TO, help="stop the query after this many seconds")] = None,
    max_rows: Annotated[
        int | None, Parameter(validator=_UP_TO, help="write at most this many rows, and say so; a table shows 1,000")
    ] = None,
    config: Config = FLOWS_FILE,
) -> int:
    """Query the lake in SQL, read-only. Each dataset is a view, and so are coverage, portfolio, candles and more."""
    with connect(Lake.at(load(config).lake), timeout_s=timeout) as session:
        formats.write(*stream(session, sql), format, max_rows)
    return 0
