"""A sampled audit: candles that came from the archive are asked for again over REST, a few pages a day.

Nothing is changed by it. What differs is a row of `check_results` under the name `archive_audit`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints import feeding
from connectors.binance.errors import UnknownSymbol
from connectors.lake import Lake
from pipelines.candles.windows import page_rows, walk_of
from pipelines.context.session import Session
from pipelines.pull.symbols import Listing, known
from pipelines.quality.checks import SAMPLE_ROWS, CheckResult, record
from pipelines.store.candles import held
from pipelines.store.filters import timestamp
from pipelines.store.rows import Instants, instants, with_instants
from schemas.datasets import DATASETS, playing
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import CHECK_RESULTS
from schemas.derived.canonical import records
from schemas.model.dataset import Dataset, Role
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US, Grid
from schemas.model.instants import iso_text, moment
from schemas.model.series import Series

CANDLES = tuple(dataset.name for dataset in playing(Role.CANDLES))
NAME = "archive_audit"
DAILY_WEIGHT = 200  # of the exchange's request weight: a hundred pages, some two seconds of its budget
PROMISE = "What the archive gave is what the exchange prints over REST, as far as a day's sample shows."


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of one series, a page of the exchange long at most: [since, until)."""

    series: Series
    since: int
    until: int


async def audit(session: Session, pages: Sequence[Page]) -> CheckResult | None:
    """Hold pages of archive candles against REST and record it; None where nothing could be compared."""
    now = session.client.now_us()
    compared, found = await _compared(session, pages)
    if not compared or (session.stop.is_set() and not found):
        return None
    result = CheckResult(
        name=NAME, severity="warn", promise=PROMISE, offending_rows=len(found), sample=found[:SAMPLE_ROWS]
    )
    await asyncio.to_thread(record, session.lake, [result], uuid4().hex, moment(now))
    return result


async def _compared(session: Session, pages: Iterable[Page]) -> tuple[int, tuple[str, ...]]:
    """Hold pages against REST: how many, and the candles that differ, each once and as JSON.

    One that gets no answer is told and left out; the others are compared all the same.
    """
    compared, found = 0, dict[str, None]()
    for page in pages:
        if session.stop.is_set():
            break
        try:
            found |= dict.fromkeys(await _held_against(session, page))
        except UnknownSymbol:
            continue  # forgotten since it was last listed
        except Problem as problem:
            if problem.fatal and not found:
                raise
            if problem.fatal:
                break  # what differs is known, and worth telling
            session.note(f"{page.series.name} was not audited: {problem}")
            continue
        compared += 1
    return compared, tuple(found)


def due_pages(lake: Lake, now: int, weight: int = DAILY_WEIGHT, spared: Collection[str] = ()) -> list[Page]:
    """What the audit of the day asks for, of other markets than the `spared`; nothing where it was made already.

    The day chooses the sample, so that days add up and a run that was stopped draws the same one again.
    """
    return [] if _done_today(lake, now) else sample(lake, now // DAY_US, weight, spared)


def filed_markets(lake: Lake) -> set[str]:
    """The markets of which the archive gave candles."""
    markets = lake.table(ARCHIVE_FILES).scan(["market"], pc.field("dataset").isin(CANDLES))["market"]
    return {str(market) for market in pc.unique(markets).to_pylist()}


def sample(lake: Lake, day: int, weight: int, spared: Collection[str] = ()) -> list[Page]:
    """Pages of the candles that archive files gave, each file as likely as the candles it gave are many.

    They are as many as this request weight pays for; none is of a market that is `spared`.
    """
    files = [file for file in _loaded(lake) if file["market"] not in spared]
    if not files:
        return []
    endpoints = {feeding(_series(file)) for file in files}
    count = weight // max(endpoint.cost({"limit": endpoint.page_limit}) for endpoint in endpoints)
    chance = Random(day)  # noqa: S311 - reproducible on purpose; guards nothing
    chosen = chance.choices(files, weights=[file["rows"] for file in files], k=count)
    return list(dict.fromkeys(_page(chance, file) for file in chosen))


def _series(file: Mapping[str, Any]) -> Series:
    return Series.of_row(DATASETS[file["dataset"]], file)


def _page(chance: Random, file: dict[str, Any]) -> Page:
    series = _series(file)
    length_us = Grid.of(series["interval"]).length_us
    slots = (file["until"] - file["since"]) // length_us
    rows = page_rows(series)
    first = chance.randrange(max(1, slots - rows + 1))
    since = file["since"] + first * length_us
    return Page(series, since, min(file["until"], since + rows * length_us))


def _loaded(lake: Lake) -> list[dict[str, Any]]:
    """The last version of each file whose candles REST may have too, with the part of its time that is covered."""
    names = ["path", "dataset", "market", "symbol", "interval", "since", "until", "rows", "seen_at"]
    seen = lake.table(ARCHIVE_FILES).scan(names, pc.field("dataset").isin(CANDLES)).sort_by("seen_at")
    last = {row["path"]: row for row in with_instants(seen)}
    bounds = {name: lake.table(DATASETS[name]).bounds() for name in {file["dataset"] for file in last.values()}}
    books = {market: known(lake, market) for market in {file["market"] for file in last.values()}}
    given = (last[path] for path in sorted(last) if last[path]["rows"])
    clipped = (
        _covered(file, bounds[file["dataset"]])
        for file in given
        if not _asked_in_vain(books[file["market"]], file["symbol"])
    )
    return [file for file in clipped if file["since"] < file["until"]]


def _asked_in_vain(book: Listing, symbol: str) -> bool:
    """Whether the exchange was last seen without a symbol, so that only the archive has its candles."""
    return bool(book.rows and book.forgotten([symbol]))


def _covered(file: dict[str, Any], bounds: Mapping[str, int]) -> dict[str, Any]:
    series = _series(file)
    since, until = series.bound("since", bounds) or 0, series.bound("until", bounds) or 0
    return file | {"since": max(file["since"], since), "until": min(file["until"], until)}


def _done_today(lake: Lake, now: int) -> bool:
    where = (pc.field("check_name") == NAME) & (pc.field("checked_at") >= timestamp(now - now % DAY_US))
    return lake.table(CHECK_RESULTS).scan(["run"], where).num_rows > 0


async def _held_against(session: Session, page: Page) -> list[str]:
    """The candles of a page that are not the same here and over REST, each as JSON."""
    series, endpoint = page.series, feeding(page.series)
    stored = await asyncio.to_thread(held, session.lake.table(series.dataset), series, page.since, page.until)
    printed = await session.client.rows(
        endpoint, series.values, **walk_of(series).question(series["symbol"]), interval=series["interval"],
        startTime=page.since // 1000, endTime=page.until // 1000 - 1, limit=endpoint.page_limit,
    )  # fmt: skip
    session.progress.advance(requests=1)
    return list(_differing(series, stored, printed))


def _differing(series: Series, stored: pa.Table, printed: pa.Table) -> Iterator[str]:
    """Each instant at which the two do not have the same candle."""
    here, there = _by_instant(series.dataset, stored), _by_instant(series.dataset, printed)
    for instant in sorted(here.keys() | there.keys()):
        if here.get(instant) != there.get(instant):
            place = "only over REST" if instant not in here else "differs" if instant in there else "only stored"
            yield json.dumps(
                {"dataset": series.dataset.name, **series.values, "open_time": iso_text(instant), "what": place},
                ensure_ascii=False,
            )


def _by_instant(dataset: Dataset, rows: pa.Table) -> dict[int, bytes]:
    """The exact candles by their instant."""
    times: Instants = instants(rows)
    return dict(zip(times.tolist(), map(np.ndarray.tobytes, records(dataset, rows)), strict=True))
