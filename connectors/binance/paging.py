"""How lists are walked: by time, by windows that split when full, by pages inside a window.

No page has rows that an earlier one held; one that changed in between is another row. A page shorter than asked is not
the end of a list: only an empty one is, or a row that reaches the end asked for, or an answer that says how many rows
there are. A cursor that does not move raises.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.binance.errors import BinanceError, WindowTooWide

Page = tuple[pa.Table, int | None]  # and how many rows the whole list has, where the answer says so
Fetch = Callable[[int], Awaitable[Page]]
FetchSpan = Callable[[int, int], Awaitable[pa.Table]]  # both ends inclusive, in milliseconds
Apart = Callable[[int, int, pa.Table], Awaitable[list[pa.Table]]]  # of a span like that, and its full page
Key = tuple[Any, ...]


class Stuck(BinanceError):  # noqa: N818 - named after what happened
    """A list cannot be walked on: its cursor does not move, or the list changes under the walk."""


async def by_time(
    fetch: FetchSpan, since_ms: int, until_ms: int, *, time: str, ends: str
) -> AsyncGenerator[pa.Table, None]:
    """Walk a list of one row per instant in ascending time over [since, until).

    Each row lasts until its `ends`: the one that reaches the end asked for is the last. Pages come as printed: two rows
    of one time contradict each other, which is the caller's to judge.
    """
    start_ms = since_ms
    while start_ms < until_ms:
        page = await fetch(start_ms, until_ms - 1)
        if not page.num_rows:
            return
        newest_ms = _newest_ms(page, time, start_ms, until_ms)
        yield page
        if int(_milliseconds(page, ends).max()) + 1 >= until_ms:
            return
        start_ms = newest_ms + 1


async def whole_window(
    fetch: FetchSpan,
    start_ms: int,
    end_ms: int,
    *,
    full: Callable[[pa.Table], bool],
    unit_ms: int = 1,
    apart: Apart | None = None,
) -> list[pa.Table]:
    """Everything in [start, end), in order; a window whose answer is full, or that is too wide, is split in two.

    Windows begin where a unit does. One that is full and no longer than a unit is told `apart` where that can be.
    """
    waiting, pages = [(start_ms, end_ms)], []
    while waiting:
        start_ms, end_ms = waiting.pop()
        page = await _narrow_enough(fetch, start_ms, end_ms)
        if isinstance(page, WindowTooWide) or full(page):
            middle_ms = start_ms + (end_ms - start_ms) // (2 * unit_ms) * unit_ms
            if middle_ms > start_ms:
                waiting += [(middle_ms, end_ms), (start_ms, middle_ms)]
            elif isinstance(page, WindowTooWide):
                raise page  # it is not the width that the exchange refuses
            elif apart is None:
                raise Stuck(f"More rows share the instant {start_ms} than a page holds.")
            else:
                pages += [one for one in await apart(start_ms, end_ms - 1, page) if one.num_rows]
        elif page.num_rows:
            pages.append(page)
    return pages


async def all_pages(fetch: Fetch, *, key: Sequence[str], full: int, by_offset: bool) -> list[pa.Table]:
    """Every page of a list whose end the caller has pinned; the first of several is read once more at the end.

    Pages are numbered from 1, or found by how many rows came before them. The last one is empty, or shorter than a
    `full` one where the exchange says that these are all rows.
    """
    seen, pages, place = set[Key](), list[pa.Table](), 0 if by_offset else 1
    while True:
        page, total = await fetch(place)
        if not page.num_rows:
            break
        fresh = _unseen(page, seen)
        if not fresh.num_rows:
            raise Stuck(f"The page at {place} holds nothing but rows of earlier pages.")
        pages.append(fresh)
        if page.num_rows < full and total == len(seen):
            break
        place += page.num_rows if by_offset else 1
    if len(pages) > 1:
        first, _ = await fetch(0 if by_offset else 1)
        if _keys(first, key) != _keys(pages[0], key):
            raise Stuck("The first page changed while the others were read.", "Run again.")
        pages += [fresh] if (fresh := _unseen(first, seen)).num_rows else []
    return pages


async def _narrow_enough(fetch: FetchSpan, start_ms: int, end_ms: int) -> pa.Table | WindowTooWide:
    try:
        return await fetch(start_ms, end_ms - 1)
    except WindowTooWide as answer:
        return answer


def _newest_ms(page: pa.Table, time: str, start_ms: int, until_ms: int) -> int:
    """The last millisecond on a page. Bounds that the exchange clamped in silence show by rows outside of them."""
    printed = _milliseconds(page, time)
    oldest, newest = int(printed.min()), int(printed.max())
    if oldest < start_ms or newest >= until_ms:
        raise Stuck(f"The exchange sent rows outside of the time asked for, {start_ms} to {until_ms}.")
    return newest


def _milliseconds(page: pa.Table, time: str) -> npt.NDArray[np.int64]:
    instants: npt.NDArray[np.int64] = page[time].combine_chunks().view(pa.int64()).to_numpy(zero_copy_only=False)
    return instants // 1000


def _unseen(page: pa.Table, seen: set[Key]) -> pa.Table:
    """The rows of a page that are new or changed, each once; `seen` takes them up."""
    fresh = []
    for row in _keys(page, page.column_names):
        fresh.append(row not in seen)
        seen.add(row)
    return page if all(fresh) else page.filter(pa.array(fresh))


def _keys(page: pa.Table, key: Sequence[str]) -> list[Key]:
    columns = [page[name] for name in key]
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in columns]
    return list(zip(*(column.to_pylist() for column in plain), strict=True))
