"""`binlake backfill`: history on demand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.options import FLOWS_FILE, Config, Json, chosen, loaded, moment
from pipelines.cli.options import month as month_begun
from pipelines.cli.plan import show_plans
from pipelines.cli.pulling import pull_each
from pipelines.context.progress import Progress
from pipelines.context.receipts import Receipt
from pipelines.estimate.flow import plan_flows
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
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
    dry_run: Annotated[bool, Parameter(help="show what it would cost; fetch nothing")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Fetch a flow's history of a market back to an instant; what the lake holds is fetched again only with --reload.

    The ledgers of an account need no backfill: set `since` of their flow earlier, and run it.

    If a check, an audit or `prove --against` shows that a month is wrong, `--reload --month YYYY-MM` fetches all its
    candles again. What differs is replaced; `corrections` keeps both versions.
    """
    spec = loaded(config)
    (name,) = chosen(spec, [flow])
    window = replace(_window(since, until, month), symbols=tuple(symbol), again=reload)
    if dry_run and reload:
        raise UsageProblem("--dry-run does not know what --reload costs.", "Use one of them.")
    if dry_run:
        show_plans(await plan_flows(spec, [name], window), series=False, json=json)
        return 0

    async def pull(name: str, progress: Progress, stop: asyncio.Event) -> list[Receipt]:
        return await run_flow(spec, name, window=window, progress=progress, stop=stop)

    return await pull_each([name], pull, json=json)


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
