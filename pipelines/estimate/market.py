"""What a run will request of a market: the windows of its candles, its snapshots, and its listing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.binance.archive.client import Archive
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.endpoints import CLOCKS, serving
from connectors.binance.endpoints.model import ById, ByTime, Endpoint
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.archive.inventory import shelf_of
from pipelines.archive.walk import Standing
from pipelines.candles.answer import LAG_US
from pipelines.candles.coverage import Coverage
from pipelines.candles.minutes import MinutesWanted
from pipelines.candles.state import SeriesState
from pipelines.context.receipts import Failure
from pipelines.estimate.candles import cost, minutes_cost, noted
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.estimate.ticks import TickPlan
from pipelines.estimate.trial import asking
from pipelines.pull.snapshot import question
from pipelines.pull.symbol_selection import Chosen, Wanted, asked_to_choose, choose, valuing
from pipelines.pull.symbols import Listing, known
from pipelines.pull.time_windows import windows_of
from pipelines.runs.registry import Unit, Window, first_wanted
from pipelines.runs.run import archive_for
from pipelines.settings.markets import family_of
from pipelines.store.candles import series_of
from pipelines.store.gaps import load_gaps
from pipelines.store.holes import gaps_and_holes
from schemas.config.flows import AccountSymbols, FlowsFile, MarketFlow, TopSymbols
from schemas.datasets import DATASETS
from schemas.model.dataset import Kind, Role
from schemas.model.errors import TryLater
from schemas.model.instants import micros
from schemas.model.series import Series

_VALUING = "Candles that value what this run finds come on top."
_SHOWN = 3  # names that nobody lists


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPlan:
    """The plan of a market's flow. `now` is when it will run, in microseconds."""

    config: FlowsFile
    lake: Lake
    flow: MarketFlow
    window: Window | None
    state: Path | None
    now: int
    listed: bool = False  # the list of symbols is asked for before, and counted there

    async def outlooks(self, units: Sequence[Unit]) -> list[Outlook]:
        """What each of the units will request. Asks the exchange for its listing only where candles need it."""
        choosing = await asyncio.to_thread(self._choosing, units)  # before a listing is there
        symbols = await self._symbols() if any(unit.has_history or _is_by_id(unit) for unit in units) else None
        found = [Outlook(pool=one.pool, once=(one.cost({}),)) for one in choosing]
        for unit in units:
            if unit.of_minutes:
                found.append(await asyncio.to_thread(self._minutes))
            elif unit.by_file and symbols is not None:
                found.append(await self._files(unit, symbols))
            elif _is_by_id(unit) and symbols is not None:
                found.append(await self._trades(unit.endpoint, symbols))
            elif symbols is not None and isinstance(unit.endpoints[0].walk, ByTime):
                found += [await asyncio.to_thread(self._along_time, each, symbols) for each in unit.endpoints]
            elif unit.has_history and symbols is not None:
                found.append(await self._candles(unit.endpoint, symbols))
            elif (once := await asyncio.to_thread(self._whole, unit.endpoint)) is not None:
                found.append(Outlook(pool=unit.endpoint.pool, once=(once,), steady=once))
        return found

    async def _trades(self, endpoint: Endpoint, symbols: Chosen) -> Outlook:
        names = symbols.filed(endpoint.feeds.name).names
        series = [Series.of(endpoint.feeds, market=self.flow.market, symbol=one) for one in names]
        async with asking(self.config, self.flow, self.lake, self.state) as session:
            since, until = self._span(symbols)
            plan = TickPlan(
                session=session, endpoint=endpoint, source=self.flow.source, forgotten=symbols.forgotten, now=self.now,
                since=since, until=until if self.window and self.window.until else None,
            )  # fmt: skip
            found = await plan.outlook(series)
        return replace(found, note=_named(symbols.unknown))

    @property
    def _wanted(self) -> Wanted:
        return self.window.symbols if self.window and self.window.symbols else self.flow.symbols

    def _choosing(self, units: Sequence[Unit]) -> list[Endpoint]:
        """What the choice of symbols asks for, unless the listing is pulled right before."""
        if self.flow.source == "archive":
            return []
        before = [DATASETS[unit.dataset].kind is Kind.VERSIONS for unit in units]
        if all(before):
            return []
        listed, datasets = self.listed or before[0], self.flow.datasets
        return asked_to_choose(self.lake, self.flow.market, self._wanted, self.now, datasets=datasets, listed=listed)

    def _whole(self, endpoint: Endpoint) -> int | None:
        """The weight of the one request for a list; None where no symbol is left to ask for."""
        named = self._named() if endpoint.feeds.kind is Kind.SNAPSHOT else None
        return None if named is not None and not named else endpoint.cost(question(endpoint, named))

    def _named(self) -> Collection[str] | None:
        """The symbols that a list is asked for; of the most traded ones only their number is known."""
        wanted = self._wanted
        if isinstance(wanted, TopSymbols):
            return [str(number) for number in range(wanted.top)]
        if isinstance(wanted, AccountSymbols):
            return self._valuing(wanted).names
        if not isinstance(wanted, tuple):
            return None
        forgotten = self._listing().forgotten(one for one in wanted)
        return [one for one in wanted if one not in forgotten] if self._listing().rows else wanted

    def _listing(self) -> Listing:
        return known(self.lake, self.flow.market)

    def _valuing(self, wanted: AccountSymbols) -> Chosen:
        """The symbols that value an account, as far as the lake knows what it holds and what there is."""
        return valuing(self.lake, wanted, self._listing(), self.now, archived=self._archived)

    @property
    def _archived(self) -> bool:
        """Whether the exchange has an archive."""
        return {"archive", "archive_list"} <= resolve(self.config.exchange).urls.keys()

    async def _symbols(self) -> Chosen:
        wanted = self._wanted
        if isinstance(wanted, AccountSymbols):
            return await asyncio.to_thread(self._valuing, wanted)
        book = await asyncio.to_thread(self._listing)
        alone = self.flow.source == "archive"
        if not alone and isinstance(wanted, tuple) and book.rows.keys() >= set(wanted):
            return Chosen(wanted, book)
        try:
            async with asking(self.config, self.flow, self.lake, self.state) as session:
                return await choose(session, self.flow, wanted)
        except TryLater as error:
            if alone or not isinstance(wanted, tuple):
                raise
            said = f"Whether the exchange lists each symbol is not known: {error}"
            return Chosen(wanted, book, unknown=(Failure(self.flow.market, said),))

    def _span(self, chosen: Chosen) -> tuple[int, int]:
        """The time that is wanted."""
        until = micros(self.window.until) if self.window and self.window.until else self.now - LAG_US
        return first_wanted(self.flow, self.window, chosen), until

    async def _files(self, unit: Unit, symbols: Chosen) -> Outlook:
        """What the archive alone has: its files, each downloaded once."""
        dataset = DATASETS[unit.dataset]
        bounds, gaps = self.lake.table(dataset).bounds(), load_gaps(self.lake, dataset)
        names = symbols.filed(dataset.name).names
        named = [Series.of(dataset, market=self.flow.market, symbol=symbol) for symbol in names]
        standings = [Standing.of(one, bounds, gaps) for one in named]
        async with archive_for(resolve(self.config.exchange), self.flow) as archive:
            span = self._span(symbols)
            looks = [self._wanted_of(archive, one, span) for one in standings] if archive is not None else []
            costs = tuple(await asyncio.gather(*looks))
        pool = CLOCKS[family_of(self.flow)].pool
        return Outlook(pool=pool, costs=costs, note=_named(symbols.unknown))

    async def _wanted_of(self, archive: Archive, standing: Standing, span: tuple[int, int]) -> Cost:
        shelf = await shelf_of(archive, standing.series, standing.listed_from(span[0]), only=True)
        remotes = [one.remote for one in standing.wanted(shelf, *span) if one.remote is not None]
        size = sum(remote.size for remote in remotes)
        return Cost(
            series=standing.series.full_name, requests=0, weight=0, rows=0, files=len(remotes), download_bytes=size,
            note="rows are as many as the files hold",
        )  # fmt: skip

    async def _candles(self, endpoint: Endpoint, symbols: Chosen) -> Outlook:
        since, end = self._span(symbols)
        symbols = symbols.named_for(endpoint)
        covered = await asyncio.to_thread(self._covered, endpoint, symbols, since)
        states = [SeriesState.of(one, since, end, self.now, self.flow.source) for one in covered]
        trouble = await self._look_at_archive(states)
        costs = tuple(noted(cost(state, self.now), state, self.flow.source, trouble) for state in states)
        # Once everything is up to date, each series takes one request.
        asked = 0 if self.flow.source == "archive" else len(costs)
        steady = asked * endpoint.cost({"limit": endpoint.limit_for(1)})
        note = _VALUING if self.flow.of_account else _named(symbols.unknown)
        return Outlook(pool=endpoint.pool, costs=costs, steady=steady, note=note)

    def _minutes(self) -> Outlook:
        """The windows of single minutes that value an account: one request each, or a file of the archive at least."""
        assert isinstance(self.flow.symbols, AccountSymbols)  # noqa: S101 - no other flow has them
        gone = self._listing().gone
        windows = MinutesWanted(self.flow.symbols, gone, archived=self._archived).windows(self.lake, self.now)
        counts, rows = Counter(one.series for one in windows), Counter[Series]()
        for window in windows:
            rows[window.series] += len(window.minutes)
        costs = tuple(minutes_cost(one, count, rows[one], filed=one["symbol"] in gone) for one, count in counts.items())
        return Outlook(pool=serving(Role.CANDLES, self.flow.market).pool, costs=costs)

    def _along_time(self, endpoint: Endpoint, symbols: Chosen) -> Outlook:
        """The windows that the pull walks; a full one takes more."""
        moment = self.window.since if self.window else self.flow.since
        assert moment is not None  # noqa: S101 - the model of flows.yaml asks for it
        chosen = symbols.having_rows(endpoint)
        series, bounds = chosen.series_of(endpoint), self.lake.table(endpoint.feeds).bounds()
        until = micros(self.window.until) if self.window and self.window.until else None
        gaps = gaps_and_holes(self.lake, endpoint.feeds)
        windows = windows_of(endpoint, series, bounds, micros(moment), until, self.now, chosen.ended_at, gaps)
        asked = Counter(window.series for window in windows if window.asks)
        weight = endpoint.cost({})
        costs = tuple(
            Cost(series=one.full_name, requests=count, weight=count * weight, rows=0) for one, count in asked.items()
        )
        return Outlook(pool=endpoint.pool, costs=costs, steady=len(series) * weight, note=_named(chosen.unknown))

    def _covered(self, endpoint: Endpoint, symbols: Chosen, begin: int) -> list[Coverage]:
        bounds, gaps = self.lake.table(endpoint.feeds).bounds(), load_gaps(self.lake, endpoint.feeds)
        who = {"delisted": symbols.delisted, "forgotten": symbols.forgotten}
        series = series_of(endpoint.feeds, self.flow.market, symbols.names, self.flow.intervals)
        return [Coverage.of(one, begin, bounds, gaps, **who) for one in series]

    async def _look_at_archive(self, states: Sequence[SeriesState]) -> ArchiveTrouble | None:
        """See what the archive holds of the series of which much is missing; why it could not be asked, or None."""
        async with archive_for(resolve(self.config.exchange), self.flow) as archive:
            if archive is None:
                return None
            far = [state for state in states if state.worth_a_look(self.flow.source)]
            troubles = await asyncio.gather(*(state.look_at(archive) for state in far), return_exceptions=True)
        for state, trouble in zip(far, troubles, strict=True):
            if trouble is not None and (state.strict or not isinstance(trouble, ArchiveTrouble)):
                raise trouble  # what the archive cannot be asked for is priced as the run would fetch it: over REST
        return next((trouble for trouble in troubles if isinstance(trouble, ArchiveTrouble)), None)


def _is_by_id(unit: Unit) -> bool:
    return not unit.by_file and any(isinstance(row.walk, ById) for row in unit.endpoints)


def _named(unknown: Sequence[Failure]) -> str:
    """What to say of the first of the names that nobody lists, and how many more there are."""
    more = len(unknown) - _SHOWN
    return " ".join(one.why for one in unknown[:_SHOWN]) + (f" (And {more:,} more.)" if more > 0 else "")
