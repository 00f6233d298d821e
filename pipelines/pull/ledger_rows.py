"""Windows of a ledger on their way into the lake: every state of a movement once, with the coverage it gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, count
from operator import itemgetter, or_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.pull.sure import marks_at, missed_at
from pipelines.pull.windows import SeriesWindow
from pipelines.store.filters import between, within
from pipelines.store.news import News, commit_news
from pipelines.store.rows import as_json, last_by_identity, rows_of, with_instants
from schemas.model.dataset import ORDINAL, Dataset
from schemas.model.series import Series

Row = Mapping[str, Any]
Key = tuple[Any, ...]
Note = Callable[[str], None]  # has a person told a sentence

_OF_THE_VERSION = frozenset({"version", "seen_at", "gone_since"})


@dataclass(frozen=True, slots=True)
class Answered:
    """All rows that the exchange returned for a window."""

    window: SeriesWindow
    rows: Sequence[Row]


def add_windows(lake: Lake, dataset: Dataset, answers: Sequence[Answered], now: int, note: Note) -> int:
    """Commit what these windows show that is not stored yet, with the coverage they give; how many rows were new.

    A row the lake holds that its window no longer returns gets a version with `gone_since`. A row that came with
    several contents gets a version of each, which a person is told. A window that does not touch the coverage of its
    series, since another process moved on or an earlier one failed, is left out.
    """
    table = lake.table(dataset)

    def find(bounds: Mapping[str, int]) -> list[News]:
        found = []
        for series, fitting in _touching(answers, bounds):
            versions = table.scan(where=_where(dataset, series, fitting))
            stored, rows = last_by_identity(dataset, versions), list[Row]()
            for one in fitting:
                told = _contents(dataset, one.rows, stored)
                for row in _contradictory(dataset, told, versions):
                    note(_said_of(dataset, row))
                rows += _news(dataset, one.window, told, stored, now)
            missed = [row[str(dataset.cursor)] for row in rows if _is_gone(row)]
            reached = _coverage(series, fitting, bounds)
            if missed and not all(one.window.look for one in fitting):  # a look is repeated anyway
                reached |= missed_at(series, bounds, min(missed))
            found.append(News(series, rows_of(dataset, rows), reached))
        return found

    return commit_news(table, find)


def _touching(answers: Iterable[Answered], bounds: Mapping[str, int]) -> Iterable[tuple[Series, list[Answered]]]:
    """The windows of each series that extend its coverage without a hole, in the order they were asked for."""
    found: dict[Series, list[Answered]] = {}
    reached: dict[Series, tuple[int, int]] = {}
    for one in answers:
        series, window = one.window.series, one.window
        since, until = reached.get(series) or (
            series.bound("since", bounds) or window.since,
            series.bound("until", bounds) or window.since,
        )
        if window.since <= until and since <= window.until:
            reached[series] = min(since, window.since), max(until, window.until)
            found.setdefault(series, []).append(one)
    return found.items()


def _coverage(series: Series, answers: Sequence[Answered], bounds: Mapping[str, int]) -> dict[str, int]:
    windows = [one.window for one in answers]
    sinces = [one for one in (series.bound("since", bounds), *(window.since for window in windows)) if one is not None]
    untils = [one for one in (series.bound("until", bounds), *(window.until for window in windows)) if one is not None]
    marks = (marks_at(series, bounds, window.until) for window in windows if window.last)
    return {"since": min(sinces), "until": max(untils)} | next(marks, {})


def _where(dataset: Dataset, series: Series, answers: Sequence[Answered]) -> pc.Expression:
    """The rows of a series that lie in these windows, or have the key of one that came."""
    time, id_ = str(dataset.cursor), dataset.identity[-1]
    inside = [between(time, one.window.ask_since, one.window.until) for one in answers]
    if time in dataset.identity:
        return within([series]) & reduce(or_, inside)
    ids = sorted({row[id_] for one in answers for row in one.rows})
    returned = pc.field(id_).isin(pa.array(ids, dataset.schema.field(id_).type))
    return within([series]) & (reduce(or_, inside) | returned)


def _contents(dataset: Dataset, rows: Sequence[Row], stored: Mapping[Key, Row]) -> dict[Key, list[Row]]:
    """The different contents with which each thing came, in their order."""
    told: dict[Key, list[Row]] = {}
    for row in _numbered(dataset, rows, stored) if dataset.counted else rows:
        contents = told.setdefault(dataset.identity_of(row), [])
        if row not in contents:
            contents.append(row)
    return told


def _contradictory(dataset: Dataset, told: dict[Key, list[Row]], versions: pa.Table) -> Iterator[Row]:
    """The content that counts of each thing that came with several, where one is news; `told` keeps those and it.

    The content of the latest time counts, else the one that came last.
    """
    for key in [key for key, contents in told.items() if len(contents) > 1]:
        known = [row for row in with_instants(versions) if dataset.identity_of(row) == key]
        *earlier, last = sorted(told[key], key=itemgetter(str(dataset.cursor)))
        news = [row for row in earlier if not any(_agree(row, one) for one in known)]
        told[key] = [*news, last]
        if news or not any(_agree(last, one) for one in known):
            yield last


def _said_of(dataset: Dataset, row: Row) -> str:
    named = ", ".join(f"{name} {row[name]}" for name in dataset.identity if name not in dataset.series)
    return f"{dataset.name}: one answer had {named} with different contents; each is kept, and the latest one counts."


def _news(
    dataset: Dataset, window: SeriesWindow, told: Mapping[Key, Sequence[Row]], stored: dict[Key, Row], now: int
) -> list[Row]:
    """The new versions that one window gives; `stored` takes them up."""
    time, news = str(dataset.cursor), list[Row]()
    for key in [key for key, row in stored.items() if window.ask_since <= row[time] < window.until]:
        if key not in told and not _is_gone(stored[key]):
            news.append(_version(stored[key], stored[key], now, now))
            stored[key] = news[-1]
    for key, contents in told.items():
        for row in contents:
            if key not in stored or _differs(row, stored[key]):
                news.append(_version(row, stored.get(key), None, now))
                stored[key] = news[-1]
    return news


def _numbered(dataset: Dataset, rows: Iterable[Row], stored: Mapping[Key, Row]) -> list[Row]:
    """Rows without a name of their own under the ordinals of those that are stored: counts are matched, not sets."""
    ordinals, groups = defaultdict[Key, dict[int, Row]](dict), defaultdict[Key, list[Row]](list)
    for (*key, ordinal), row in stored.items():
        ordinals[tuple(key)][ordinal] = row
    for row in sorted(rows, key=as_json):
        groups[dataset.identity_of(row)[:-1]].append(row)
    return [row for key, group in groups.items() for row in _matched(group, ordinals[key])]


def _matched(group: Iterable[Row], stored: Mapping[int, Row]) -> Iterator[Row]:
    """Rows that agree in their key: each is the stored one that it equals, else one that is left over, else new."""
    left, others = dict(stored), list[Row]()
    for row in group:
        same = min(((_is_gone(left[each]), each) for each in left if _agree(row, left[each])), default=None)
        if same is None:
            others.append(row)
        else:
            del left[same[1]]
            yield {**row, ORDINAL: same[1]}
    changed = sorted(each for each in left if not _is_gone(left[each]))
    for row, ordinal in zip(others, chain(changed, count(max(stored, default=0) + 1)), strict=False):
        yield {**row, ORDINAL: ordinal}


def _is_gone(row: Row) -> bool:
    return row["gone_since"] is not None


def _agree(row: Row, before: Row) -> bool:
    return all(value == before[name] for name, value in row.items() if name not in {*_OF_THE_VERSION, ORDINAL})


def _differs(row: Row, before: Row) -> bool:
    return _is_gone(before) or not _agree(row, before)


def _version(row: Row, before: Row | None, gone_since: int | None, now: int) -> Row:
    return {**row, "version": before["version"] + 1 if before else 1, "gone_since": gone_since, "seen_at": now}
