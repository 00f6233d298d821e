"""`binlake demo`: the whole thing offline, in about a minute, leaving nothing running."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from operator import attrgetter
from pathlib import Path
from string import Template
from typing import Any

from connectors.lake import Lake
from connectors.lake.sql import session as sql
from connectors.simulator.__main__ import DEMO_API_KEY, DEMO_SECRET
from pipelines.context.progress import Progress
from pipelines.context.receipts import Receipt
from pipelines.quality.checks import record, run_checks
from pipelines.service.processes import LOOPBACK, answering, free_port, running
from pipelines.service.server import Api, apart, server
from pipelines.settings.loader import load
from schemas.model.errors import CorruptData, Problem, UsageProblem

Say = Callable[[str], None]  # talk, one line: stderr
Show = Callable[[str, Sequence[str], Sequence[Sequence[Any]]], None]  # an answer, title, header, rows: stdout
Chart = Callable[[Sequence[datetime], Sequence[float]], None]  # a line over time: stdout
Watch = Callable[[str], AbstractContextManager[Progress]]  # pipelines.cli.progress.watching

HISTORY = timedelta(days=29)  # the simulated XRPUSDT has an outage every 28 days
START_S = 30.0
NOTEBOOK = "notebook.ipynb"
_MARK = ".binlake-demo"
_KEY, _SECRET = "BINLAKE_DEMO_API_KEY", "BINLAKE_DEMO_API_SECRET"

_RUNS = ("flow", "dataset", "outcome", "rows", "requests", "weight", "seconds")
_HISTORY = ("flow", "started", "state", "message")
_CHECKS = ("check", "severity", "offending rows", "promise")


async def demo(folder: Path, *, say: Say, show: Show, chart: Chart, watch: Watch, stop: asyncio.Event) -> None:
    """Pull a simulated exchange into `folder` through recorded Prefect flows, check it, and answer questions.

    Raises UsageProblem when the folder holds something else, Problem when a flow fails, CorruptData when a check does.
    """
    make_fresh(folder)
    say("Starting a simulated exchange and a private Prefect server; this takes about ten seconds.")
    place = await asyncio.to_thread(folder.absolute)
    with _environment(_variables(folder)), apart():
        await _pull(place, show, watch, stop)
    if not stop.is_set():
        lake = Lake.at(folder / "lake")
        check(lake, show)
        answer(lake, show)
        draw(lake, show, chart)


async def _pull(folder: Path, show: Show, watch: Watch, stop: asyncio.Event) -> None:
    home = folder / "prefect"
    async with _simulator(folder) as url, server(home, free_port(), secrets=(_KEY, _SECRET)) as prefect:
        path = write_flows(folder, url)
        for title in ("The first run pulls everything.", "The second pulls what is new; no candle comes twice."):
            receipts = await _run(path, prefect.api, watch, stop)
            show(title, _RUNS, list(map(attrgetter(*_RUNS), receipts)))
            if stop.is_set():
                return
        from pipelines.service.recorder import history  # noqa: PLC0415 - as below

        show("What Prefect recorded:", _HISTORY, await history(prefect.api))


def make_fresh(folder: Path) -> None:
    """An empty folder; only what an earlier demo left is deleted for it."""
    if (folder / _MARK).exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise UsageProblem(f"{folder} holds something else than an earlier demo.", "Name another with --folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _MARK).touch()
    (folder / NOTEBOOK).write_bytes(_beside(NOTEBOOK).read_bytes())


def _beside(name: str) -> Traversable:
    """A file that comes with this module."""
    return files("pipelines.service").joinpath(name)


def _variables(folder: Path) -> dict[str, str]:
    """The key of the simulated account, and every trace of the demo inside its folder."""
    state, home = folder.absolute() / "state", folder.absolute() / "prefect"
    return {_KEY: DEMO_API_KEY, _SECRET: DEMO_SECRET, "XDG_STATE_HOME": str(state), "PREFECT_HOME": str(home)}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@asynccontextmanager
async def _simulator(folder: Path) -> AsyncIterator[str]:
    """A simulated exchange with an account, in a process of its own; gives its address."""
    port, log = str(free_port()), folder / "simulator.log"
    argv = ["-m", "connectors.simulator", "--port", port, "--demo-account", str(HISTORY.days)]
    async with running(argv, env=os.environ, log=log) as process:
        url = f"http://{LOOPBACK}:{port}"
        # What lists the archive weighs nothing; other weight would be taken for that of a stranger (`foreign_weight`).
        await answering(f"{url}/", process, within_s=START_S, log=log)
        yield url


def write_flows(folder: Path, url: str) -> Path:
    """A flows.yaml for the exchange at that address."""
    path = folder / "flows.yaml"
    since = (datetime.now(UTC) - HISTORY).date()
    text = Template(_beside("demo.yaml").read_text("utf-8"))
    path.write_text(text.substitute(url=url, key=_KEY, secret=_SECRET, since=since), encoding="utf-8")
    return path


async def _run(path: Path, api: Api, watch: Watch, stop: asyncio.Event) -> list[Receipt]:
    """One pass of every flow, recorded. Problem when something failed: here nothing may."""
    from pipelines.service.recorder import recorded_run  # noqa: PLC0415 - Prefect reads the environment when it is imported

    receipts: list[Receipt] = []
    for name in load(path).flows:
        with watch(name) as progress:
            receipts += await recorded_run(path, name, api=api, progress=progress, stop=stop)
        if stop.is_set():
            break
    failures = [f"{failure.series}: {failure.why}" for receipt in receipts for failure in receipt.failures]
    if failures:
        raise Problem(f"A flow of the demo failed: {failures[0]}", "Please report it.")
    return receipts


def check(lake: Lake, show: Show) -> None:
    """Show every check that has something to say. CorruptData when one of severity error fails."""
    now = datetime.now(UTC)
    results = run_checks(lake, (), now)
    record(lake, results, "demo", now)
    failed = [result for result in results if not result.passed]
    rows = [(each.name, each.severity, each.offending_rows, each.promise) for each in failed]
    show(f"{len(results) - len(failed)} of {len(results)} checks pass.", _CHECKS if failed else (), rows)
    if any(result.breaks() for result in failed):
        raise CorruptData("A check of the demo failed.", "Please report it.")


def questions() -> list[tuple[str, str]]:
    """Each question with the SQL that a person would type; a line answers the last one."""
    _, *blocks = _beside("demo.sql").read_text("utf-8").split("\n\n")
    return [(block.partition("\n")[0].removeprefix("-- "), block.partition("\n")[2].strip()) for block in blocks]


def draw(lake: Lake, show: Show, chart: Chart) -> None:
    """Show the question that a line answers, its SQL and the line."""
    question, statement = questions()[-1]
    with sql.connect(lake) as connection:
        rows = sql.run(connection, statement).to_pylist()
    show(f"{question}\n{statement}", (), ())
    chart([row["open_time"] for row in rows], [row["close"] for row in rows])


def answer(lake: Lake, show: Show) -> None:
    """Show each question, its SQL and the answer."""
    with sql.connect(lake) as connection:
        for question, statement in questions()[:-1]:
            rows = sql.run(connection, statement)
            show(f"{question}\n{statement}", rows.column_names, [tuple(row.values()) for row in rows.to_pylist()])
