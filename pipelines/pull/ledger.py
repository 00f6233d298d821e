"""An account's ledgers: asked for in windows of time, many at once, each committed with the coverage it gives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint, FanOut, Inside, Windows
from connectors.binance.errors import DeniedHere, NotThere
from connectors.binance.paging import Apart, Page, Stuck, all_pages, whole_window
from pipelines.concurrency import AHEAD, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.pull.absence import Absence, due, without_address
from pipelines.pull.ledger_rows import Answered, add_windows
from pipelines.pull.ledger_series import Questions, questions_of
from pipelines.pull.ledger_windows import look_windows, windows_of
from pipelines.pull.quiet import quiet_series
from pipelines.pull.symbols import listing
from pipelines.pull.windows import SeriesWindow
from pipelines.store.gaps import NOT_RETAINED, Gap, write_gaps
from pipelines.store.looks import Look, Looks, looks_due, note_looks
from pipelines.store.rows import with_instants
from schemas.model.dataset import ORDINAL
from schemas.model.errors import Problem
from schemas.model.series import Series

_MOST_PAGES = 100  # of one instant: a list that ignores the number of a page has no end


@dataclass(slots=True, kw_only=True)
class LedgerPull:
    """One pull of one ledger of an account. A series that fails stops no other."""

    session: Session
    tally: Tally
    endpoint: Endpoint
    account: str
    since: int | None = None
    miners: Collection[str] = ()
    questions: Questions = field(default_factory=dict)

    async def run(self) -> None:
        """Bring every series up to now, and back to where its history is wanted from."""
        table, now = self.session.lake.table(self.endpoint.feeds), self.session.client.now_us()
        self.questions = await asyncio.to_thread(
            questions_of, self.session.lake, self.endpoint, self.account, self.miners
        )
        if await without_address(self.session, self.endpoint, self.questions):
            return
        bounds = await asyncio.to_thread(table.bounds)
        asked = [one for one in self.questions if self.session.again or due([one], bounds, now)]
        known = await self._looks(now)
        quiet = await asyncio.to_thread(self._quiet, asked, bounds, known, now)
        looks = known.due.get(self.endpoint.feeds.name, ())
        windows = windows_of(self.endpoint, asked, bounds, self.since, now, quiet)
        once_more = look_windows(self.endpoint, asked, bounds, looks, windows, now)
        windows += once_more
        self.session.progress.expect(requests=sum(window.asks for window in windows), rows=0)
        remaining, failed = iter(windows), set[Series]()
        while wave := list(islice((one for one in remaining if one.series not in failed), AHEAD)):
            failed |= await self._wave(wave)
            if self.session.stop.is_set():
                return
        answered = [each for each in looks if _whole(each, once_more, failed)]
        await asyncio.to_thread(note_looks, self.session.lake, self.account, self.endpoint.feeds.name, answered, now)

    async def _looks(self, now: int) -> Looks:
        """The changes of balances that ledgers are asked about; found out once for all of a run."""
        session = self.session
        if session.looks is None:
            session.looks = await asyncio.to_thread(
                looks_due, session.lake, self.account, now, again=session.again, keep=True
            )
        return session.looks

    def _quiet(self, asked: Sequence[Series], bounds: Mapping[str, int], looks: Looks, now: int) -> Collection[Series]:
        return () if self.session.again else quiet_series(self.session.lake, self.endpoint, asked, bounds, looks, now)

    async def _wave(self, wave: Sequence[SeriesWindow]) -> set[Series]:
        """Fetch these windows at once and commit what came; the series of which one failed."""
        answers, failed, waiting = list[Answered](), set[Series](), deque(wave)
        try:
            async with prefetch(wave, self._fetch, self.session.stop) as fetched:
                async for window, answer in fetched:
                    while (asked := waiting.popleft()) is not window:
                        failed.add(asked.series)  # a stop left it out: what follows would leave a hole before it
                    match answer:
                        case Absence() if window.series not in failed:
                            failed |= await self._note(answer, window.series)
                        case Problem():
                            self.tally.fail("/".join(window.series.key), answer)
                            failed.add(window.series)
                        case Answered() if window.series not in failed:
                            answers.append(answer)
        finally:
            await asyncio.to_thread(self._store, answers)
        return failed

    async def _note(self, absence: Absence, series: Series) -> set[Series]:
        """Note what there is nothing of, which is no failure."""
        gone = {*self.questions} if absence.of_call else {series}
        await absence.note(self.session, self.session.lake.table(self.endpoint.feeds), sorted(gone))
        return gone

    def _store(self, answers: Sequence[Answered]) -> None:
        lake, now = self.session.lake, self.session.client.now_us()
        lost = ((one.window.series, one.window.forgotten) for one in answers)
        write_gaps(lake, [(series, self._not_retained(*span, now)) for series, span in lost if span], now)
        self.tally.add(add_windows(lake, self.endpoint.feeds, answers, now, self.session.note) if answers else 0)

    def _not_retained(self, since: int, until: int, now: int) -> Gap:
        """What the exchange can no longer be asked for; there is nothing that a second look could find."""
        kept = self.endpoint.walked(Windows).kept
        evidence = {"endpoint": self.endpoint.name, "kept_days": kept.days if kept else None}
        return Gap(since=since, until=until, reason=NOT_RETAINED, evidence=evidence, first_seen=now, confirmed_at=now)

    async def _fetch(self, window: SeriesWindow) -> Answered | Absence:
        if not window.asks:
            return Answered(window, ())
        try:
            pages = await self._pages(window)
        except (NotThere, DeniedHere) as answer:
            return await self._told(answer)
        return Answered(window, [row for page in pages for row in with_instants(page)])

    async def _told(self, answer: NotThere | DeniedHere) -> Absence:
        """What an answer says of absence; a refusal is raised where the key read the ledger before."""
        return await Absence.told(answer, self.session.lake.table(self.endpoint.feeds), self.questions)

    async def _pages(self, window: SeriesWindow) -> list[pa.Table]:
        walk, dataset = self.endpoint.walked(Windows), self.endpoint.feeds
        since_ms, until_ms = window.ask_since // 1000, window.until // 1000
        if walk.inside is Inside.SPLIT:
            return await whole_window(
                lambda start, end: self._rows(window.series, start, end),
                since_ms,
                until_ms,
                full=self._is_full,
                unit_ms=walk.unit_ms,
                apart=self._crowded(window.series, walk),
            )
        return await all_pages(
            lambda place: self._page(window.series, since_ms, until_ms - 1, {walk.page: place}),
            key=dataset.identity,
            full=self.endpoint.page_limit,
            by_offset=walk.inside is Inside.OFFSET,
        )

    def _crowded(self, series: Series, walk: Windows) -> Apart | None:
        """How the rows of a span are read that is too short to split, where there is a way."""
        if walk.apart:
            return partial(self._in_parts, series, walk.apart, {})
        return partial(self._on_pages, series) if walk.page else None

    async def _on_pages(self, series: Series, start_ms: int, end_ms: int, first: pa.Table) -> list[pa.Table]:
        """The rows of such a span page by page, from a list that stayed the same meanwhile."""
        walk, pages = self.endpoint.walked(Windows), [first]
        while self._is_full(pages[-1]):
            pages.append(await self._rows(series, start_ms, end_ms, {walk.page: len(pages) + 1}))
            if len(pages) > _MOST_PAGES:
                raise Stuck(f"{self.endpoint.name} has no last page of what happened at {start_ms}.")
        if not (await self._rows(series, start_ms, end_ms)).equals(first):
            raise Stuck(f"The first page of {self.endpoint.name} changed while the others were read.", "Run again.")
        return pages

    async def _in_parts(
        self,
        series: Series,
        ways: Sequence[FanOut],
        asked: Mapping[str, str],
        start_ms: int,
        end_ms: int,
        page: pa.Table,
    ) -> list[pa.Table]:
        """The rows of a span too short to split, asked for in parts, and what is still too large in smaller ones."""
        (by, *smaller), pages = ways, list[pa.Table]()
        for value in await self._values(by, page):
            part = {**asked, by.param: by.values.get(value) or value}
            found = await self._rows(series, start_ms, end_ms, part)
            if not self._is_full(found):
                pages.append(found)
            elif smaller and found[smaller[0].column].null_count == 0:
                pages += await self._in_parts(series, smaller, part, start_ms, end_ms, found)
            else:
                named = " ".join(part.values())
                raise Stuck(f"{self.endpoint.name} has more rows of {named} at {start_ms} than an answer holds.")
        return pages

    async def _values(self, by: FanOut, page: pa.Table) -> list[str]:
        """The values of a parameter that are known, or that a full page shows."""
        listed = (await listing(self.session, self.endpoint.market)).rows if by.of_listed else ()
        return sorted({*by.values, *listed, *map(str, page[by.column].to_pylist())})

    def _is_full(self, page: pa.Table) -> bool:
        counted = self.endpoint.walked(Windows).counted_by
        filled = page.num_rows if counted is None else len(pc.unique(page[counted]))
        return filled >= self.endpoint.page_limit

    async def _rows(
        self, series: Series, start_ms: int, end_ms: int, more: Mapping[str, int | str] | None = None
    ) -> pa.Table:
        rows, _ = await self._page(series, start_ms, end_ms, more)
        return rows

    async def _page(
        self, series: Series, start_ms: int, end_ms: int, more: Mapping[str, int | str] | None = None
    ) -> Page:
        walk = self.endpoint.walked(Windows)
        params: dict[str, Any] = {walk.start: start_ms, walk.end: end_ms, **self.questions[series], **(more or {})}
        if walk.limit is not None:
            params[walk.limit] = self.endpoint.page_limit
        returned = {fan_out.column for fan_out in walk.fan_out if fan_out.returned}
        of = {**self.endpoint.constants, **series.values}
        known: dict[str, Any] = {name: value for name, value in of.items() if name not in returned}
        known |= {"version": 0, "gone_since": None, "seen_at": 0}
        if self.endpoint.feeds.counted:
            known[ORDINAL] = 0
        page = await self.session.client.page(self.endpoint, known, **params)
        self.session.progress.advance(requests=1)
        return page


def _whole(look: Look, windows: Sequence[SeriesWindow], failed: Collection[Series]) -> bool:
    """Whether a look was asked for anywhere, and no answer about it is missing."""
    since, until = look.stretch
    asked = {
        one.series for one in windows if one.since < until and since < one.until and look.concerns(one.series.values)
    }
    return bool(asked) and asked.isdisjoint(failed)
