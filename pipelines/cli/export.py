"""`binlake export`: the ledger in the forms that bookkeeping, tax and portfolio programs import."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.formats import outside, replacing, write_answer
from pipelines.cli.journals import JournalFormat, journal
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.cli.output import say
from pipelines.cli.tables import shown
from pipelines.settings.loader import load, named
from schemas.derived.queries import exports
from schemas.derived.sql import literal
from schemas.model.counted import counted
from schemas.model.errors import UsageProblem

Form = Literal["ledger", "koinly", "cointracking", "bittytax", "rotki_trades", "rotki_events", "ghostfolio"]
_UNVALUED = """
SELECT
    asset,
    sum(qty) FILTER (value IS NULL) AS qty,
    count(*) FILTER (value IS NULL) AS events,
    count(*) FILTER (value IS NOT NULL) AS fees
FROM tax_events('USDT')
WHERE account = coalesce(getvariable('exported_account'), account) AND (value IS NULL OR fee_value IS NULL)
GROUP BY asset
ORDER BY asset
"""


def export(
    form: Annotated[Form, Parameter(help="the ledger itself, or the program that is to import it")],
    *,
    account: Annotated[str | None, Parameter(help="of this account alone")] = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="write to a file")] = None,
    format: Annotated[  # noqa: A002 - the option
        Literal["csv"] | JournalFormat, Parameter(help="of the ledger: rows, or a journal of double entries")
    ] = "csv",
    config: Config = FLOWS_FILE,
) -> int:
    """Write the ledger as a file that another program imports; balances stand in a journal as assertions."""
    if form != "ledger" and format != "csv":
        raise UsageProblem(f"{form} is imported as CSV.", f"Leave out --format, or export the ledger as {format}.")
    spec = load(config)
    if account is not None:
        named(spec.accounts, account, "account")
    lake = Lake.at(spec.lake)
    outside(lake, output)
    with connect(lake) as session:
        session.execute(f"SET VARIABLE exported_account = {literal(account) if account else 'NULL'}")
        if format == "csv":
            write_answer(session, exports()[form].sql, "csv", file=output, pads=False)
        else:
            _write_journal(session, format, output)
        if form == "ghostfolio":
            _say_unvalued(run(session, _UNVALUED).to_pylist())
    return 0


def _say_unvalued(rows: Sequence[Mapping[str, Any]]) -> None:
    """What the export leaves out, since it has no value: how many events of which assets, and the fees of others."""
    why = "; the view tax_events says why."
    if left := sum(row["events"] for row in rows):
        of = ", ".join(f"{shown(row['qty'])} {row['asset']}" for row in rows if row["events"])
        say(f"{counted(left, 'event')} without a value in USDT left out ({of}){why}")
    if fees := sum(row["fees"] for row in rows):
        say(f"{counted(fees, 'event')} stand without their fee, which has no value in USDT{why}")


def _write_journal(session: DuckDBPyConnection, form: JournalFormat, output: Path | None) -> None:
    with replacing(output) if output else nullcontext(sys.stdout) as out:
        for line in journal(session, form):
            out.write(f"{line}\n")
