"""Walking lists: whatever the list and the page size, every row comes once, in order, and the walk ends."""

import asyncio

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.errors import WindowTooWide
from connectors.binance.paging import Page, Stuck, all_pages, by_time, whole_window

SCHEMA = pa.schema([("id", pa.int64()), ("time", pa.timestamp("us", tz="UTC")), ("end", pa.timestamp("us", tz="UTC"))])

times = st.lists(st.integers(0, 200), max_size=80).map(sorted)
limits = st.integers(1, 12)
stumbles = st.lists(st.integers(0, 12), max_size=20)


def rows(milliseconds, lasts=1) -> list[dict]:
    return [{"id": n, "time": ms * 1000, "end": (ms + lasts - 1) * 1000} for n, ms in enumerate(milliseconds)]


class Oracle:
    """An endpoint over a list in memory. It may give shorter pages than asked, but at least one row if there is one."""

    def __init__(self, listed, limit, stumbles=()) -> None:
        self.listed, self.limit, self.stumbles, self.asked = listed, limit, list(stumbles), []

    def page(self, found) -> pa.Table:
        short = max(1, self.stumbles.pop()) if self.stumbles else self.limit
        return pa.Table.from_pylist(found[: min(self.limit, short)], schema=SCHEMA)

    async def span(self, start_ms, end_ms):
        self.asked.append((start_ms, end_ms))
        return self.page([row for row in self.listed if start_ms <= row["time"] // 1000 <= end_ms])

    async def numbered(self, number):
        self.asked.append(number)
        return self.page(self.listed[(number - 1) * self.limit :]), None

    async def counted(self, number):
        page, _ = await self.numbered(number)
        return page, len(self.listed)


def walked(pages) -> list[int]:
    """The ids of all rows of a walk, in order."""

    async def collect() -> list[int]:
        return [at async for page in pages for at in page["id"].to_pylist()]

    return asyncio.run(collect())


def expected(listed, since, until) -> list[int]:
    return [row["id"] for row in listed if since <= row["time"] // 1000 < until]


def test_by_time_asks_once_when_the_last_row_reaches_the_end():
    """A full window of candles costs one request."""
    oracle = Oracle(rows(range(0, 100, 10), lasts=10), limit=10)
    pages = by_time(oracle.span, 0, 100, time="time", ends="end")
    assert walked(pages) == list(range(10))
    assert oracle.asked == [(0, 99)]


@given(st.lists(st.integers(0, 30), unique=True).map(sorted), limits, stumbles, st.integers(0, 31), st.integers(0, 31))
def test_by_time_with_rows_that_last(found, limit, short, since, until):
    """Candles with holes and short pages all come once, whether or not the last one reaches the end."""
    oracle = Oracle(rows([n * 10 for n in found], lasts=10), limit, short)
    pages = by_time(oracle.span, since * 10, until * 10, time="time", ends="end")
    assert walked(pages) == expected(oracle.listed, since * 10, until * 10)


def test_by_time_refuses_rows_from_elsewhere():
    """An exchange that clamps the window in silence is found out."""

    async def clamped(_start, _end) -> pa.Table:
        return pa.Table.from_pylist(rows([500]), schema=SCHEMA)

    with pytest.raises(Stuck, match="outside"):
        walked(by_time(clamped, 0, 100, time="time", ends="end"))


def test_rows_of_one_time_are_the_callers_to_judge():
    """Two rows of one time are both handed on: the caller sees that they contradict each other, and judges."""

    async def doubled(start, _end) -> pa.Table:
        return pa.Table.from_pylist(
            [row for row in rows([1, 2]) for _ in "xx" if row["time"] >= start * 1000], schema=SCHEMA
        )

    assert walked(by_time(doubled, 0, 100, time="time", ends="end")) == [0, 0, 1, 1]


def whole(pages) -> list[int]:
    """The ids of all rows of pages that come at once, in order."""
    return [at for page in asyncio.run(pages) for at in page["id"].to_pylist()]


@given(times, st.integers(0, 100), st.integers(101, 250), st.data())
def test_whole_window(found, since, until, data):
    """A window that comes back full is split until none is; every row comes once, in order."""
    crowd = max((found.count(ms) for ms in found), default=0)
    limit = data.draw(st.integers(crowd + 1, crowd + 10))
    oracle = Oracle(rows(found), limit)
    pages = whole_window(oracle.span, since, until, full=lambda page: page.num_rows >= limit)
    assert whole(pages) == expected(oracle.listed, since, until)


def test_whole_window_narrows_when_told():
    """A window that the exchange finds too wide is halved like a full one."""
    oracle = Oracle(rows(range(100)), limit=1000)

    async def narrow_only(start, end) -> pa.Table:
        if end - start >= 30:
            raise WindowTooWide("too wide")
        return await oracle.span(start, end)

    assert whole(whole_window(narrow_only, 0, 100, full=lambda page: page.num_rows >= 1000)) == list(range(100))


def test_whole_window_says_when_a_millisecond_holds_more_than_a_page():
    """A full window of one millisecond cannot be split."""
    oracle = Oracle(rows([3, 3, 3]), limit=3)
    with pytest.raises(Stuck, match="instant 3"):
        whole(whole_window(oracle.span, 0, 10, full=lambda page: page.num_rows >= 3))


def test_whole_window_asks_in_parts_for_what_shares_an_instant():
    """N1: more rows of one second than an answer holds are asked for in parts, and no window is split below a second."""
    oracle = Oracle(rows([500, 1000, 1000, 1000, 2500]), limit=3)
    asked = []

    async def apart(start, end, page) -> list[pa.Table]:
        asked.append((start, end, page.num_rows))
        return [oracle.page(oracle.listed[1:3]), oracle.page([]), oracle.page(oracle.listed[3:4])]

    pages = whole_window(oracle.span, 0, 3000, full=lambda page: page.num_rows >= 3, unit_ms=1000, apart=apart)
    assert whole(pages) == list(range(5))
    assert asked == [(1000, 1999, 3)]


@given(times, limits)
def test_all_pages_by_number(found, limit):
    """All pages to the first empty one; where there were several, the first once more to see that nothing moved."""
    oracle = Oracle(rows(found), limit)
    pages = all_pages(oracle.numbered, key=("id",), full=limit, by_offset=False)
    assert whole(pages) == expected(oracle.listed, 0, 1000)
    assert oracle.asked[-1] == (1 if len(found) > limit or not found else 2)


@given(times, limits)
def test_all_pages_that_are_counted(found, limit):
    """Where each answer says how many rows there are, no empty page is asked for behind a short one that is the last."""
    oracle = Oracle(rows(found), limit)
    pages = all_pages(oracle.counted, key=("id",), full=limit, by_offset=False)
    assert whole(pages) == expected(oracle.listed, 0, 1000)
    assert len(oracle.asked) == len(found) // limit + 1 + (len(found) > limit)


@given(times, limits, stumbles)
def test_all_pages_go_on_behind_a_short_page_that_is_not_the_last(found, limit, short):
    """A page with fewer rows than asked for ends a list of which more is said to come no sooner than an empty one."""
    oracle, first = Oracle(rows(found), limit, short), dict[int, pa.Table]()

    async def skipped(offset) -> Page:
        return first.setdefault(offset, oracle.page(oracle.listed[offset:])), len(oracle.listed)

    pages = all_pages(skipped, key=("id",), full=limit, by_offset=True)
    assert whole(pages) == expected(oracle.listed, 0, 1000)


@given(times, limits, stumbles)
def test_all_pages_by_offset(found, limit, short):
    """Every row comes once, also from pages that are too short: what is left out are the rows that came."""
    oracle = Oracle(rows(found), limit, short)
    first: dict[int, pa.Table] = {}

    async def skipped(offset) -> Page:
        return first.setdefault(offset, oracle.page(oracle.listed[offset:])), None

    pages = all_pages(skipped, key=("id",), full=limit, by_offset=True)
    assert whole(pages) == expected(oracle.listed, 0, 1000)


def test_all_pages_notices_a_list_that_moves():
    """When rows are added in front while the pages are read, rows may have slipped through: the walk raises."""
    oracle = Oracle(rows(range(6)), limit=2)

    async def moving(number) -> Page:
        page = await oracle.numbered(number)
        if number == 2:
            oracle.listed.insert(0, {"id": 99, "time": 0, "end": 0})
        return page

    with pytest.raises(Stuck, match="changed"):
        whole(all_pages(moving, key=("id",), full=2, by_offset=False))


@pytest.mark.parametrize("changed", [0, 3])
def test_all_pages_keeps_what_a_row_was_and_what_it_became(changed):
    """A row that changes while the pages are read comes with both contents, where it is read twice."""
    oracle = Oracle(rows(range(6)), limit=2)

    async def moving(number) -> Page:
        shifted = changed > 1 and number > 2  # then the rows of page 2 come again on page 3, else page 1 is read again
        page = await oracle.numbered(number - shifted)
        if number == 2:
            oracle.listed[changed] |= {"end": 77_000}
        return page

    pages = asyncio.run(all_pages(moving, key=("id",), full=2, by_offset=False))
    ends = [row["end"].microsecond for page in pages for row in page.to_pylist() if row["id"] == changed]
    assert ends == [changed * 1000, 77_000]


def test_all_pages_does_not_walk_in_circles():
    """A server that ignores the page number is told, not followed."""
    oracle = Oracle(rows([1, 2]), 10)

    async def ignores(_number) -> Page:
        return await oracle.numbered(1)

    with pytest.raises(Stuck, match="page at 2"):
        whole(all_pages(ignores, key=("id",), full=10, by_offset=False))
