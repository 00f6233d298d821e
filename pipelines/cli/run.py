"""`binlake run`: one incremental pass."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.options import FLOWS_FILE, Config, FlowNames, Json, chosen, loaded
from pipelines.cli.output import say
from pipelines.cli.pulling import pull_each
from pipelines.context.progress import Progress
from pipelines.context.receipts import Receipt
from pipelines.runs.run import run_flow
from pipelines.service.server import apart, recorder
from pipelines.settings.credentials import unset_secret


async def run(
    *flows: FlowNames,
    again: Annotated[bool, Parameter(help="request at once the orders and fills that checks found missing")] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Fetch what is new since the last run. Flows whose key is not set are skipped and named."""
    spec, config = loaded(config), config.absolute()
    names = chosen(spec, flows)
    api = await asyncio.to_thread(recorder, config)
    say(f"Recorded by Prefect at {api.url}." if api else "No Prefect server is up; running directly, without a record.")

    async def pull(name: str, progress: Progress, stop: asyncio.Event) -> list[Receipt]:
        if not flows and (account := unset_secret(spec, name)):
            return [_skipped(name, account)]
        if api is None:
            return await run_flow(spec, name, progress=progress, stop=stop, again=again)
        from pipelines.service.recorder import recorded_run  # noqa: PLC0415 - Prefect takes a second or two to import

        return await recorded_run(config, name, api=api, progress=progress, stop=stop, again=again)

    with apart() if api else nullcontext():
        return await pull_each(names, pull, json=json)


def _skipped(name: str, account: str) -> Receipt:
    note = f"the key of account {account} is not set"
    return Receipt(flow=name, dataset="", market=None, account=account, outcome="skipped", note=note)
