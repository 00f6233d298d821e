"""Which runs go on, and which ended without a word: their process was killed, or the machine lost power.

A run holds a lock file under its identifier and removes it in the end. The system lets go of the lock with the process,
so a file that is there and not held is of a run that was killed. What failed beside the datasets of a run, or before it
came to them, is written down here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc

from connectors.binance.sites import resolve
from connectors.lake import Lake
from connectors.lake.files.local_disk import held, held_by_another, make_folder, sync
from pipelines.context.receipts import Failure, Receipt
from pipelines.context.run_log import Journal
from schemas.config.flows import FlowsFile
from schemas.datasets.journal import RUNS
from schemas.model.errors import Problem
from schemas.model.instants import micros, wall_clock

KILLED = (
    "The process was killed, or the machine lost power. What was committed stays, and the next run goes on from there."
)
_RUN = re.compile(r"(?P<started>\d{8}T\d{6}Z)-(?P<flow>.+)-[0-9a-f]{6}")  # as a Journal makes it


@dataclass(frozen=True, slots=True)
class UnendedRun:
    """A run that has not said how it ended: it goes on, or was killed."""

    place: Path
    flow: str
    started: datetime
    going_on: bool

    @property
    def run(self) -> str:
        return self.place.name


@contextmanager
def noted_as_running(lake: Lake, run: str) -> Iterator[None]:
    """Have a run known to go on for as long as this block, and write down first which others were killed."""
    with ExitStack() as stack:
        # One that begins is not held yet for a moment, and must not be taken for one that was killed.
        with suppress(OSError, Problem), held(lake.locks / "runs.lock"):  # a full disk is told by what has to be kept
            _note_killed(lake)
            stack.enter_context(_held_file(_folder(lake) / run, below=lake.path))
        yield


def unended_runs(lake: Lake) -> list[UnendedRun]:
    """Every run that goes on or was killed, the last one to start last; it writes nothing and waits for nobody."""
    found: list[UnendedRun] = []
    for place in _folder(lake).glob("*"):
        if name := _RUN.fullmatch(place.name):
            started = datetime.strptime(name["started"], "%Y%m%dT%H%M%S%z")
            with suppress(OSError):  # it ended meanwhile
                going_on = held_by_another(place)
                if place.exists():
                    found.append(UnendedRun(place, name["flow"], started.astimezone(UTC), going_on))
    return sorted(found, key=lambda one: one.started)


def _folder(lake: Lake) -> Path:
    return lake.locks / "runs"


@contextmanager
def _held_file(place: Path, below: Path) -> Iterator[None]:
    make_folder(place.parent, below)
    with held(place, patience_s=0):
        sync(place.parent)
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def _note_killed(lake: Lake) -> None:
    """Write a row of `runs` for each run that was killed, once."""
    for one in unended_runs(lake):
        if not one.going_on and (_is_written(lake, one) or _write(lake, one)):
            one.place.unlink(missing_ok=True)


def _is_written(lake: Lake, one: UnendedRun) -> bool:
    """Whether its rows are there: it was killed after them, or whoever wrote them was."""
    return lake.table(RUNS).scan(["run"], pc.field("run") == one.run).num_rows > 0


def _write(lake: Lake, one: UnendedRun) -> bool:
    receipt = replace(Receipt.of_flow(one.flow, Failure(one.flow, KILLED)), outcome="interrupted")
    return not Journal(one.flow, one.run).write(lake, [(receipt, micros(one.started), micros(one.started))])


def note_failed_run(config: FlowsFile, name: str, error: Exception, started: int) -> None:
    """Write a row of `runs` with the reason, in a lake that is there and belongs to this exchange."""
    with suppress(Problem):  # such as a lake that cannot be read: what failed the flow is told all the same
        lake = Lake.at(config.lake)
        if lake.environment == resolve(config.exchange).environment:
            note_failure(lake, Journal(name), Receipt.of_flow(name, Failure.of(name, error)), started)


def note_failure(lake: Lake, journal: Journal, receipt: Receipt, started: int) -> None:
    """Write such a receipt as a row of `runs`, under the run of a journal whose rows are written already."""
    Journal(journal.flow, journal.run).write(lake, [(receipt, started, max(started, wall_clock()))])
