"""The Prefect side, and the only file that imports it: thin flows over `pipelines.runs.run`, and their deployments.

A flow is told a name in flows.yaml, never a secret; no row crosses a task boundary. Where flows.yaml lies decides where
keys are sent, so the process that runs a flow knows it, and Prefect is not asked. What goes wrong reaches Prefect as
the sentence of a failed state, because it keeps the text of exceptions, and pickles of them.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Any
from uuid import UUID

import httpx
import prefect
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runner import Runner
from prefect.runtime import flow_run
from prefect.schedules import Cron, Interval, Schedule
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Completed, Crashed, Failed
from prefect.types.entrypoint import EntrypointType

from pipelines.context.progress import Progress, Silent
from pipelines.context.receipts import Receipt, worst
from pipelines.context.surprises import told
from pipelines.runs.registry import Unit
from pipelines.runs.run import Run, run_flow
from pipelines.service.processes import alive
from pipelines.service.server import SERVED_FILE, Api
from pipelines.settings.credentials import unset_secret
from pipelines.settings.loader import flow_named, load
from schemas.config.flows import Flow
from schemas.model.errors import Problem, TryLater, UsageProblem

TAG = "binlake"
ADVANCED = "binlake.dataset.advanced"
SENT_S = 10.0
FIRST_RUN_AFTER = timedelta(seconds=10)  # of `up`; then every so often
_HOST = f"{gethostname()}:"  # before the number of a process
_FAILED, _INTERRUPTED = Problem.exit_code, 130
_SHOWN_FAILURES = 5


@dataclass(slots=True)
class Watch:
    """What passes between a flow and whoever runs it in the same process, without passing through Prefect."""

    path: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    again: bool = False
    receipts: list[Receipt] = field(default_factory=list)
    error: Exception | None = None


_watch: ContextVar[Watch] = ContextVar("watch")


@prefect.flow(name="market", flow_run_name="{flow}", persist_result=False)
async def market(flow: str) -> State[None]:
    """Pull what a market prints, as the flow of that name in flows.yaml says."""
    return await _run(flow)


@prefect.flow(name="account", flow_run_name="{flow}", persist_result=False)
async def account(flow: str) -> State[None]:
    """Pull what an account holds, as the flow of that name in flows.yaml says."""
    return await _run(flow)


@prefect.flow(name="maintenance", flow_run_name="{flow}", persist_result=False)
async def maintenance(flow: str) -> State[None]:
    """Merge small files and tidy the logs of the lake that flows.yaml names."""
    return await _run(flow)


FLOWS = {each.name: each for each in (market, account, maintenance)}


async def _run(name: str) -> State[None]:
    await _sign()
    watch = _watch.get(None) or Watch()
    try:
        config = load(watch.path or _served_file())
        watch.receipts = await run_flow(
            config, name, progress=watch.progress, stop=watch.stop, again=watch.again, pull=_as_task
        )
    except Exception as error:  # noqa: BLE001 - its text may hold what is secret, and Prefect would keep it
        watch.error = error
        return Failed(message=told(error)[1])
    await _summarise(name, watch.receipts)
    return _state(watch.receipts)


def _served_file() -> Path:
    """The flows.yaml that `binlake up` has told this process."""
    path = os.environ.get(SERVED_FILE)
    if path is None:
        raise UsageProblem("No flows.yaml is served here.", "`binlake up` and `binlake run` say which one.")
    return Path(path)


async def _sign() -> None:
    """Note which process runs this flow run, so that `close_zombies` can tell whether it is gone."""
    async with get_client() as client:
        await client.update_flow_run(UUID(flow_run.id), infrastructure_pid=f"{_HOST}{os.getpid()}")


class _Work:
    """A unit on its way through a task, and what came of it; no dataclass, since Prefect would walk through it."""

    def __init__(self, run: Run, unit: Unit) -> None:
        self.run = run
        self.unit = unit
        self.receipt: Receipt | None = None
        self.error: Exception | None = None

    async def attempt(self) -> Receipt:
        pull = self.run.pull if self.receipt is None else self.run.pull_again
        self.receipt = await pull(self.unit)
        return self.receipt

    @property
    def hopeful(self) -> bool:
        """Whether the unit failed as a whole, with what may be over soon; the next run is there for all else."""
        failed = self.receipt is not None and any(
            failure.series == self.unit.where and failure.exit_code == _FAILED for failure in self.receipt.failures
        )
        return failed and not self.run.session.stop.is_set()


async def _worth_retrying(_task: object, _run: object, state: State[Any]) -> bool:
    work = await state.aresult(raise_on_failure=False)
    return isinstance(work, _Work) and work.hopeful


@prefect.task(
    name="pull",
    task_run_name="{dataset}-{where}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_jitter_factor=0.5,
    retry_condition_fn=_worth_retrying,
)
async def _pull(dataset: str, where: str, work: _Work) -> State[_Work]:  # noqa: ARG001 - they name the task run
    try:
        receipt = await work.attempt()
    except Exception as error:  # noqa: BLE001 - as above
        work.error = error
        return Failed(message=told(error)[1])
    if receipt.rows:
        _tell(work.run, receipt)
    return _state([receipt], work)


async def _as_task(run: Run, unit: Unit) -> Receipt:
    """Pull a unit as a task of the flow run that this is."""
    work = _Work(run, unit)
    await _pull(unit.dataset, unit.where, work)
    if work.error is not None:
        raise work.error
    assert work.receipt is not None  # noqa: S101 - a task ends with either
    return work.receipt


def _state(receipts: Sequence[Receipt], data: Any = None) -> State[Any]:
    code = worst(receipt.exit_code for receipt in receipts)
    notes = "".join(f" ({receipt.note})" for receipt in receipts if receipt.note)
    if code == _INTERRUPTED:
        return Cancelled(message=f"Interrupted; what was committed stays.{notes}", data=data)
    if code:
        return Failed(message=f"{_why(receipts)}{notes}", data=data)
    return Completed(message=f"{sum(receipt.rows for receipt in receipts):,} rows{notes}", data=data)


def _why(receipts: Sequence[Receipt]) -> str:
    sentences = [f"{failure.series}: {failure.why}" for receipt in receipts for failure in receipt.failures]
    more = f" (And {len(sentences) - _SHOWN_FAILURES} more.)" if len(sentences) > _SHOWN_FAILURES else ""
    return " ".join(sentences[:_SHOWN_FAILURES]) + more


def _tell(run: Run, receipt: Receipt) -> None:
    environment = run.session.lake.environment
    emit_event(
        ADVANCED,
        resource={
            "prefect.resource.id": f"binlake.{environment}.{receipt.dataset}.{receipt.where}",
            "prefect.resource.name": receipt.dataset,
        },
        payload={"flow": receipt.flow, "market": receipt.market, "account": receipt.account, "rows": receipt.rows},
    )


async def _summarise(name: str, receipts: Sequence[Receipt]) -> None:
    """Keep one table a run, under a key that gives the flow a history."""
    table = [
        {
            "dataset": receipt.dataset,
            "of": receipt.where,
            "outcome": receipt.outcome,
            "rows": receipt.rows,
            "requests": receipt.requests,
            "weight": receipt.weight,
            "seconds": receipt.seconds,
            "failed": _why([receipt]),
            "note": receipt.note,
        }
        for receipt in receipts
    ]
    await acreate_table_artifact(table=table, key=artifact_key(name), description=f"What flow {name} did")


def artifact_key(name: str) -> str:
    """The key of a flow's summaries; Prefect allows lower-case letters, digits and dashes."""
    return f"binlake-{name.lower().replace('_', '-')}"


async def recorded_run(
    path: Path, name: str, *, api: Api, progress: Progress, stop: asyncio.Event, again: bool = False
) -> list[Receipt]:
    """One pass of a flow, as a flow run on the Prefect server at `api`."""
    kind = flow_named(load(path), name).kind
    watch = Watch(path, progress, stop, again)
    token = _watch.set(watch)
    try:
        with _asking(api):
            await FLOWS[kind](flow=name, return_state=True)
            await _sent()
    except httpx.TransportError:
        if not watch.receipts and watch.error is None:  # else the work is done, and only its record is lost
            raise TryLater(f"The Prefect server at {api.url} ended; what was committed stays.") from None
    finally:
        _watch.reset(token)
    if watch.error is not None:
        raise watch.error
    if not watch.receipts:
        raise TryLater(
            f"The Prefect server at {api.url} ended flow '{name}' before anything was pulled.",
            "Run again; the page of the flow run there says why.",
        )
    return watch.receipts


@contextmanager
def _asking(api: Api) -> Iterator[None]:
    """Let Prefect's clients ask that server, with its password."""
    known = {PREFECT_API_URL: api.url, PREFECT_API_AUTH_STRING: api.password}
    with temporary_settings({setting: value for setting, value in known.items() if value is not None}):
        yield


async def _sent() -> None:
    """Wait until the server has the logs and events that go to it behind the run; else exiting waits for them."""
    for worker in (APILogWorker, EventsWorker):
        await worker.drain_all(timeout=SENT_S, at_exit=False)  # type: ignore[misc]  # a coroutine inside a loop


@dataclass(frozen=True, slots=True)
class Recorded:
    """A flow run as Prefect remembers it."""

    flow: str
    started: datetime | None
    state: str
    message: str


async def history(api: Api) -> list[Recorded]:
    """The flow runs that the server at `api` has recorded, in the order they began."""
    with _asking(api):
        async with get_client() as client:
            runs = await client.read_flow_runs(sort=FlowRunSort.START_TIME_ASC)
    return [
        Recorded(run.name, run.start_time, run.state_name or "", (run.state and run.state.message) or "")
        for run in runs
    ]


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
    with _asking(api):
        async with get_client() as client:
            zombies = [run for run in await _running(client) if _is_gone(run.infrastructure_pid or "")]
            await _close(client, zombies)
    return len(zombies)


def _is_gone(process: str) -> bool:
    return process.startswith(_HOST) and not alive(int(process.removeprefix(_HOST)))


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
        asyncio.run(serve(_served_file()))
    except KeyboardInterrupt:
        sys.exit(0)
