"""What `binlake up` says of each flow run that ends; one that was due while the run before went on is skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

EVERY_S = 2.0
_OVERLAP = timedelta(seconds=30)  # the server notes the end of a run a little after it
_MOST = 200  # runs an answer may hold
_REFUSED = "Deployment concurrency limit reached."  # Prefect's word for a run that was due while the one before ran
_SKIPPED = "The run before was still going on; the next one does its work."
_NO_WORD = "ended without a word"
_instant = datetime.fromisoformat


async def watched(url: str, password: str, since: datetime) -> AsyncIterator[str]:
    """One line for each flow run that ends from that instant on, for as long as it is asked for.

    `url` and `password` are those of a Prefect server; this process need not import Prefect to ask it.
    """
    seen, known = set[str](), httpx.BasicAuth(*password.split(":", 1))
    async with httpx.AsyncClient(base_url=url, auth=known, trust_env=False) as client:
        while True:
            try:
                new = [run for run in await _ended(client, since) if run["id"] not in seen]
                ended = [await _settled(client, run) for run in new]
            except httpx.HTTPError:  # it is busy, and asked again, or about to end, as whoever started it knows
                ended = []
            for run in ended:
                seen.add(run["id"])
                yield line(run)
            since = max([since, *(_instant(run["end_time"]) - _OVERLAP for run in ended)])
            await asyncio.sleep(EVERY_S)


def line(run: dict[str, Any]) -> str:
    """A flow run that ended, in one line: when, which flow, how, how long it took, and what came or went wrong."""
    state = run["state"]
    took = f" in {run['total_run_time']:.1f} s" if run["run_count"] else ""
    said = " ".join((state["message"] or _NO_WORD).split())
    return f"{_instant(run['end_time']):%Y-%m-%d %H:%M:%S} {_flow(run)}: {state['name'].lower()}{took}: {said}"


async def _ended(client: httpx.AsyncClient, since: datetime) -> list[dict[str, Any]]:
    """The flow runs that ended since then, in that order."""
    wanted = {"flow_runs": {"end_time": {"after_": since.isoformat()}}, "sort": "END_TIME_DESC", "limit": _MOST}
    found: list[dict[str, Any]] = (await client.post("/flow_runs/filter", json=wanted)).raise_for_status().json()
    return found[::-1]


async def _settled(client: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    """The run; one that was due while the run before went on is no longer called cancelled, and has a flow's name."""
    if run["state"]["message"] != _REFUSED or run["run_count"]:
        return run
    state = {"type": "COMPLETED", "name": "Skipped", "message": _SKIPPED}
    due = _instant(run["expected_start_time"])
    url = f"/flow_runs/{run['id']}"
    await client.patch(url, json={"name": run_name(_flow(run), due)})
    done = await client.post(f"{url}/set_state", json={"state": state, "force": True})
    return run | {"state": state} if done.is_success else run


def run_name(flow: str, due: datetime) -> str:
    """What a flow run is called: its flow, and when it was due."""
    return f"{flow} {due.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _flow(run: dict[str, Any]) -> str:
    return str(run["parameters"].get("flow", run["name"]))
