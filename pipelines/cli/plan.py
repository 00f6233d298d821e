"""`binlake plan`: what a run would fetch, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.options import FLOWS_FILE, Config, FlowNames, Json, chosen, loaded
from pipelines.cli.output import say, write_json
from pipelines.cli.tables import write_table
from pipelines.estimate.flow import FlowPlan, plan_flows


async def plan(
    *flows: FlowNames,
    series: Annotated[bool, Parameter(help="one row per series instead of one per flow")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Show what a run would fetch, and what that costs: requests, weight, minutes, rows, bytes. Stores nothing."""
    spec = loaded(config)
    plans = await plan_flows(spec, chosen(spec, flows))
    show_plans(plans, series=series, json=json)
    return 0


def show_plans(plans: Sequence[FlowPlan], *, series: bool, json: bool) -> None:
    if json:
        write_json(plans)
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
