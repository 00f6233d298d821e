"""What is written down of a flow that failed beside its datasets, or before it came to them."""

from __future__ import annotations

from contextlib import suppress

from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.context.receipts import Failure, Receipt
from pipelines.context.run_log import Journal
from schemas.config.flows import FlowsFile
from schemas.model.errors import Problem
from schemas.model.instants import wall_clock


def note_failed_run(config: FlowsFile, name: str, error: Exception, started: int) -> None:
    """Write a row of `runs` with the reason, in a lake that is there and belongs to this exchange."""
    with suppress(Problem):  # such as a lake that cannot be read: what failed the flow is told all the same
        lake = Lake.at(config.lake)
        if lake.environment == resolve(config.exchange).environment:
            note_failure(lake, Journal(name), Receipt.of_flow(name, Failure.of(name, error)), started)


def note_failure(lake: Lake, journal: Journal, receipt: Receipt, started: int) -> None:
    """Write such a receipt as a row of `runs`, under the run of a journal whose rows are written already."""
    Journal(journal.flow, journal.run).write(lake, [(receipt, started, max(started, wall_clock()))])
