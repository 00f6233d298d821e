"""Thin Prefect flows over `pipelines.runs.run`: one per kind of flow, with one task per dataset.

A flow is told a name in flows.yaml, never a secret; no row crosses a task boundary. Where flows.yaml lies decides where
keys are sent, so the process that runs a flow knows it, and Prefect is not asked. What goes wrong reaches Prefect as
the sentence of a failed state, because it keeps the text of exceptions, and pickles of them.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import Any
from uuid import UUID

import prefect
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from connectors.lake import Lake
from pipelines.context.progress import Progress, Silent
from pipelines.context.receipts import Receipt, worst
from pipelines.context.surprises import told
from pipelines.runs.registry import Unit
from pipelines.runs.run import Run, run_flow
from pipelines.service.run_summary import summary
from pipelines.service.run_watch import run_name
from pipelines.service.server import SERVED_FILE
from pipelines.settings.loader import load
from schemas.config.flows import FlowsFile
from schemas.model.counted import counted
from schemas.model.errors import Problem, UsageProblem

ADVANCED = "binlake.dataset.advanced"
HOST = f"{gethostname()}:"  # before the number of a process
_FAILED, _INTERRUPTED = Problem.exit_code, 130


@dataclass(slots=True)
class Watch:
    """What passes between a flow and whoever runs it in the same process, without passing through Prefect."""

    path: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    again: bool = False
    receipts: list[Receipt] = field(default_factory=list)
    error: Exception | None = None


WATCH: ContextVar[Watch] = ContextVar("watch")


def _run_name() -> str:
    return run_name(flow_run.parameters["flow"], flow_run.scheduled_start_time)


@prefect.flow(name="market", flow_run_name=_run_name, persist_result=False)
async def market(flow: str) -> State[None]:
    """Pull what a market prints, as the flow of that name in flows.yaml says."""
    return await _run(flow)


@prefect.flow(name="account", flow_run_name=_run_name, persist_result=False)
async def account(flow: str) -> State[None]:
    """Pull what an account holds, as the flow of that name in flows.yaml says."""
    return await _run(flow)


@prefect.flow(name="maintenance", flow_run_name=_run_name, persist_result=False)
async def maintenance(flow: str) -> State[None]:
    """Merge small files and tidy the logs of the lake that flows.yaml names."""
    return await _run(flow)


def _end_in_silence() -> None:
    """Have nothing printed after the last word of Python: DuckDB would count what Prefect's threads still hold."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if SERVED_FILE in os.environ:  # a process of `binlake up`, whose log a person reads
    atexit.register(_end_in_silence)

FLOWS = {each.name: each for each in (market, account, maintenance)}


async def _run(name: str) -> State[None]:
    await _sign()
    watch = WATCH.get(None) or Watch()
    try:
        config = load(watch.path or served_file())
        watch.receipts = await run_flow(
            config, name, progress=watch.progress, stop=watch.stop, again=watch.again, pull=_as_task
        )
    except Exception as error:  # noqa: BLE001 - its text may hold what is secret, and Prefect would keep it
        watch.error = error
        return Failed(message=told(error)[1])
    await _summarise(config, name, watch.receipts)
    return _state(watch.receipts)


def served_file() -> Path:
    """The flows.yaml that `binlake up` has told this process."""
    path = os.environ.get(SERVED_FILE)
    if path is None:
        raise UsageProblem("No flows.yaml is served here.", "`binlake up` and `binlake run` say which one.")
    return Path(path)


async def _sign() -> None:
    """Note which process runs this flow run, so that `close_zombies` can tell whether it is gone."""
    async with get_client() as client:
        await client.update_flow_run(UUID(flow_run.id), infrastructure_pid=f"{HOST}{os.getpid()}")


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
    get_run_logger().info(receipt.line())
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
        why = " ".join(receipt.why() for receipt in receipts if receipt.failures)
        return Failed(message=f"{why}{notes}", data=data)
    return Completed(message=f"{counted(sum(receipt.rows for receipt in receipts), 'row')}{notes}", data=data)


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


async def _summarise(config: FlowsFile, name: str, receipts: Sequence[Receipt]) -> None:
    """Keep one table per run, under a key that gives the flow a history. Its description begins with what counts."""
    brought = counted(sum(receipt.rows for receipt in receipts), "row")
    ended = "Failed" if worst(receipt.exit_code for receipt in receipts) else "Done"
    table, checks = await asyncio.to_thread(summary, Lake.at(config.lake), receipts, datetime.now(UTC))
    description = f"{ended}, {brought}. What flow {name} did, and how the lake stands. {checks}"
    await acreate_table_artifact(table=table, key=artifact_key(name), description=description)


def artifact_key(name: str) -> str:
    """The key of a flow's summaries; Prefect allows lower-case letters, digits and dashes."""
    return f"binlake-{name.lower().replace('_', '-')}"
