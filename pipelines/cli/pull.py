"""The verbs that fill the lake: plan, run, backfill."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.options import FLOWS_FILE, Config, Json, chosen, loaded, moment
from pipelines.cli.output import say, write_json, write_table
from pipelines.cli.problems import INTERRUPTED
from pipelines.cli.progress import watching
from pipelines.cli.stopping import stopping
from pipelines.context.progress import Progress
from pipelines.context.receipts import Failure, Receipt, worst
from pipelines.estimate.flow import FlowPlan, plan_flow
from pipelines.runs.registry import Window
from pipelines.runs.run import backfill as pull_history
from pipelines.runs.run import run_flow
from pipelines.service.server import recorder
from pipelines.settings.credentials import unset_secret
from schemas.config.values import shown
from schemas.model.errors import UsageProblem

SHOWN_FAILURES = 20

Pull = Callable[[str, Progress, asyncio.Event], Awaitable[list[Receipt]]]
FlowNames = Annotated[str, Parameter(help="flows by name; all of the file without")]


async def plan(
    *flows: FlowNames,
    series: Annotated[bool, Parameter(negative="", help="one row a series instead of one a flow")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Say what a run would fetch, and what that costs: requests, weight, minutes, rows, bytes; fetches nothing."""
    spec = loaded(config)
    plans = [await plan_flow(spec, name) for name in chosen(spec, flows)]
    _show_plans(plans, series=series, json=json)
    return 0


async def run(
    *flows: FlowNames,
    again: Annotated[
        bool, Parameter(negative="", help="ask now for what the checks of orders and fills found lacking, not in hours")
    ] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """One incremental pass: whatever is new since the last one. Flows whose key is not set are skipped and named."""
    spec = loaded(config)
    names = chosen(spec, flows)
    api = await asyncio.to_thread(recorder, config)
    say(f"Recorded by Prefect at {api.url}." if api else "No Prefect server is up; running directly, without a record.")

    async def pull(name: str, progress: Progress, stop: asyncio.Event) -> list[Receipt]:
        if not flows and (account := unset_secret(spec, name)):
            return [_skipped(name, account)]
        if api is None:
            return await run_flow(spec, name, progress=progress, stop=stop, again=again)
        from pipelines.service.flows import recorded_run  # noqa: PLC0415 - Prefect takes a second or two to import

        return await recorded_run(config, name, api=api, progress=progress, stop=stop, again=again)

    return await pull_each(names, pull, json=json)


async def backfill(
    flow: Annotated[str, Parameter(help="a flow that pulls klines")],
    *,
    since: Annotated[str | None, Parameter(help="first instant wanted, such as 2024-01-01, UTC")] = None,
    until: Annotated[str | None, Parameter(help="first instant no longer wanted; up to now without")] = None,
    month: Annotated[str | None, Parameter(help="this month, YYYY-MM, instead of --since and --until")] = None,
    symbol: Annotated[
        tuple[str, ...], Parameter(negative="", help="only this symbol; may be given more than once")
    ] = (),
    reload: Annotated[
        bool, Parameter(negative="", help="load again what the lake holds of it, and replace what differs")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="say what it would cost, fetch nothing")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """History on demand: a flow's candles back to an instant. What the lake holds is not fetched again but by --reload.

    Where a check, an audit or `prove --against` shows a month to be wrong, `--reload --month YYYY-MM` asks for all of
    its candles again. What differs is replaced, and both versions stay in `corrections`.
    """
    spec = loaded(config)
    (name,) = chosen(spec, [flow])
    window = replace(_window(since, until, month), symbols=tuple(symbol), again=reload)
    if dry_run and reload:
        raise UsageProblem("--dry-run does not know what --reload costs.", "Leave one of them away.")
    if dry_run:
        _show_plans([await plan_flow(spec, name, window)], series=False, json=json)
        return 0

    async def pull(name: str, progress: Progress, stop: asyncio.Event) -> list[Receipt]:
        return await pull_history(spec, name, window, progress=progress, stop=stop)

    return await pull_each([name], pull, json=json)


def _window(since: str | None, until: str | None, month: str | None) -> Window:
    if month is not None:
        if since is not None or until is not None:
            raise UsageProblem("--month says both ends.", "Leave --since and --until away.")
        return _month(month)
    if since is None:
        raise UsageProblem("Say from when on.", "Add --since YYYY-MM-DD, or --month YYYY-MM.")
    window = Window(moment(since, "--since"), moment(until, "--until") if until else None)
    if window.until is not None and window.until <= window.since:
        raise UsageProblem(f"--since {since} is not before --until {until}.", "Swap them, or leave --until away.")
    return window


def _month(text: str) -> Window:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise UsageProblem(f"--month: {shown(text)} is no month.", "Write it as YYYY-MM.")
    first = moment(f"{text}-01", "--month")
    return Window(first, (first + timedelta(days=32)).replace(day=1))


async def pull_each(names: Sequence[str], pull: Pull, *, json: bool) -> int:
    """Pull one flow after the other; a problem of one does not stop the next."""
    receipts: list[Receipt] = []
    with stopping() as stop:
        for name in names:
            with watching(name) as progress:
                done = await _attempted(name, pull(name, progress, stop))
            say(*map(_line, done))
            receipts += done
            if stop.is_set():
                break
    if json:
        write_json([receipt.to_json() for receipt in receipts])
    _show_failures([failure for receipt in receipts for failure in receipt.failures])
    return worst([*(receipt.exit_code for receipt in receipts), INTERRUPTED if stop.is_set() else 0])


async def _attempted(name: str, pulling: Awaitable[list[Receipt]]) -> list[Receipt]:
    try:
        return await pulling
    except UsageProblem:
        raise  # what is wrong with the file or the lake is wrong for every flow
    except Exception as error:  # noqa: BLE001 - one flow's surprise stops no other
        return [Receipt.of_flow(name, Failure.of(name, error))]


def _skipped(name: str, account: str) -> Receipt:
    note = f"the key of account {account} is not set"
    return Receipt(flow=name, dataset="", market=None, account=account, outcome="skipped", note=note)


def _line(receipt: Receipt) -> str:
    """One line a dataset, with numbers."""
    what = " ".join(word for word in (f"{receipt.flow}:", receipt.dataset, receipt.where) if word)
    if receipt.outcome == "skipped":
        return f"{what} skipped, {receipt.note}"
    pulled = f"{receipt.rows:,} rows, {receipt.requests:,} requests, weight {receipt.weight:,}, "
    counts = f"{pulled if receipt.requests else ''}{receipt.seconds:.1f} s"
    failed = f", {len(receipt.failures)} failed" if receipt.failures else ""
    note = f" ({receipt.note})" if receipt.note else ""
    return f"{what} {receipt.outcome}, {counts}{failed}{note}"


def _show_failures(failures: Sequence[Failure]) -> None:
    if not failures:
        return
    rows = [(failure.series, failure.why) for failure in failures[:SHOWN_FAILURES]]
    write_table(("failed", "why"), rows, stream=sys.stderr)
    if len(failures) > SHOWN_FAILURES:
        say(f"... and {len(failures) - SHOWN_FAILURES:,} more; --json names them all.")


def _show_plans(plans: Sequence[FlowPlan], *, series: bool, json: bool) -> None:
    if json:
        write_json([plan.to_json() for plan in plans])
    elif series:
        header = ("flow", "series", "files", "download MB", "requests", "weight", "rows", "note")
        write_table(header, _series_rows(plans))
    else:
        sizes = ("files", "download MB", "requests", "weight", "minutes", "rows", "lake MB")
        write_table(("flow", "series", *sizes, "weight of each later run"), map(_plan_row, plans))
    say(*(f"Flow {plan.flow}: {plan.note}" for plan in plans if plan.note))
    say(*(f"WARNING, flow {plan.flow}: {plan.warning}" for plan in plans if plan.warning))


def _series_rows(plans: Sequence[FlowPlan]) -> list[tuple[object, ...]]:
    return [
        (plan.flow, one.series, one.files, _mb(one.download_bytes), one.requests, one.weight, one.rows, one.note)
        for plan in plans
        for one in plan.series
    ]


def _plan_row(plan: FlowPlan) -> tuple[object, ...]:
    files = plan.files, _mb(plan.download_bytes)
    asked = plan.requests, plan.weight, plan.minutes
    return plan.flow, len(plan.series), *files, *asked, plan.rows, _mb(plan.bytes), plan.steady_weight


def _mb(size_bytes: int) -> float:
    return round(size_bytes / 1e6, 1)
