"""`binlake query`: one question in SQL, read-only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, get_args

from cyclopts import Parameter
from cyclopts.validators import Number

from connectors.lake import Lake
from connectors.lake.sql.session import connect
from pipelines.cli.formats import Format, outside, write_answer
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.settings.loader import load
from schemas.model.errors import UsageProblem

_UP_TO = Number(gte=1, lte=1_000_000_000)  # DuckDB and Arrow count in 64 bits
_STDIN = Path("-")

Timeout = Annotated[int | None, Parameter(validator=_UP_TO, help="stop a query after this many seconds")]


def query(
    sql: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help="one SELECT; `show tables` lists tables and views; - reads stdin"),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        Parameter(name=("--file", "-f"), allow_leading_hyphen=True, help="read the SQL from a file; - is stdin"),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="write to a file; .csv, .json, .parquet name the format"),
    ] = None,
    format: Annotated[Format | None, Parameter(help="output format; table unless the file says another")] = None,  # noqa: A002 - the option
    timeout: Timeout = None,
    max_rows: Annotated[
        int | None, Parameter(validator=_UP_TO, help="write at most this many rows, and say so; a table shows 1,000")
    ] = None,
    config: Config = FLOWS_FILE,
) -> int:
    """Query the lake in SQL, read-only. Each dataset is a view, and so are coverage, portfolio, candles and more."""
    asked = _question(sql, file)
    lake = Lake.at(load(config).lake)
    outside(lake, output)
    with connect(lake, timeout_s=timeout) as session:
        write_answer(session, asked, format or _named_by(output), max_rows=max_rows, file=output)
    return 0


def _question(sql: str | None, file: Path | None) -> str:
    """The SQL, from the one place that was named; without any, from a pipe."""
    if sql is not None and file is not None:
        raise UsageProblem("The SQL is given twice.", "Name a file with -f or type the SQL, not both.")
    if sql == str(_STDIN) or (sql is None and file is None and not sys.stdin.isatty()):
        file = _STDIN
    asked = sql if file is None else _read(file)
    if asked is None or not asked.strip():
        raise UsageProblem("There is no SQL.", "Type it, name a file with -f, or open a shell with `binlake sql`.")
    return asked


def _read(file: Path) -> str | None:
    try:
        data = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        if file == _STDIN:
            return None
        raise UsageProblem(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageProblem(f"{'stdin' if file == _STDIN else file} is not text in UTF-8.") from None


def _named_by(output: Path | None) -> Format:
    """The format that the name of a file ends in."""
    suffix = output.suffix.removeprefix(".").lower() if output else ""
    return next((form for form in get_args(Format) if form == suffix), "table")
