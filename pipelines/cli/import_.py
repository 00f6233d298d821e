"""`binlake import`: the exchange's own exports, kept row by row and held against what its API told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from connectors.binance.sites import resolve
from connectors.lake import Lake
from connectors.lake.sql.errors import TooLittleMemory
from connectors.lake.sql.session import connect, run
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import complain, say, text, write_json
from pipelines.settings.loader import load, named
from pipelines.statements.importing import Imported, forget_statement, import_statement
from pipelines.statements.sources import Source, sources
from schemas.config.flows import FlowsFile
from schemas.derived.queries import imported_movements
from schemas.derived.sql import literal
from schemas.model.counted import counted
from schemas.model.errors import UsageProblem
from schemas.model.instants import wall_clock

_FOUND = """
SELECT
    min(time) AS first,
    max(time) AS last,
    max(uid) AS uid,
    count(*) FILTER (leg = 1 AND time > imported_at) AS ahead
FROM statement_rows WHERE file = {file}
"""
_MATCHES = """
SELECT
    count(*) FILTER (status = 'matched') AS matched,
    count(*) FILTER (status = 'only_statement') AS news,
    count(*) FILTER (status = 'differs') AS differing,
    count(*) FILTER (status = 'covered') AS covered
FROM statement_matches WHERE file = {file}
"""
_WHY = """
SELECT problem, count(DISTINCT line) AS lines FROM statement_rows
WHERE file = {file} AND problem IS NOT NULL GROUP BY ALL ORDER BY lines DESC, problem
"""
_UNKNOWN = "SELECT operation, rows FROM unknown_operations WHERE file = {file} ORDER BY rows DESC, operation"
_ELSEWHERE = """
SELECT statement_wallet(wallet, operation) AS name, count(*) AS rows FROM statement_rows
WHERE file = {file} AND problem IS NULL AND name NOT IN {wallets} GROUP BY ALL ORDER BY rows DESC, name
"""
_QUESTIONS = {"rows": _FOUND, "matches": _MATCHES, "why": _WHY, "unknown": _UNKNOWN, "elsewhere": _ELSEWHERE}

# To match with before the disk is used; the query itself takes some 80. The second is for where the first does not do.
_MEMORY_MB = (100, 400)
_ASKED = 'binlake query "SELECT file_name, status, count(*) FROM statement_matches GROUP BY ALL"'
_SAID = {
    "matched": "told by the API too: {}.",
    "news": "told by no API, and counted in `ledger` from now on: {}.",
    "differing": "told otherwise by the API (`statement_matches.reason` says how): {}.",
    "covered": "left to a fuller export of that time: {}.",
}


def import_(
    *files: Annotated[Path, Parameter(help="exports as they were downloaded: CSV, workbooks, or zips of CSV")],
    account: Annotated[
        str | None, Parameter(help="whose exports they are; may be left out where flows.yaml has one account")
    ] = None,
    zone: Annotated[
        str | None, Parameter(help="zone of the times where the file does not say it, such as UTC or UTC+7")
    ] = None,
    kind: Annotated[
        str | None, Parameter(help="which export it is where several look alike, such as deposits or withdrawals")
    ] = None,
    forget: Annotated[
        bool, Parameter(help="take these files out again, such as one imported with a wrong --zone", negative=())
    ] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Import the exchange's own exports: every row is kept, and what only they tell of is counted in `ledger`."""
    if not files:
        raise UsageProblem("No file is named.", "Name the exports, such as `binlake import statement.csv`.")
    spec = load(config)
    whose = _account(spec, account)
    lake = Lake.open(spec.lake, resolve(spec.exchange).environment)
    done, refused = list[Imported](), list[UsageProblem]()
    for source in _exports(files, refused):
        try:
            if forget:
                say(f"{source.name}: {counted(forget_statement(lake, source, whose), 'row')} taken out.")
                continue
            done.append(import_statement(lake, source, whose, wall_clock(), zone=zone, kind=kind))
        except UsageProblem as problem:
            _refuse(problem, refused)
        else:
            say(*(() if json else told(lake, done[-1])))
    if json:
        write_json(done)
    return UsageProblem.exit_code if refused else 0


def _exports(files: Sequence[Path], refused: list[UsageProblem]) -> Iterator[Source]:
    """Every export in the files; one of them that cannot be opened stops no other."""
    for path in files:
        try:
            yield from list(sources(path))
        except UsageProblem as problem:
            _refuse(problem, refused)


def _refuse(problem: UsageProblem, refused: list[UsageProblem]) -> None:
    complain(str(problem))
    refused.append(problem)


def _account(spec: FlowsFile, account: str | None) -> str:
    """The account that is named, or the only one."""
    if account is not None:
        named(spec.accounts, account, "account")
        return account
    if not spec.accounts:
        raise UsageProblem("flows.yaml has no account.", "`binlake keys add NAME` adds one.")
    if len(spec.accounts) > 1:
        raise UsageProblem(f"flows.yaml has {len(spec.accounts)} accounts.", "Name one of them with --account NAME.")
    return next(iter(spec.accounts))


def told(lake: Lake, imported: Imported, memory_mb: Sequence[int] = _MEMORY_MB) -> Sequence[str]:
    """What a file holds, and what of it is news."""
    if imported.known:
        return (f"{imported.name} was imported before; nothing was added. `--forget` takes it out.",)
    if not imported.lines:
        return (f"{imported.name} ({imported.kind}) is an export of no rows.",)
    found = _answers(lake, literal(imported.file), memory_mb)
    (rows,), (matches,) = found.get("rows", [{}]), found.get("matches", [{}])
    lines = [f"{imported.name} ({imported.kind}): {counted(imported.lines, 'row')}{_period(rows)}."]
    if imported.open_end:
        lines.append(f"  line {imported.open_end:,} has no end, as in a file that was cut: see that it is whole.")
    if ahead := rows.get("ahead"):
        lines.append(f"  dated after this import, as in a wrong zone or year: {counted(ahead, 'row')}.")
    lines += [
        f"  {what.format(counted(matches[name], 'movement'))}" for name, what in _SAID.items() if matches.get(name)
    ]
    if len(found) < len(_QUESTIONS):
        lines.append(f"  To match so many takes more memory than an import may have; ask for it: {_ASKED}")
    lines += [f"  not counted: {counted(each['lines'], 'row')}, {each['problem']}." for each in found.get("why", ())]
    if unknown := found.get("unknown"):
        lines.append(f"  Unknown operations, which move nothing in `ledger`: {_listed('operation', unknown)}.")
    if elsewhere := found.get("elsewhere"):
        lines.append(f"  In wallets of which no balance is pulled to check it by: {_listed('name', elsewhere)}.")
    return lines


def _listed(name: str, found: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{each[name]} ({each['rows']:,})" for each in found)


def _answers(lake: Lake, file: str, memory_mb: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """What is asked of a file, each with the least of these limits that does; what none does for is left out.

    What is imported is in all the same.
    """
    wallets = tuple({wallet for each in imported_movements() for wallet in each.wallets})
    found: dict[str, list[dict[str, Any]]] = {}
    for limit_mb in memory_mb:
        with connect(lake, memory_mb=limit_mb) as session:
            for name in [each for each in _QUESTIONS if each not in found]:
                with suppress(TooLittleMemory):
                    found[name] = run(session, _QUESTIONS[name].format(file=file, wallets=wallets)).to_pylist()
        if len(found) == len(_QUESTIONS):
            break
    return found


def _period(rows: Mapping[str, Any]) -> str:
    """From when to when rows are, and of which uid."""
    period = f", {text(rows['first'])} to {text(rows['last'])}" if rows.get("first") else ""
    return f"{period}, uid {rows['uid']}" if rows.get("uid") else period
