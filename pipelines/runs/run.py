"""One run of one flow: open the lake and the exchange, pull each dataset, write down what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from connectors.binance.archive.client import Archive
from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.endpoints import LEDGERS
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.pools import SPOT
from connectors.binance.sites import Site, resolve
from connectors.lake import Lake
from pipelines.candles.pull import Pull
from pipelines.candles.reloading import Reload
from pipelines.candles.republished import recheck
from pipelines.context.progress import Progress, following
from pipelines.context.receipts import Failure, Outcome, Receipt
from pipelines.context.run_log import Journal
from pipelines.context.session import Session
from pipelines.pull.ledger import LedgerPull
from pipelines.pull.ledger_windows import instant_us
from pipelines.pull.snapshot import pull_balances, pull_prices, pull_tickers
from pipelines.pull.symbol_selection import Chosen, choose
from pipelines.pull.symbols import pull_symbols
from pipelines.quality.archive_audit import audit
from pipelines.runs.allocator import reuse_memory
from pipelines.settings.credentials import admit, keys_for
from pipelines.settings.loader import flow_named
from pipelines.store.gaps import Series
from pipelines.trading.flow import SPOT_MARKET, Trading
from schemas.config.flows import TRADED, AccountFlow, Flow, FlowsFile, MaintenanceFlow, MarketFlow
from schemas.datasets import DATASETS
from schemas.datasets.market import KLINES, SYMBOLS
from schemas.model.errors import AccessRefused, Problem, TryLater, UsageProblem
from schemas.model.grid import SECOND_US

CROWDED_FILES = 32  # files worth merging above which a run tidies up without being asked; commits stay quick


@dataclass(frozen=True, slots=True)
class Unit:
    """One dataset of a flow: what a receipt speaks of, and what a scheduler may retry alone."""

    flow: str
    dataset: str
    market: str | None = None
    account: str | None = None

    @property
    def where(self) -> str:
        return self.account or self.market or "lake"


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of history asked for; without one, a flow goes on from where it stands.

    With `again`, what the lake covers of it is loaded again and held against what is stored.
    """

    since: datetime
    until: datetime | None = None
    symbols: tuple[str, ...] = ()
    again: bool = False


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
    _chosen: Chosen | None = None

    async def pull(self, unit: Unit) -> Receipt:
        """Pull one dataset. What goes wrong with it is in the receipt; what stops everything is there too."""
        began_s, before = time.monotonic(), len(self.session.journal.requests)
        rows, failures = 0, list[Failure]()
        outcome: Outcome = "failed"  # until it is known better
        try:
            rows, failures = await self._rows(unit)
            outcome = "failed" if failures else "done"
        except Exception as error:  # noqa: BLE001 - one dataset's surprise stops no other
            failures = [Failure.of(unit.where, error)]
        except asyncio.CancelledError:
            outcome = "interrupted"
            raise
        finally:
            # The exchange's clock may have been measured meanwhile: only our own says how long it took.
            ended, took_s = self.session.client.now_us(), time.monotonic() - began_s
            receipt = self._receipt(unit, rows, failures, outcome, before, took_s)
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

    def _receipt(
        self, unit: Unit, rows: int, failures: Sequence[Failure], outcome: Outcome, before: int, took_s: float
    ) -> Receipt:
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
            rows=rows,
            requests=len(requests),
            weight=sum(request.weight for request in requests),
            seconds=round(took_s, 3),
            failures=tuple(dict.fromkeys(failures)),  # one that is asked for twice in a run is told once
            note=note,
        )

    async def _rows(self, unit: Unit) -> tuple[int, list[Failure]]:
        match self.flow:
            case MarketFlow() if unit.dataset == SYMBOLS.name:
                return await pull_symbols(self.session, self.flow.market), []
            case MarketFlow():
                return await _MARKET[unit.dataset](self, self.flow, await self.symbols(self.flow))
            case AccountFlow():
                return await _ACCOUNT[unit.dataset](self, self.flow)
            case MaintenanceFlow():
                return await self._upkeep(unit), []

    async def _upkeep(self, unit: Unit) -> int:
        """Tidy a table; of candles, then look at the archive again. Only the latter needs a network, and can wait."""
        session = self.session
        await asyncio.to_thread(session.lake.table(DATASETS[unit.dataset]).maintain)
        if unit.dataset != KLINES.name or session.archive is None:
            return 0
        rows = await recheck(session, session.archive)
        try:
            async with session.client:
                await audit(session)
        except TryLater as problem:
            session.note(f"The archive was not audited: {problem}")
        return rows

    async def symbols(self, flow: MarketFlow) -> Chosen:
        """Which symbols the flow means; asked once a run, and names nobody lists are reported once."""
        if self._chosen is None:
            wanted = self.window.symbols if self.window and self.window.symbols else flow.symbols
            self._chosen = await choose(self.session, flow, wanted)
            return self._chosen
        return replace(self._chosen, unknown=())


Pulled = Awaitable[tuple[int, list[Failure]]]


async def _klines(run: Run, flow: MarketFlow, chosen: Chosen) -> tuple[int, list[Failure]]:
    since = run.window.since if run.window else flow.since
    assert since is not None  # noqa: S101 - the model of flows.yaml asks for it
    pull = Pull(
        run.session,
        [Series(flow.market, symbol, interval) for symbol in chosen.names for interval in flow.intervals],
        since=micros(since),
        until=micros(run.window.until) if run.window and run.window.until else None,
        delisted=chosen.delisted,
        forgotten=chosen.forgotten,
        source=flow.source,
    )
    work: Pull | Reload = pull
    if run.window and run.window.again:
        work = Reload(run.session, pull.series, pull.fetcher, pull.since, pull.until or run.session.client.now_us())
    try:
        await work.run()
    except Problem as problem:
        return work.rows, [*chosen.unknown, *work.failures, Failure.of(flow.market, problem)]
    return work.rows, [*chosen.unknown, *work.failures]


async def _prices(run: Run, flow: MarketFlow, chosen: Chosen) -> tuple[int, list[Failure]]:
    rows, lacking = await pull_prices(run.session, flow.market, chosen.listed, chosen.traded)
    return rows, [*chosen.unknown, *lacking]


async def _tickers(run: Run, flow: MarketFlow, chosen: Chosen) -> tuple[int, list[Failure]]:
    rows, lacking = await pull_tickers(run.session, flow.market, chosen.listed, chosen.traded)
    return rows, [*chosen.unknown, *lacking]


_MARKET: dict[str, Callable[[Run, MarketFlow, Chosen], Pulled]] = {
    "klines": _klines,
    "prices": _prices,
    "tickers": _tickers,
}


async def _balances(run: Run, flow: AccountFlow) -> tuple[int, list[Failure]]:
    return await pull_balances(run.session, flow.account), []


async def _orders(run: Run, flow: AccountFlow) -> tuple[int, list[Failure]]:
    return await Trading(run.session, flow, run.config.budget).orders()


async def _fills(run: Run, flow: AccountFlow) -> tuple[int, list[Failure]]:
    return await Trading(run.session, flow, run.config.budget).fills()


async def _ledger(endpoint: Endpoint, run: Run, flow: AccountFlow) -> tuple[int, list[Failure]]:
    pull = LedgerPull(session=run.session, endpoint=endpoint, account=flow.account, since=instant_us(flow.since))
    await pull.run()
    return pull.rows, pull.failures


# In this order, since orders say where fills are, and balances where unknown fills must be.
_ACCOUNT: dict[str, Callable[[Run, AccountFlow], Pulled]] = {
    "balances": _balances,
    "orders": _orders,
    "fills": _fills,
    **{endpoint.feeds.name: partial(_ledger, endpoint) for endpoint in LEDGERS},
}


def units_of(name: str, flow: Flow) -> tuple[Unit, ...]:
    """What a run of the flow pulls, one unit a dataset."""
    match flow:
        case MarketFlow():
            return tuple(Unit(name, dataset, market=flow.market) for dataset in flow.datasets)
        case AccountFlow():
            return tuple(
                Unit(name, dataset, market=_market_of(dataset), account=flow.account)
                for dataset in _ACCOUNT
                if dataset in flow.datasets
            )
        case MaintenanceFlow():
            return tuple(Unit(name, dataset) for dataset in DATASETS)


def _market_of(dataset: str) -> str | None:
    return SPOT_MARKET if "market" in DATASETS[dataset].series else None


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
) -> AsyncIterator[Run]:
    """Open a run of a flow. `state` is the file of the shared weight budget; for `again`, see `Session`.

    Raises UsageProblem for a lake of another environment, AccessRefused for a key that is missing or may too much.
    """
    reuse_memory()
    flow, site = flow_named(config, name), resolve(config.exchange)
    keys = keys_for(config, flow)
    lake = await asyncio.to_thread(Lake.open, config.lake, site.environment)
    journal = Journal(name)
    with Budget(state or default_path(), site.environment, share=config.budget) as budget:
        client = Client(site, budget, keys, on_request=journal.note)
        session = Session(lake=lake, client=client, journal=journal, progress=progress, stop=stop, again=again)
        run = Run(config, flow, session, units_of(name, flow), window)
        reached = nullcontext() if isinstance(flow, MaintenanceFlow) else client  # upkeep needs no network
        async with (
            reached,
            archive_for(site, flow) as session.archive,
            following(progress, partial(budget.state, SPOT)),
        ):
            try:
                if isinstance(flow, AccountFlow):
                    run.note = await admit(session, flow, config.accounts[flow.account])
                yield run
            finally:
                run.unwritten = await asyncio.to_thread(journal.write, lake, run.receipts)


def archive_for(site: Site, flow: Flow) -> AbstractAsyncContextManager[Archive | None]:
    """The public archive, where the site has one and the flow may need it."""
    match flow:
        case MarketFlow():
            needed = flow.source != "rest"
        case AccountFlow():
            needed = flow.symbols == TRADED  # it names symbols that the exchange does not list any more
        case MaintenanceFlow():
            needed = True
    return Archive(site) if needed and {"archive", "archive_list"} <= site.urls.keys() else nullcontext()


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
    pull: Step = Run.pull,
) -> list[Receipt]:
    """One pass of a flow. A dataset that fails stops no other, unless the exchange refuses us.

    `pull` is what a scheduler puts around the pulling of a unit.
    """
    async with open_run(config, name, progress=progress, stop=stop, window=window, state=state, again=again) as run:
        for unit in run.units:
            receipt = await pull(run, unit)
            if stop.is_set() or hopeless(receipt):
                break
    receipts = [receipt for receipt, _, _ in run.receipts]
    progress.waiting("merging small files")
    untidy = await asyncio.to_thread(tidy, run.session.lake, [unit.dataset for unit in run.units])
    progress.waiting(None)
    told = {failure.why for receipt in receipts for failure in receipt.failures}
    beside = {one.why: one for one in [*untidy, *run.unwritten] if one.why not in told}  # what is damaged is told once
    return [*receipts, Receipt.of_flow(name, *beside.values())] if beside else receipts


async def backfill(
    config: FlowsFile,
    name: str,
    window: Window,
    *,
    progress: Progress,
    stop: asyncio.Event,
    state: Path | None = None,
) -> list[Receipt]:
    """Pull the history of a flow's candles back to `window.since`. UsageProblem where a flow has none."""
    flow = flow_named(config, name)
    if not isinstance(flow, MarketFlow) or "klines" not in flow.datasets:
        raise UsageProblem(f"Flow '{name}' has no history to go back to.", _no_backfill(flow))
    if window.until is not None and window.until <= window.since:
        raise UsageProblem(f"--since {window.since:%Y-%m-%d} is not before --until {window.until:%Y-%m-%d}.")
    only = config.model_copy(update={"flows": {name: flow.model_copy(update={"datasets": ("klines",)})}})
    return await run_flow(only, name, progress=progress, stop=stop, window=window, state=state)


def _no_backfill(flow: Flow) -> str:
    if isinstance(flow, AccountFlow) and flow.symbols is not None:
        return "Orders and fills are walked by id: each run has them complete from the first one on."
    return "Backfill a flow that pulls klines."


def hopeless(receipt: Receipt) -> bool:
    """Whether the exchange would refuse the next dataset just the same."""
    return receipt.exit_code in {TryLater.exit_code, AccessRefused.exit_code}


def tidy(lake: Lake, datasets: Collection[str]) -> list[Failure]:
    """Merge small files of tables that have become crowded, also when no maintenance flow is scheduled.

    Returns why a table could not be tidied; the others are.
    """
    failures: list[Failure] = []
    for name in sorted({*datasets, "runs", "api_requests"}):
        table = lake.table(DATASETS[name])
        try:
            if table.crowd() > CROWDED_FILES:
                table.maintain()
        except Exception as error:  # noqa: BLE001 - what was pulled is pulled
            failures.append(Failure.of(table.dataset.table, error))
    return failures


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return int(instant.timestamp()) * SECOND_US + instant.microsecond
