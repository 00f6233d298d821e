"""Where the candles of a window come from: the exchange, files of the archive, or the archive alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from connectors.binance.archive.client import Archive
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import has_archive
from connectors.binance.endpoints import feeding
from connectors.binance.paging import by_time
from pipelines.archive.inventory import PUBLISHED_US, Shelf, Source, next_day
from pipelines.archive.load import Loaded, Loader
from pipelines.candles.answer import QUIET_US
from pipelines.candles.windows import OPENING, Phase, Window, limit_for, page_rows, pages_of, walk_of
from pipelines.context.session import Session
from pipelines.store.gaps import Asked
from pipelines.store.rows import instants
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US, LENGTH_US, longest_us
from schemas.model.series import Series


@dataclass(slots=True)
class Fetcher:
    """Fetches windows: of symbols that the exchange has `forgotten`, and with `source: archive`, from files alone."""

    session: Session
    source: Source
    forgotten: frozenset[str]

    def strict(self, series: Series) -> bool:
        """Whether nothing but the archive may give the candles."""
        return self.source == "archive" or series["symbol"] in self.forgotten

    def note(self, trouble: ArchiveTrouble) -> None:
        """Have it told why candles come from the exchange that the archive should have given."""
        self.session.note(f"Candles were fetched over REST instead of from the archive: {trouble.what}")

    async def fetch(self, window: Window, shelf: Shelf | None) -> Loaded:
        """The candles of a window, out of its file or as the exchange returns them."""
        if self.strict(window.series):
            return await self._from_archive(window, shelf)
        ask = partial(self.returned, window.series)
        if window.remote is None or self.session.archive is None:
            once = window.phase in OPENING
            rows = await ask(window.ask_since, window.until, limit=window.limit, once=once)
            return Loaded(rows, Asked.of_exchange(window.series))
        loader = Loader(self.session.archive, window.series, ask)
        loaded = await loader.load([window.remote], window.since, window.until)
        for trouble in loader.troubles:
            self.note(trouble)
        self.session.progress.advance(files=1, size=window.remote.size)
        return loaded

    async def _from_archive(self, window: Window, shelf: Shelf | None) -> Loaded:
        """The candles of a window that only the archive may be asked for; a second look fetches its files again."""
        archive, series = self.session.archive, window.series
        if shelf is None or archive is None:
            kind = f"{series.dataset.name} of {series['market']}"
            raise Problem(
                f"The exchange no longer knows {series['symbol']}; only its public archive may.",
                "Say `source: auto` in the flow, with an exchange that has an archive."
                if has_archive(series.dataset.name, series["market"])
                else f"The archive has no {kind}: remove it from symbols; its candles stay.",
            )
        if window.phase is Phase.CONFIRM:
            return await self.from_shelf(shelf, window.since, window.until)
        remotes = [window.remote] if window.remote is not None else []
        loaded = await self._loader(archive, shelf).load(remotes, window.since, window.until)
        self.session.progress.advance(files=len(remotes), size=sum(remote.size for remote in remotes))
        return loaded

    async def from_shelf(self, shelf: Shelf, since: int, until: int) -> Loaded:
        """The candles of [since, until) out of all files of the archive that hold some of them."""
        assert self.session.archive is not None  # noqa: S101 - it was listed
        stretches = shelf.stretches(since, until, page_rows(shelf.series))
        remotes = [stretch.remote for stretch in stretches if stretch.remote is not None]
        return await self._loader(self.session.archive, shelf).load(remotes, since, until)

    def _loader(self, archive: Archive, shelf: Shelf) -> Loader:
        """What loads files and asks nobody else; of days behind the last file that is listed, the list says nothing."""
        late_from = min(next_day(self.session.client.now_us() - PUBLISHED_US), shelf.last_us or 0)
        return Loader(archive, shelf.series, ask=None, unasked=self.source == "archive", late_from=late_from)

    async def returned(
        self, series: Series, since: int, until: int, *, limit: int | None = None, once: bool = False
    ) -> pa.Table:
        """All candles the exchange prints for [since, until), or one page of them.

        A short page is not the end: the exchange is asked again behind it, until it prints nothing. At the frontier,
        where a candle may still be on its way, the next run does that.
        """
        pages: list[pa.Table] = []
        quiet_us = QUIET_US + LENGTH_US[series["interval"]]
        async with aclosing(self._walk(series, since, until, limit, first=once)) as walk:
            async for page in walk:
                pages.append(page)
                if once or self.session.client.now_us() - int(instants(page).max()) < quiet_us:
                    break
        return pa.concat_tables(pages) if pages else series.dataset.schema.empty_table()

    async def _walk(
        self, series: Series, since: int, until: int, limit: int | None, *, first: bool
    ) -> AsyncGenerator[pa.Table, None]:
        """The pages of [since, until) that hold candles, in order; with `first`, only the first of them matters."""
        if not walk_of(series).newest_first:
            ask = partial(self._page, series, limit or limit_for(series, since, until))
            async for page in by_time(ask, since // 1000, until // 1000, time="open_time", ends="close_time"):
                yield page
            return
        while since < until:
            start, end = next(pages_of(series, since, until))
            page = await self._page(series, limit_for(series, start, end), start // 1000, end // 1000 - 1)
            if page.num_rows:
                yield page
            since = await self._first_day(series, end, until) if first and not page.num_rows else end

    async def _first_day(self, series: Series, since: int, until: int) -> int:
        """An instant right before the first candle of [since, until); `until` where there is none.

        Days are asked for, since a page of minutes is a few hours long and years may lie before the first of them.
        """
        days = Series.of_row(series.dataset, {**series.values, "interval": "1d"})
        midnight = since - since % DAY_US
        for start, end in pages_of(days, midnight, until):
            page = await self._page(days, limit_for(days, start, end), start // 1000, end // 1000 - 1)
            if page.num_rows:
                return max(since, int(instants(page).min()) - longest_us(series["interval"]))
        return until

    async def _page(self, series: Series, limit: int, start_ms: int, end_ms: int) -> pa.Table:
        """One page, asked from `start_ms` up to and including `end_ms`."""
        page = await self.session.client.rows(
            feeding(series), series.values, **walk_of(series).question(series["symbol"]),
            interval=series["interval"], startTime=start_ms, endTime=end_ms, limit=limit,
        )  # fmt: skip
        self.session.progress.advance(requests=1)
        return page
