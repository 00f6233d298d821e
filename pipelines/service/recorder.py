"""Runs in this process, recorded by a Prefect server, and the runs that it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from pipelines.context.progress import Progress
from pipelines.context.receipts import Receipt
from pipelines.service.flows import FLOWS, WATCH, Watch
from pipelines.service.server import Api
from pipelines.settings.loader import flow_named, load
from schemas.model.errors import TryLater

SENT_S = 10.0


async def recorded_run(
    path: Path, name: str, *, api: Api, progress: Progress, stop: asyncio.Event, again: bool = False
) -> list[Receipt]:
    """One pass of a flow, as a flow run on the Prefect server at `api`."""
    kind = flow_named(load(path), name).kind
    watch = Watch(path, progress, stop, again)
    token = WATCH.set(watch)
    try:
        with asking(api):
            await FLOWS[kind](flow=name, return_state=True)
            await sent()
    except httpx.TransportError:
        if not watch.receipts and watch.error is None:  # else the work is done, and only its record is lost
            raise TryLater(f"The Prefect server at {api.url} ended; what was committed stays.") from None
    finally:
        WATCH.reset(token)
    if watch.error is not None:
        raise watch.error
    if not watch.receipts:
        raise TryLater(
            f"The Prefect server at {api.url} ended flow '{name}' before anything was pulled.",
            "Run again; the page of the flow run there says why.",
        )
    return watch.receipts


@contextmanager
def asking(api: Api) -> Iterator[None]:
    """Let Prefect's clients ask that server, with its password."""
    known = {PREFECT_API_URL: api.url, PREFECT_API_AUTH_STRING: api.password}
    with temporary_settings({setting: value for setting, value in known.items() if value is not None}):
        yield


async def sent() -> None:
    """Wait until the server has the logs and events that go to it behind the run; else exiting waits for them."""
    for worker in (APILogWorker, EventsWorker):
        await worker.drain_all(timeout=SENT_S, at_exit=False)  # type: ignore[misc]  # a coroutine inside a loop


async def history(api: Api) -> list[tuple[str, datetime | None, str, str]]:
    """Flow, start, state and message of each flow run that the server at `api` recorded, in the order they began."""
    with asking(api):
        async with get_client() as client:
            runs = await client.read_flow_runs(sort=FlowRunSort.START_TIME_ASC)
    return [
        (run.parameters["flow"], run.start_time, run.state_name or "", (run.state and run.state.message) or "")
        for run in runs
    ]
