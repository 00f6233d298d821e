"""`binlake backfill`: history on demand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.options import FLOWS_FILE, Config, Json, chosen, loaded, moment
from pipelines.cli.options import month as month_begun
from pipelines.cli.output import write_json
from pipelines.cli.plan import show_plans
from pipelines.cli.pulling import pull_each
from pipelines.cli.tables import write_table
from pipelines.context.progress import Progress
from pipelines.context.receipts import Receipt
from pipelines.estimate.files import PlannedFile, planned_files
from pipelines.estimate.flow import plan_flows
from pipelines.runs.exports import run_exports
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile
from schemas.model.errors import UsageProblem
from schemas.model.grid import next_month


async def backfill(
    flow: Annotated[str, Parameter(help="a flow that pulls candles, trades or other history of a market")],
    *,
    since: Annotated[
        str | None, Parameter(help="first instant wanted, UTC, such as 2024-01-01; or 30d: so long ago")
    ] = None,
    until: Annotated[str | None, Parameter(help="first instant no longer wanted; now if not given")] = None,
    month: Annotated[str | None, Parameter(help="this month, YYYY-MM, instead of --since and --until")] = None,
    symbol: Annotated[tuple[str, ...], Parameter(help="only this symbol; can be repeated")] = (),
    reload: Annotated[bool, Parameter(help="fetch again what the lake holds, and replace what differs")] = False,
    use_quota: Annotated[
        bool,
        Parameter(
            help="instead of candles, have the exchange make files of an account's futures that its API no longer "
            "returns, and import them; spends its monthly quota"
        ),
    ] = False,
    dry_run: Annotated[bool, Parameter(help="show what it would cost; fetch nothing")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Fetch a flow's history of a market back to an instant; what the lake holds is fetched again only with --reload.

    The ledgers of an account need no backfill: set `since` of their flow earlier, and run it.

    If a check, an audit or `prove --against` shows that a month is wrong, `--reload --month YYYY-MM` fetches all
    that the lake holds of it again. What differs is replaced; `corrections` keeps both versions.
    """
    spec = loaded(config)
    (name,) = chosen(spec, [flow])
    window = replace(_window(since, until, month), symbols=tuple(symbol), again=reload)
    if use_quota:
        if symbol:
            raise UsageProblem("Files of futures are of all symbols.", "Remove --symbol or --use-quota.")
        return await _files(spec, name, window, dry_run=dry_run, json=json)
    if dry_run and reload:
        raise UsageProblem("--dry-run does not know what --reload costs.", "Use one of them.")
    if dry_run:
        show_plans(await plan_flows(spec, [name], window), series=False, json=json)
        return 0

    async def pull(name: str, progress: Progress, stop: asyncio.Event) -> list[Receipt]:
        return await run_flow(spec, name, window=window, progress=progress, stop=stop)

    return await pull_each([name], pull, json=json)


async def _files(spec: FlowsFile, name: str, window: Window, *, dry_run: bool, json: bool) -> int:
    """The files of an account's futures, or which there would be."""
    if dry_run:
        planned = await asyncio.to_thread(planned_files, spec, name, window)
        if json:
            write_json(planned)
        else:
            write_table(("market", "export", "since", "until", "asked for this month"), map(_planned_row, planned))
        return 0

    async def pull(name: str, progress: Progress, stop: asyncio.Event) -> list[Receipt]:
        return await run_exports(spec, name, window, progress=progress, stop=stop)

    return await pull_each([name], pull, json=json)


def _planned_row(file: PlannedFile) -> tuple[object, ...]:
    return file.market, file.export, file.since, file.until, f"{file.spent} of {file.quota}"


def _window(since: str | None, until: str | None, month: str | None) -> Window:
    if month is not None:
        if since is not None or until is not None:
            raise UsageProblem("--month says both ends.", "Remove --since and --until.")
        first = month_begun(month)
        return Window(first, next_month(first))
    if since is None:
        raise UsageProblem("No start is given.", "Add --since YYYY-MM-DD, or --month YYYY-MM.")
    window = Window(moment(since, "--since"), moment(until, "--until") if until else None)
    if window.until is not None and window.until <= window.since:
        raise UsageProblem(f"--since {since} is not before --until {until}.", "Swap them, or remove --until.")
    return window
