"""Where a plan looks: the lake as it is, with a listing of symbols that it may ask for and that nobody keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.context.progress import Silent
from pipelines.context.run_log import Journal
from pipelines.context.session import Session
from pipelines.runs.run import archive_for, reached
from pipelines.settings.markets import family_of
from schemas.config.flows import Flow, FlowsFile
from schemas.datasets import with_role
from schemas.model.dataset import Role


@contextmanager
def trial_lake(config: FlowsFile) -> Iterator[Lake]:
    """The lake for as long as this block, or an empty one where none is yet; what is written to it is gone after it.

    Only a listing may be written. UsageProblem for a lake of another environment.
    """
    environment = resolve(config.exchange).environment
    with TemporaryDirectory(prefix="binlake-plan-") as folder:
        if (config.lake / "lake.json").exists():
            yield Lake.at(config.lake).of(environment).trial(Path(folder), with_role(Role.LISTING))
        else:
            yield Lake.open(Path(folder), environment)


@asynccontextmanager
async def asking(config: FlowsFile, flow: Flow, lake: Lake, state: Path | None) -> AsyncIterator[Session]:
    """A session that asks the exchange and the archive what a plan has to know."""
    site = resolve(config.exchange)
    with Budget(state or default_path(), site.environment, share=config.budget) as budget:
        client = Client(site, budget, family=family_of(flow))
        async with archive_for(site, flow) as archive, reached(client, flow, archive):
            yield Session(lake=lake, client=client, journal=Journal("plan"), progress=Silent(), archive=archive)
