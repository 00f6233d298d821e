"""One run of one flow: open the lake and the exchange, pull each dataset, write down what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import has_archive
from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.endpoints import CLOCKS
from connectors.binance.key_guard import check_key
from connectors.binance.keys import KeyPair
from connectors.binance.sites import Site, resolve
from connectors.lake import Lake
from pipelines.context.key_log import note_key
from pipelines.context.progress import Progress, following
from pipelines.context.receipts import Failure, Outcome, Receipt, Tally
from pipelines.context.run_log import Journal
from pipelines.context.session import Session
from pipelines.pull.files_again import FileReload
from pipelines.pull.symbol_selection import Chosen, choose
from pipelines.runs.allocator import reuse_memory
from pipelines.runs.registry import Task, Unit, Window, file_pull, pull_minutes, units_of
from pipelines.runs.reloading import load_of
from pipelines.runs.unended_runs import note_failed_run, note_failure, noted_as_running
from pipelines.runs.upkeep import keep_up, tidy
from pipelines.settings.credentials import keys_for
from pipelines.settings.loader import flow_named
from pipelines.settings.markets import by_archive_alone, family_of
from pipelines.settings.rates import keep_rates
from schemas.config.flows import TRADED, AccountFlow, Flow, FlowsFile, MaintenanceFlow, MarketFlow
from schemas.datasets.journal import KEY_FACTS
from schemas.model.errors import AccessRefused, Problem, TryLater, UsageProblem
from schemas.model.grid import SECOND_US
from schemas.model.instants import wall_clock

Pause = Callable[[float], Awaitable[object]]
_HOPELESS = {TryLater.exit_code, AccessRefused.exit_code}


@dataclass(slots=True)
class Run:
    """An open run: pull its units in any order; what they did is written down when it closes."""

    config: FlowsFile
    flow: Flow
    session: Session
    units: tuple[Unit, ...]
    window: Window | None = None
    note: str = ""
    receipts: list[tuple[Receipt, int, int]] = field(default_factory=list)
    unwritten: list[Failure] = field(default_factory=list)  # tables of the journal that took no rows
    _chosen: dict[MarketFlow, Chosen] = field(default_factory=dict)

    async def pull(self, unit: Unit) -> Receipt:
        """Pull one dataset. What goes wrong with it is in the receipt; what stops everything is there too."""
        began_s, before = time.monotonic(), len(self.session.journal.requests)
        tally = Tally(self.session.progress)
        outcome: Outcome = "failed"  # until it is known better
        try:
            await self._pull(unit, tally)
            outcome = "failed" if tally.failures else "done"
        except Exception as error:  # noqa: BLE001 - one dataset's surprise stops no other
            tally.fail(unit.where, error)
        except asyncio.CancelledError:
            outcome = "interrupted"
            raise
        finally:
            # The exchange's clock may have been measured meanwhile: only our own says how long it took.
            ended, took_s = self.session.client.now_us(), time.monotonic() - began_s
            receipt = self._receipt(unit, tally, outcome, before, took_s)
            self.receipts.append((receipt, ended - round(took_s * SECOND_US), ended))
        return receipt

    async def pull_again(self, unit: Unit) -> Receipt:
        """Pull the dataset once more that has just failed as a whole; its one receipt counts both times."""
        first, started, _ = self.receipts.pop()
        try:
            await self.pull(unit)
        finally:
            last, _, ended = self.receipts.pop()
            self.receipts.append((last.after(first), started, ended))
        return self.receipts[-1][0]

    def _receipt(self, unit: Unit, tally: Tally, outcome: Outcome, before: int, took_s: float) -> Receipt:
        requests = self.session.journal.requests[before:]
        note = " ".join(filter(None, [self.note, *self.session.notes]))
        self.note = ""  # what a person should know is said once
        self.session.notes.clear()
        return Receipt(
            flow=unit.flow,
            dataset=unit.dataset,
            market=unit.market,
            account=unit.account,
            outcome="interrupted" if outcome == "done" and self.session.stop.is_set() else outcome,
            rows=tally.rows,
            requests=len(requests),
            weight=sum(request.weight for request in requests),
            seconds=round(took_s, 3),
            failures=tuple(dict.fromkeys(tally.failures)),  # one that is asked for twice in a run is told once
            note=note,
        )

    async def _pull(self, unit: Unit, tally: Tally) -> None:
        flow = unit.of_market or self.flow
        if isinstance(flow, MaintenanceFlow):
            tally.rows += await keep_up(self.session, unit.dataset, by_archive_alone(self.config))
            return
        if isinstance(flow, MarketFlow) and unit.by_file:
            chosen = await self.symbols(flow)
            tally.failures += chosen.unknown
            names = chosen.filed(unit.dataset).names
            pull = file_pull(self.session, tally, unit, flow, names, self.window)
            again = self.window is not None and self.window.again
            await (FileReload(pull, load_of(unit.dataset)) if again else pull).run()
        if isinstance(flow, MarketFlow) and unit.of_minutes:
            await pull_minutes(self.session, tally, flow, await self.symbols(flow))
        if isinstance(flow, MarketFlow) and flow.of_account and not unit.of_minutes and self.config.rates is not None:
            await self._keep_rates(tally, self.config.rates)
        for endpoint in unit.endpoints:
            tally.on_other_host = not self.session.client.at_home(endpoint)
            task = Task(
                session=self.session,
                tally=tally,
                endpoint=endpoint,
                flow=flow,
                symbols=self.symbols,
                window=self.window,
                budget=self.config.budget,
            )
            await self._part(unit, task)
            if self.session.stop.is_set():
                return

    async def _keep_rates(self, tally: Tally, path: Path) -> None:
        """Store the rates that a person gives; a file that cannot be read costs nothing else."""
        try:
            await asyncio.to_thread(keep_rates, self.session.lake, path, self.session.client.now_us())
        except Problem as problem:
            tally.fail(path.name, problem)

    @staticmethod
    async def _part(unit: Unit, task: Task) -> None:
        """Pull one part of a dataset; what goes wrong with it stops no other, unless it concerns them all."""
        try:
            await task.pull()
        except Exception as error:
            failure = Failure.of(f"{unit.where}/{task.endpoint.name}", error, alone=task.tally.on_other_host)
            if len(unit.endpoints) == 1 or _refuses_all(failure):
                raise
            task.tally.failures.append(failure)

    async def symbols(self, flow: MarketFlow) -> Chosen:
        """Which symbols are meant; asked once a run, and names nobody lists are reported once."""
        if flow not in self._chosen:
            wanted = self.window.symbols if self.window and self.window.symbols else flow.symbols
            self._chosen[flow] = await choose(self.session, flow, wanted)
            return self._chosen[flow]
        return replace(self._chosen[flow], unknown=())


@asynccontextmanager
async def open_run(
    config: FlowsFile,
    name: str,
    *,
    progress: Progress,
    stop: asyncio.Event,
    window: Window | None = None,
    state: Path | None = None,
    again: bool = False,
    pause: Pause = asyncio.sleep,
) -> AsyncIterator[Run]:
    """Open a run of a flow. `state` is the file of the shared weight budget; for `again`, see `Session`.

    `pause` passes the time between two tries of a request.

    Raises UsageProblem for a lake of another environment, AccessRefused for a key that is missing or may too much.
    """
    reuse_memory()
    flow, site = flow_named(config, name), resolve(config.exchange)
    keys = await asyncio.to_thread(keys_for, config, flow)  # a command may take its time
    lake = await asyncio.to_thread(Lake.open, config.lake, site.environment)
    journal = Journal(name, account=flow.account if isinstance(flow, AccountFlow) else None)
    with ExitStack() as held, Budget(state or default_path(), site.environment, share=config.budget) as budget:
        await asyncio.to_thread(held.enter_context, noted_as_running(lake, journal.run))
        client = Client(site, budget, keys, on_request=journal.note, sleep=pause, family=family_of(flow))
        session = Session(lake=lake, client=client, journal=journal, progress=progress, stop=stop, again=again)
        run = Run(config, flow, session, units_of(name, flow), window)
        async with (
            archive_for(site, flow, pause) as session.archive,
            reached(client, flow, session.archive),
            following(progress, partial(budget.state, CLOCKS[family_of(flow)].pool)),
        ):
            try:
                if isinstance(flow, AccountFlow):
                    admit = partial(_admit, run, flow.account, config.accounts[flow.account].allow, keys)
                    await admit()
                    client.watch_key(admit)
                yield run
            finally:
                run.unwritten += await asyncio.to_thread(journal.write, lake, run.receipts)


async def _admit(run: Run, account: str, allow: Collection[str], keys: KeyPair | None) -> None:
    """Let only a key in that reads the account it always read, and write down what is new about it."""
    session = run.session
    facts = await check_key(session.client, allow)
    assert keys is not None  # noqa: S101 - without a key nothing was answered
    await asyncio.to_thread(session.lake.pin, account, facts.uid)
    run.note = " ".join(facts.warnings)
    try:
        await asyncio.to_thread(note_key, session.lake, account, keys, facts, session.client.now_us())
    except Exception as error:  # noqa: BLE001 - a damaged journal costs no data
        run.unwritten.append(Failure.of(KEY_FACTS.table, error))


def archive_for(site: Site, flow: Flow, pause: Pause = asyncio.sleep) -> AbstractAsyncContextManager[Archive | None]:
    """The public archive, where the site has one and the flow may need it."""
    match flow:
        case MarketFlow():
            needed = flow.source != "rest" and any(has_archive(one, flow.market) for one in flow.datasets)
        case AccountFlow():
            # What is traded, and what values it, may be symbols that the exchange does not list any more.
            needed = flow.symbols == TRADED or flow.valuation is not None
        case MaintenanceFlow():
            needed = True
    return Archive(site, sleep=pause) if needed and {"archive", "archive_list"} <= site.urls.keys() else nullcontext()


@asynccontextmanager
async def reached(client: Client, flow: Flow, archive: Archive | None) -> AsyncIterator[None]:
    """The client as a flow needs it: open, or, where nothing is asked of the exchange, with the archive's time."""
    if isinstance(flow, MarketFlow) and flow.source == "archive":
        if archive is None:
            raise UsageProblem(
                f"The exchange `{client.site.environment}` has no archive, and the flow asks nothing else.",
                "Give `archive` and `archive_list` under `exchange`, or write `source: auto`.",
            )
        client.go_by(await archive.time())
        yield
    elif isinstance(flow, MaintenanceFlow):  # upkeep needs no network
        yield
    else:
        async with client:
            yield


Step = Callable[[Run, Unit], Awaitable[Receipt]]


async def run_flow(
    config: FlowsFile,
    name: str,
    *,
    progress: Progress,
    stop: asyncio.Event,
    window: Window | None = None,
    state: Path | None = None,
    again: bool = False,
    pause: Pause = asyncio.sleep,
    pull: Step = Run.pull,
) -> list[Receipt]:
    """One pass of a flow, or with a window of its history, which UsageProblem says where it has none.

    A dataset that fails stops no other, unless the exchange refuses us. `pull` is what a scheduler puts around the
    pulling of a unit.
    """
    started = wall_clock()
    config = config if window is None else _with_history(config, name, window)
    opened = open_run(config, name, progress=progress, stop=stop, window=window, state=state, again=again, pause=pause)
    try:
        async with opened as run:
            for unit in run.units:
                receipt = await pull(run, unit)
                if stop.is_set() or hopeless(receipt):
                    break
    except UsageProblem:
        raise  # nothing ran
    except Exception as error:
        await asyncio.to_thread(note_failed_run, config, name, error, started)
        raise
    receipts = [receipt for receipt, _, _ in run.receipts]
    beside = await _tidied(run, {failure.why for receipt in receipts for failure in receipt.failures})
    if not beside:
        return receipts
    failed = Receipt.of_flow(name, *beside)
    await asyncio.to_thread(note_failure, run.session.lake, run.session.journal, failed, wall_clock())
    return [*receipts, failed]


async def _tidied(run: Run, told: Collection[str]) -> list[Failure]:
    """Merge small files; what went wrong with that or with the journal, and is not told already."""
    run.session.progress.waiting("merging small files")
    untidy = await asyncio.to_thread(tidy, run.session.lake, list(dict.fromkeys(unit.dataset for unit in run.units)))
    run.session.progress.waiting(None)
    return [*{one.why: one for one in [*untidy, *run.unwritten] if one.why not in told}.values()]


def _with_history(config: FlowsFile, name: str, window: Window) -> FlowsFile:
    """The file with that flow alone, and of it what can be pulled back to `window.since`."""
    flow = flow_named(config, name)
    candles = tuple(unit.dataset for unit in history_of(name, flow))
    if window.until is not None and window.until <= window.since:
        raise UsageProblem(f"--since {window.since:%Y-%m-%d} is not before --until {window.until:%Y-%m-%d}.")
    return config.model_copy(update={"flows": {name: flow.model_copy(update={"datasets": candles})}})


def history_of(name: str, flow: Flow) -> tuple[Unit, ...]:
    """What of a flow can be pulled from an earlier beginning. UsageProblem where there is nothing."""
    units = tuple(unit for unit in units_of(name, flow) if unit.has_history)
    if not units or not isinstance(flow, MarketFlow):
        raise UsageProblem(f"Flow '{name}' has no history to go back to.", _no_backfill(flow))
    return units


def _no_backfill(flow: Flow) -> str:
    if isinstance(flow, AccountFlow) and flow.symbols is not None:
        return "Each run brings orders and fills from the first one on that the exchange still returns."
    if isinstance(flow, AccountFlow):
        return "Set its `since` earlier and run it: ledgers go back as far as that, where the exchange remembers."
    return "Backfill a flow that pulls candles, trades or other history of a market."


def hopeless(receipt: Receipt) -> bool:
    """Whether the exchange would refuse the next dataset just the same."""
    return any(map(_refuses_all, receipt.failures))


def _refuses_all(failure: Failure) -> bool:
    return failure.exit_code in _HOPELESS and not failure.alone
