"""The view `id_completeness`: which ids of trades each month should hold, and what is missing of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.lakes import at
from support.tables import Tables, offending

from schemas.datasets.journal import GAPS
from schemas.datasets.trades import AGG_TRADES, TRADES
from schemas.model.dataset import Dataset
from schemas.model.series import Series

NOW = at("2026-03-05")
OF = {"market": "spot", "symbol": "BTCUSDT"}
Ids = dict[str, list[int]]  # by the instants of their rows


def cover(tables: Tables, dataset: Dataset, ids: Ids, first: int, end: int, since: str = "2026-01-30") -> None:
    """Cover [first, end) of the ids of a series, of which these are stored."""
    name = dataset.id_column
    rows = [{**OF, name: one, "time": time} for time, some in ids.items() for one in some]
    tables.put(dataset, *rows, since={"spot/BTCUSDT": since}, until={"spot/BTCUSDT": "2026-03-01"})
    tables.note(Series.of(dataset, **OF), since_id=first, until_id=end)


def gap(ids: list[list[int]] | None, *, confirmed: bool = True, dataset: Dataset = AGG_TRADES, **more: Any) -> Any:
    told = {"asked": "it"} if ids is None else {"asked": "it", "ids": ids}
    return {
        "dataset": dataset.name, **OF, "since": "2026-02-01", "until": "2026-02-02", "reason": "skipped_ids",
        "evidence": json.dumps(told), "first_seen": "2026-03-01", "seen_at": "2026-03-01",
        "confirmed_at": "2026-03-01T02:00" if confirmed else None, **more,
    }  # fmt: skip


def months(tables: Tables) -> list[tuple[Any, ...]]:
    shown = "month, rows, expected_rows, explained_rows, missing_rows, status"
    return tables.tuples(f"SELECT {shown} FROM id_completeness ORDER BY month")


def unnamed(tables: Tables) -> list[int]:
    """How many ids the check finds that nobody names, by month."""
    return [row["missing"] for row in offending(tables.check("trade_ids_contiguous", NOW))]


@pytest.mark.parametrize("dataset", [AGG_TRADES, TRADES], ids=lambda one: one.name)
def test_an_id_that_is_named_and_stored_hides_no_other(tables: Tables, dataset: Dataset) -> None:
    """A gap that names an id which is there, as a killed run leaves it, explains none that is not."""
    cover(tables, dataset, {"2026-02-01": [5, 6, 7, 9]}, 5, 10)
    tables.put(GAPS, gap([[6, 6]], dataset=dataset))
    assert months(tables)[1:] == [("2026-02", 4, 5, 0, 1, "missing")]
    assert unnamed(tables) == [1]
    tables.put(GAPS, gap([[8, 8]], dataset=dataset, since="2026-02-03", until="2026-02-04"))
    assert months(tables)[1:] == [("2026-02", 4, 5, 1, 0, "explained")]
    assert unnamed(tables) == []


def test_an_id_that_two_gaps_name_is_explained_once(tables: Tables) -> None:
    """What two gaps name counts once, and leaves another id missing."""
    cover(tables, AGG_TRADES, {"2026-02-01": [1, 2, 3]}, 1, 8)
    tables.put(GAPS, gap([[5, 6]]), gap([[4, 6]], since="2026-02-03", until="2026-02-04"))
    assert months(tables)[1:] == [("2026-02", 3, 7, 3, 1, "missing")]
    assert unnamed(tables) == [1]


def test_what_nobody_confirmed_is_named_and_missing(tables: Tables) -> None:
    """An id that was missed once is missing still, and no fault of the lake."""
    cover(tables, AGG_TRADES, {"2026-02-01": [1, 3]}, 1, 4)
    tables.put(GAPS, gap([[2, 2]], confirmed=False))
    assert months(tables)[1:] == [("2026-02", 2, 3, 0, 1, "missing")]
    assert unnamed(tables) == []


def test_an_id_that_is_older_than_the_one_before_lies_in_its_month(tables: Tables) -> None:
    """At the turn of a month ids and instants may go different ways: each month is complete with the rows that it has."""
    turn = {"2026-01-31T23:59": [1, 2, 4], "2026-02-01": [3, 5], "2026-02-28T23:59": [7], "2026-03-01": [6]}
    cover(tables, AGG_TRADES, turn, 1, 8)
    assert months(tables) == [
        ("2026-01", 3, 3, 0, 0, "complete"),
        ("2026-02", 3, 3, 0, 0, "complete"),
        ("2026-03", 1, 1, 0, 0, "complete"),
    ]
    assert unnamed(tables) == []


def test_coverage_without_a_row_is_spoken_of(tables: Tables) -> None:
    """A series whose rows are all gone is missing what it covered, from the month on that coverage begins in."""
    cover(tables, AGG_TRADES, {}, 1, 8)
    assert months(tables) == [("2026-01", 0, 7, 0, 7, "missing")]
    assert unnamed(tables) == [7]


def test_a_month_before_the_first_trade_is_complete(tables: Tables) -> None:
    """Where nothing was traded nothing is missing; a row that is older than coverage begins is out of no range."""
    cover(tables, AGG_TRADES, {"2026-02-01": [1, 2], "2026-01-31": [3]}, 1, 4, since="2026-02-01")
    assert [(month, missing) for month, *_, missing, _ in months(tables)] == [("2026-01", 0), ("2026-02", 0)]


def test_a_month_that_was_forgotten_in_part_says_so(tables: Tables) -> None:
    """Of a month whose beginning the exchange no longer returned all ids may be there: it is not complete."""
    cover(tables, AGG_TRADES, {"2026-02-01": [1, 2], "2026-03-01": [3]}, 1, 4, since="2026-01-30")
    tables.put(GAPS, gap(None, reason="not_retained", since="2026-01-30", until="2026-02-01"))
    assert [status for *_, status in months(tables)] == ["not_retained", "complete", "complete"]
