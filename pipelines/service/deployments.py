"""The flows of flows.yaml as Prefect deployments on their schedules, served until interrupted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, FlowRun, State, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron, Interval, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from pipelines.service.flows import FLOWS, HOST, served_file
from pipelines.service.processes import alive
from pipelines.service.recorder import asking
from pipelines.service.server import Api
from pipelines.settings.credentials import unset_secret
from pipelines.settings.loader import load
from schemas.config.flows import Flow

TAG = "binlake"
FIRST_RUN_AFTER = timedelta(seconds=10)  # of `up`; then every so often


async def deployments(path: Path, *, now: datetime) -> list[RunnerDeployment]:
    """The flows of a file that can run here, as deployments with their schedules."""
    config = load(path)
    return [
        await FLOWS[flow.kind].ato_deployment(
            name,
            parameters={"flow": name},
            tags=[TAG],
            schedules=_schedules(flow, now),
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for name, flow in config.flows.items()
        if unset_secret(config, name) is None
    ]


def _schedules(flow: Flow, now: datetime) -> list[Schedule]:
    if flow.cron is not None:
        return [Cron(flow.cron, timezone="UTC")]
    return [Interval(flow.every, anchor_date=now + FIRST_RUN_AFTER, timezone="UTC")] if flow.every else []


async def serve(path: Path) -> None:
    """Run the flows of a file on their schedules, until interrupted. The server must be ours alone."""
    served = await deployments(path, now=datetime.now(UTC))
    async with get_client() as client:
        await _close(client, await _running(client))  # whatever ran them ended with the server before this one
        await _forget_others(client, served)
    runner = Runner(name=TAG, pause_on_shutdown=True)
    for deployment in served:
        await runner.aadd_deployment(deployment)
    await runner.start()


async def close_zombies(api: Api) -> int:
    """Close the runs on a server whose process on this machine was killed; how many there were."""
    with asking(api):
        async with get_client() as client:
            zombies = [run for run in await _running(client) if _is_gone(run.infrastructure_pid or "")]
            await _close(client, zombies)
    return len(zombies)


def _is_gone(process: str) -> bool:
    return process.startswith(HOST) and not alive(int(process.removeprefix(HOST)))


async def _running(client: PrefectClient) -> list[FlowRun]:
    types = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    return await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=types)))


async def _close(client: PrefectClient, runs: Sequence[FlowRun]) -> None:
    for run in runs:
        gone: State[None] = Crashed(message="The process that ran it is gone; what it committed stays.")
        await client.set_flow_run_state(run.id, gone, force=True)


async def _forget_others(client: PrefectClient, served: Sequence[RunnerDeployment]) -> None:
    """Delete the deployments of flows that the file no longer has."""
    names = {deployment.name for deployment in served}
    for deployment in await client.read_deployments():
        if TAG in deployment.tags and deployment.name not in names:
            await client.delete_deployment(deployment.id)


def main() -> None:
    """The process that `binlake up` starts beside the server."""
    try:
        asyncio.run(serve(served_file()))
    except KeyboardInterrupt:
        sys.exit(0)
