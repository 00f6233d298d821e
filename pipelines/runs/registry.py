"""What a flow pulls, and with which pull: the walk of the endpoint that feeds a dataset decides, never its name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from connectors.binance.archive.files import has_archive
from connectors.binance.endpoints import FEEDING
from connectors.binance.endpoints.model import ById, ByTime, Endpoint, OnGrid, SymbolWindows, Whole, Windows
from pipelines.candles.fetching import Fetcher
from pipelines.candles.minutes import MinutePull, MinutesWanted
from pipelines.candles.pull import Pull
from pipelines.candles.reloading import Reload
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.pull.absence import unless_absent
from pipelines.pull.by_file import FilePull
from pipelines.pull.by_time import TimePull
from pipelines.pull.ledger import LedgerPull
from pipelines.pull.resting import rests
from pipelines.pull.snapshot import fixed_series, pull_snapshot
from pipelines.pull.states import pull_states
from pipelines.pull.symbol_selection import Chosen, choose
from pipelines.store.candles import series_of
from pipelines.ticks.pull import TickPull
from pipelines.ticks.reloading import TickReload
from pipelines.trading.flow import Trading
from schemas.config.flows import AccountFlow, AccountSymbols, Flow, MaintenanceFlow, MarketFlow
from schemas.datasets import DATASETS, with_role
from schemas.model.dataset import Dataset, Kind, Role
from schemas.model.errors import UsageProblem
from schemas.model.instants import micros
from schemas.model.series import Series
from schemas.model.wallets import WALLETS


@dataclass(frozen=True, slots=True)
class Unit:
    """One dataset of a flow: what a receipt speaks of, and what a scheduler may retry alone."""

    flow: str
    dataset: str
    market: str | None = None
    account: str | None = None
    wallets: tuple[str, ...] = ()  # of an account's, those that are meant where each is a series
    of_market: MarketFlow | None = None  # what of the flow pulls it, where it is a market's

    @property
    def where(self) -> str:
        return self.account or self.market or "lake"

    @property
    def archive_alone(self) -> bool:
        """Whether nothing is asked of the exchange."""
        return self.of_market is not None and self.of_market.source == "archive"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the dataset is pulled from: each part of it from one of these."""
        places = (place for place in FEEDING if place[0] == self.dataset and self.market in (None, place[1]))
        return tuple(row for place in places for row in FEEDING[place] if self._means(row))

    def _means(self, row: Endpoint) -> bool:
        speaks_of = row.walk.speaks_of if isinstance(row.walk, Whole) else ()
        if self.archive_alone and isinstance(row.walk, ByTime):
            return False
        named = {*speaks_of, *filter(None, [row.constants.get("wallet")])}
        return not self.wallets or not named or any(not named.isdisjoint(WALLETS[word]) for word in self.wallets)

    @property
    def endpoint(self) -> Endpoint:
        """Where the dataset is pulled from, which is one place, as it is for every dataset of a market."""
        (row,) = self.endpoints
        return row

    @property
    def has_history(self) -> bool:
        """Whether it can be asked for from an instant on that lies before what is stored."""
        walked = any(isinstance(row.walk, (OnGrid, ByTime, ById)) for row in self.endpoints)
        return self.market is not None and self.account is None and (self.by_file or walked)

    @property
    def by_file(self) -> bool:
        """Whether it comes out of the public archive alone."""
        return self.market is not None and not self.endpoints and has_archive(self.dataset, self.market)

    @property
    def of_minutes(self) -> bool:
        """Whether it is single minutes that value an account."""
        return self.dataset == with_role(Role.MINUTES).name and self.of_market is not None


def units_of(name: str, flow: Flow) -> tuple[Unit, ...]:
    """What a run of the flow pulls, one unit per dataset: an account's as they are declared, what others need first."""
    match flow:
        case MarketFlow():
            minutes = (with_role(Role.MINUTES).name,) if flow.of_account else ()
            return tuple(Unit(name, each, market=flow.market, of_market=flow) for each in (*flow.datasets, *minutes))
        case AccountFlow():
            return tuple(dict.fromkeys(_of_account(name, flow)))
        case MaintenanceFlow():
            return tuple(Unit(name, dataset) for dataset in DATASETS)


def _of_account(name: str, flow: AccountFlow) -> Iterator[Unit]:
    """The datasets of an account, right after those that have a value the prices that say which, and in the end the
    candles that value whatever the others brought.

    Of the datasets, what is walked by id comes last: a change of a balance that nothing explains has it look for
    unknown symbols.
    """
    for dataset in sorted(DATASETS.values(), key=_is_by_id):
        if dataset.name in flow.datasets:
            for market in _markets_of(dataset, flow):
                where = market if "market" in dataset.series else None
                yield Unit(name, dataset.name, market=where, account=flow.account, wallets=flow.chosen_wallets)
            if dataset.valued_by and flow.prices:
                yield from units_of(name, flow.prices)
    if flow.valuation:
        yield from units_of(name, flow.valuation)


def _is_by_id(dataset: Dataset) -> bool:
    return any(isinstance(row.walk, ById) for (fed, _), rows in FEEDING.items() if fed == dataset.name for row in rows)


def _markets_of(dataset: Dataset, flow: AccountFlow) -> list[str]:
    """Where a dataset of an account is pulled from."""
    return [market for fed, market in FEEDING if fed == dataset.name and flow.reads(fed, market)]


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of history asked for; without one, a flow goes on from where it stands.

    With `again`, what the lake covers of it is loaded again and held against what is stored.
    """

    since: datetime
    until: datetime | None = None
    symbols: tuple[str, ...] = ()
    again: bool = False


async def pull_minutes(session: Session, tally: Tally, flow: MarketFlow, chosen: Chosen) -> None:
    """The pull of single minutes that value an account."""
    assert isinstance(flow.symbols, AccountSymbols)  # noqa: S101 - no other flow has them
    wanted = MinutesWanted(flow.symbols, chosen.book.gone, archived=session.archive is not None)
    fetcher = Fetcher(session, flow.source, wanted.gone)
    await MinutePull(session=session, tally=tally, wanted=wanted, fetcher=fetcher).run()


def first_wanted(flow: MarketFlow, window: Window | None, chosen: Chosen) -> int:
    """Where the history begins that is wanted, in microseconds: where the flow says, else where the symbols need it."""
    moment = window.since if window else flow.since
    since = micros(moment) if moment is not None else chosen.since
    assert since is not None  # noqa: S101 - the model of flows.yaml asks for it
    return since


def file_pull(
    session: Session, tally: Tally, unit: Unit, flow: MarketFlow, symbols: Sequence[str], window: Window | None
) -> FilePull:
    """The pull of what the archive alone has."""
    since = window.since if window else flow.since
    assert since is not None  # noqa: S101 - the model of flows.yaml asks for it
    if session.archive is None:
        raise UsageProblem(
            f"{unit.dataset} come from the public archive alone, and this exchange has none.",
            "Give `archive` and `archive_list` under `exchange`, or remove them from datasets.",
        )
    return FilePull(
        session=session,
        archive=session.archive,
        tally=tally,
        dataset=DATASETS[unit.dataset],
        market=flow.market,
        symbols=symbols,
        since=micros(since),
        until=micros(window.until) if window and window.until else session.client.now_us(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One part of a dataset to pull, and what its pull may need. `symbols` chooses those that a market flow means."""

    session: Session
    tally: Tally
    endpoint: Endpoint
    flow: MarketFlow | AccountFlow
    symbols: Callable[[MarketFlow], Awaitable[Chosen]]
    window: Window | None
    budget: float

    async def pull(self) -> None:
        """Pull it; the tally has what is new and what failed, also where the pull itself fails."""
        match self.endpoint.walk, self.flow:
            case OnGrid(), MarketFlow(of_account=True) as flow if self.window is None:
                await self._valuing(flow)
            case OnGrid(), MarketFlow() as flow:
                await self._candles(flow, (await self.symbols(flow)).named_for(self.endpoint))
            case ByTime(), MarketFlow() as flow:
                await self._along_time(flow, (await self.symbols(flow)).having_rows(self.endpoint))
            case ById(), MarketFlow() as flow:
                await self._trades(flow, (await self.symbols(flow)).filed(self.endpoint.feeds.name))
            case Whole(), MarketFlow() as flow if self.endpoint.feeds.kind is Kind.VERSIONS:
                await self._states({"market": flow.market})
            case Whole(), MarketFlow() as flow:
                chosen = await self.symbols(flow)
                self.tally.failures += chosen.unknown
                of = {"market": flow.market}
                await pull_snapshot(self.session, self.tally, self.endpoint, of, chosen.listed, chosen.traded)
            case Whole(), AccountFlow() as flow:
                of = {"account": flow.account}
                states = self.endpoint.feeds.kind is Kind.VERSIONS
                pull = partial(self._states if states else self._snapshot_once, of)
                await unless_absent(self.session, fixed_series(self.endpoint, of), self.endpoint, pull)
            case Windows(), AccountFlow() as flow:
                since = micros(flow.since) if flow.since else None
                await LedgerPull(
                    session=self.session,
                    tally=self.tally,
                    endpoint=self.endpoint,
                    account=flow.account,
                    since=since,
                    miners=flow.mining,
                ).run()
                self.session.brought.add(self.endpoint)
            case ById() | SymbolWindows(), AccountFlow() as flow:
                await Trading(self.session, self.tally, self.endpoint.market, flow, self.budget).pull(
                    self.endpoint.feeds
                )
            case _:
                raise AssertionError(f"{self.endpoint.name} is not walked in a flow of kind {self.flow.kind}")

    async def _states(self, of: Mapping[str, str]) -> None:
        self.tally.rows += await pull_states(self.session, self.endpoint, of)

    async def _snapshot_once(self, of: Mapping[str, str]) -> None:
        session, endpoint = self.session, self.endpoint
        table, now = session.lake.table(endpoint.feeds), session.client.now_us()
        if not session.again and await asyncio.to_thread(rests, table, endpoint, of, now):
            return
        await pull_snapshot(session, self.tally, endpoint, of)
        session.brought.add(endpoint)

    async def _valuing(self, flow: MarketFlow) -> None:
        """The candles of whatever values an account; where one turns out not to exist, those of the next way.

        Which way that is shows in what came, so the symbols are chosen anew as long as something does.
        """
        chosen, asked = await self.symbols(flow), set[str]()
        while names := tuple(one for one in chosen.names if one not in asked):
            before = len(self.session.journal.requests)
            await self._candles(flow, replace(chosen, names=names))
            asked.update(names)
            if len(self.session.journal.requests) == before or self.session.stop.is_set():
                return
            chosen = await choose(self.session, flow, flow.symbols)

    async def _candles(self, flow: MarketFlow, chosen: Chosen) -> None:
        since = first_wanted(flow, self.window, chosen)
        pull = Pull(
            session=self.session,
            tally=self.tally,
            dataset=self.endpoint.feeds,
            series=series_of(self.endpoint.feeds, flow.market, chosen.names, flow.intervals),
            fetcher=Fetcher(self.session, flow.source, chosen.forgotten),
            since=since,
            until=micros(self.window.until) if self.window and self.window.until else None,
            delisted=chosen.delisted,
        )
        self.tally.failures += chosen.unknown
        if self.window and self.window.again:
            until = pull.until or self.session.client.now_us()
            await Reload(pull, until).run()
        else:
            await pull.run()

    async def _along_time(self, flow: MarketFlow, chosen: Chosen) -> None:
        since = self.window.since if self.window else flow.since
        assert since is not None  # noqa: S101 - the model of flows.yaml asks for it
        self.tally.failures += chosen.unknown
        if chosen.forgotten and not chosen.everything:
            names = ", ".join(sorted(chosen.forgotten))
            self.session.note(f"Nothing new was asked of {names}, which the exchange does not list any more.")
        await TimePull(
            session=self.session,
            tally=self.tally,
            endpoint=self.endpoint,
            series=chosen.series_of(self.endpoint),
            since=micros(since),
            until=micros(self.window.until) if self.window and self.window.until else None,
            ended=chosen.ended_at,
            again=self.window is not None and self.window.again,
        ).run()

    async def _trades(self, flow: MarketFlow, chosen: Chosen) -> None:
        since = self.window.since if self.window else flow.since
        assert since is not None  # noqa: S101 - the model of flows.yaml asks for it
        self.tally.failures += chosen.unknown
        pull = TickPull(
            session=self.session,
            tally=self.tally,
            dataset=self.endpoint.feeds,
            series=[Series.of(self.endpoint.feeds, market=flow.market, symbol=one) for one in chosen.names],
            source=flow.source,
            since=micros(since),
            until=micros(self.window.until) if self.window and self.window.until else None,
            forgotten=chosen.forgotten,
        )
        if self.window and self.window.again:
            await TickReload(pull, pull.until or self.session.client.now_us()).run()
        else:
            await pull.run()
