"""Lists of many series, walked a page of each at once, which are committed before the next ones are asked for.

What is in flight is never more than one wave, so a run that is killed asks at most that again.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from connectors.binance.decode import Refused
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import UnknownSymbol
from pipelines.concurrency import prefetch
from pipelines.context.receipts import Failure, Tally
from pipelines.context.session import Session
from pipelines.store.id_cursor import Landed, Page
from pipelines.store.lookup import LAG_US, ResetSeen, lacks_rows, must_show
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

WAVE = 20  # pages asked for at once, as many as there are connections

Store = Callable[[Sequence[Page]], Landed]


class Stand(Protocol):
    """Where a series stands."""

    @property
    def series(self) -> Series: ...


S = TypeVar("S", bound=Stand)


@dataclass(slots=True, kw_only=True)
class Waves(ABC, Generic[S]):
    """One walk of many series of an endpoint; none that fails stops another.

    A row that cannot be read is a failure of its own: the rest is stored, and the next run asks for it again.
    """

    session: Session
    tally: Tally
    endpoint: Endpoint
    store: Store  # commits the pages of a wave
    memos: Callable[[Series], Mapping[str, int]] = lambda _: {}  # go into the log with each page of a series
    at_end: Callable[[Series], Mapping[str, int]] = lambda _: {}  # with the last one alone
    whole: set[Series] = field(default_factory=set)  # those that came to their end
    unknown: list[Series] = field(default_factory=list)  # those whose symbol the exchange does not know
    _unreadable: set[Series] = field(default_factory=set)

    @property
    def dataset(self) -> Dataset:
        return self.endpoint.feeds

    async def run(self, series: Iterable[Series]) -> None:
        """Walk each series from where the log says it stands to its end."""
        waiting = deque(await asyncio.to_thread(self._stands, list(series)))
        self.session.progress.expect(requests=len(waiting), rows=0)
        while waiting and not self.session.stop.is_set():
            wave = [waiting.popleft() for _ in range(min(WAVE, len(waiting)))]
            waiting.extendleft(reversed(await self._wave(wave)))

    async def _wave(self, wave: Sequence[S]) -> list[S]:
        """Fetch a page of each, commit them, and return where those stand that go on."""
        pages: list[Page] = []
        stands = {stand.series: stand for stand in wave}
        try:
            async with prefetch(wave, self._page, self.session.stop, limit=WAVE) as answers:
                async for stand, answer in answers:
                    if isinstance(answer, Problem):
                        self._note(stand, answer)
                    else:
                        pages.append(answer)
        except ResetSeen:
            pages.clear()
            raise
        finally:
            landed = await asyncio.to_thread(self._commit, pages, stands) if pages else Landed()
            self.tally.add(landed.rows)
        self.whole |= {page.series for page in pages if page.last and not page.lagging} - self._unreadable
        going_on = [self._behind(stands[page.series], page) for page in pages if not page.last]
        self.session.progress.expect(requests=len(going_on), rows=0)
        return going_on

    @abstractmethod
    def _stands(self, series: Sequence[Series]) -> list[S]:
        """Where each series stands."""

    @abstractmethod
    async def _page(self, stand: S) -> Page:
        """What is asked for next."""

    @abstractmethod
    def _behind(self, stand: S, page: Page) -> S:
        """Where a series stands behind a page."""

    def _commit(self, pages: Sequence[Page], _stands: Mapping[Series, S]) -> Landed:
        return self.store(pages)

    def _note(self, stand: S, problem: Problem) -> None:
        self.session.progress.advance(requests=1)
        match problem:
            case UnknownSymbol():
                self.unknown.append(stand.series)
            case _:
                self.tally.fail(stand.series.name, problem)

    def tell(self, series: Series, refused: Sequence[Refused]) -> None:
        """Name each row that could not be read."""
        name = self.dataset.id_column
        for one in refused:
            which = f"{name} {one.id}" if one.id is not None else f"a row without a readable {name}"
            self.tally.failures.append(Failure(f"{series.name}, {which}", one.why))
            self._unreadable.add(series)

    async def _lacks(self, series: Series, lacking: Sequence[int], now: int) -> bool:
        """Whether an answer without these stored rows lacks young ones; it is refused when it lacks older ones."""
        if not lacking:
            return False
        table = self.session.lake.table(self.dataset)
        missing = await asyncio.to_thread(must_show, table, series, lacking, now)
        if vanished := [one for one, instant in missing.items() if instant < now - LAG_US]:
            raise lacks_rows(self.endpoint.name, series, vanished)
        return bool(missing)
