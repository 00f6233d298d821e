"""The view `time_completeness`: what each month holds of what comes along time, and what is missing of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.lakes import at, filled
from support.tables import Tables, offending

from schemas.datasets import DATASETS
from schemas.datasets.archived import BOOK_DEPTH, METRICS, OPTION_SUMMARIES
from schemas.datasets.derivatives import DELIVERY_PRICES, FUNDING_RATES, LONG_SHORT_RATIOS
from schemas.datasets.journal import GAPS
from schemas.derived.sql import TIME_SERIES
from schemas.model.dataset import Dataset

ALONG_TIME = [dataset for dataset in DATASETS.values() if dataset.along_time]
BY_FILE_OR_TIME = {
    "metrics", "book_depth", "book_ticker_updates", "liquidations", "option_summaries", "funding_rates", "open_interest", "long_short_ratios",
    "taker_volume", "basis", "delivery_prices",
}  # fmt: skip
OF = {"market": "usdm", "symbol": "BTCUSDT", "kind": "global_accounts"}
NOW = at("2026-03-05")
STEP = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}


def named(dataset: Dataset) -> dict[str, str]:
    return {name: OF[name] for name in dataset.series}


def cover(tables: Tables, dataset: Dataset, since: str, until: str, *rows: dict[str, Any]) -> None:
    """Cover a stretch of one series, in which these rows lie."""
    series, clock = "/".join(named(dataset).values()), str(dataset.clock)
    whole = [{**filled(dataset), **named(dataset), "rate_type": "Regular", **row} for row in rows]
    timed = [{**row, clock: row.get("at", row[clock])} for row in whole]
    tables.put(dataset, *timed, since={series: since}, until={series: until})


def slots(dataset: Dataset, since: str, until: str, without: set[str] = frozenset()) -> list[dict[str, Any]]:
    """A row in each slot of a stretch but these."""
    step, first = STEP[str(dataset.grid)], at(since)
    instants = [first + step * number for number in range((at(until) - first) // step)]
    return [{"at": f"{one:%Y-%m-%dT%H:%M}"} for one in instants if f"{one:%d %H:%M}" not in without]


def gap(dataset: Dataset, since: str, until: str | None, reason: str, *, confirmed: bool = True) -> dict[str, Any]:
    seen = {"first_seen": "2026-03-01", "seen_at": "2026-03-01"}
    confirmed_at = "2026-03-01T02:00" if confirmed else None
    told = {"since": since, "until": until, "reason": reason, "confirmed_at": confirmed_at}
    return {"dataset": dataset.name, **named(dataset), **told, **seen}


def months(tables: Tables, *columns: str) -> list[tuple[Any, ...]]:
    shown = ", ".join(columns or ("month", "rows", "expected_rows", "explained_rows", "missing_rows", "status"))
    return [tuple(row.values()) for row in tables.rows(f"SELECT {shown} FROM time_completeness ORDER BY month")]


def test_every_market_dataset_with_a_past_is_spoken_of() -> None:
    """What comes along time and is neither candles nor trades is known by its declaration, and named as SQL has it."""
    assert {dataset.name for dataset in ALONG_TIME} == BY_FILE_OR_TIME
    assert all(set(dataset.series) <= set(TIME_SERIES) for dataset in ALONG_TIME)


@pytest.mark.parametrize("dataset", [one for one in ALONG_TIME if one.grid], ids=lambda one: one.name)
def test_each_slot_of_a_grid_counts(dataset: Dataset, tables: Tables) -> None:
    """A month with a row in every slot is complete; a slot without one is missing, and the check names it."""
    cover(
        tables,
        dataset,
        "2026-01-31T22:00",
        "2026-02-01T02:00",
        *slots(dataset, "2026-01-31T22:00", "2026-02-01T02:00", {"01 01:00"}),
    )
    each = timedelta(hours=2) // STEP[str(dataset.grid)]
    assert months(tables) == [
        ("2026-01", each, each, 0, 0, "complete"),
        ("2026-02", each - 1, each, 0, 1, "missing"),
    ]
    [row] = offending(tables.check("time_grid", NOW))
    assert (row["dataset"], row["since"][:16], row["missing"]) == (dataset.name, "2026-02-01 01:00", 1)


@pytest.mark.parametrize(
    ("reason", "confirmed", "expected"),
    [
        ("exchange_outage", True, ("explained", 12, 0)),
        ("exchange_outage", False, ("missing", 0, 12)),
        ("not_retained", True, ("not_retained", 12, 0)),
        ("late", True, ("missing", 0, 12)),
        ("not_in_archive", True, ("missing", 0, 12)),
        ("unusable", True, ("missing", 0, 12)),
    ],
)
def test_what_a_gap_says_of_slots(reason: str, confirmed: bool, expected: tuple[str, int, int], tables: Tables) -> None:
    """A confirmed word of the exchange explains; a file that nobody could read explains nothing. Either is named."""
    hour = {f"01 01:{minute:02}" for minute in range(0, 60, 5)}
    rows = slots(METRICS, "2026-02-01", "2026-02-01T02:00", hour)
    cover(tables, METRICS, "2026-02-01", "2026-02-01T02:00", *rows)
    tables.put(GAPS, gap(METRICS, "2026-02-01T01:00", "2026-02-01T02:00", reason, confirmed=confirmed))
    assert months(tables, "status", "explained_rows", "missing_rows", "reasons") == [(*expected, [reason])]
    assert tables.check("time_grid", NOW).passed


def test_gaps_that_overlap_explain_a_slot_once(tables: Tables) -> None:
    """What two gaps say counts once, and a row inside of a gap makes up for no other slot."""
    rows = slots(METRICS, "2026-02-01", "2026-02-01T00:20") + slots(METRICS, "2026-02-01T00:45", "2026-02-01T01:00")
    cover(tables, METRICS, "2026-02-01", "2026-02-01T01:00", *rows)
    for since, until in (("2026-02-01T00:15", "2026-02-01T00:35"), ("2026-02-01T00:25", "2026-02-01T00:40")):
        tables.put(GAPS, gap(METRICS, since, until, "exchange_outage"))
    assert months(tables) == [("2026-02", 7, 12, 4, 1, "missing")]
    [row] = offending(tables.check("time_grid", NOW))
    assert (row["since"][11:16], row["until"][11:16]) == ("00:40", "00:45")


def test_rows_of_one_slot_fill_it_once(tables: Tables) -> None:
    """Many contracts of an hour fill one slot of their underlying, and a row off the grid fills the slot it lies in."""
    hour = [{"at": "2026-02-01T00:00", "contract": one} for one in "ABC"]
    cover(tables, OPTION_SUMMARIES, "2026-02-01", "2026-02-01T03:00", *hour, {"at": "2026-02-01T02:10"})
    assert months(tables) == [("2026-02", 4, 3, 0, 1, "missing")]


@pytest.mark.parametrize("dataset", [BOOK_DEPTH, DELIVERY_PRICES], ids=lambda one: one.name)
def test_without_a_grid_coverage_alone_speaks(dataset: Dataset, tables: Tables) -> None:
    """A month without a row is covered; one of which a day was not answered is missing, whatever else it holds."""
    cover(tables, dataset, "2026-01-01", "2026-04-01", {"at": "2026-02-03"})
    tables.put(GAPS, gap(dataset, "2026-02-07", "2026-02-08", "late", confirmed=False))
    tables.put(GAPS, gap(dataset, "2026-03-07", "2026-03-08", "not_retained"))
    assert months(tables, "month", "rows", "expected_rows", "missing_rows", "status") == [
        ("2026-01", 0, None, 0, "covered"),
        ("2026-02", 1, None, 0, "missing"),
        ("2026-03", 0, None, 0, "not_retained"),
    ]


def test_each_kind_is_a_series_of_its_own(tables: Tables) -> None:
    """What one kind of ratio has fills no slot of another, nor does a gap of one explain another's."""
    until = "2026-02-01T00:10"
    cover(tables, LONG_SHORT_RATIOS, "2026-02-01", until, *slots(LONG_SHORT_RATIOS, "2026-02-01", until))
    other = {"usdm/BTCUSDT/top_accounts": "2026-02-01"}, {"usdm/BTCUSDT/top_accounts": until}
    tables.put(LONG_SHORT_RATIOS, since=other[0], until=other[1])
    tables.put(GAPS, gap(LONG_SHORT_RATIOS, "2026-02-01", until, "exchange_outage"))
    rows = tables.rows("SELECT kind, status, missing_rows FROM time_completeness ORDER BY kind")
    assert [tuple(row.values()) for row in rows] == [("global_accounts", "complete", 0), ("top_accounts", "missing", 2)]


def test_fundings_that_are_lacking_are_missing(tables: Tables) -> None:
    """Between two others one that did not come is missing until a gap is confirmed; before the first none is expected."""
    paid = ["2026-01-31T16:00", "2026-02-01T00:00", "2026-02-01T16:00"]
    cover(tables, FUNDING_RATES, "2025-12-20", "2026-02-01T18:00", *({"at": one} for one in paid))
    assert months(tables) == [
        ("2025-12", 0, None, 0, 0, "covered"),
        ("2026-01", 1, 1, 0, 0, "complete"),
        ("2026-02", 2, 3, 0, 1, "missing"),
    ]
    tables.put(GAPS, gap(FUNDING_RATES, "2026-02-01T08:00", "2026-02-01T16:00", "exchange_outage"))
    assert months(tables)[-1] == ("2026-02", 2, 3, 1, 0, "explained")


def test_a_gap_beside_a_hole_hides_no_funding(tables: Tables) -> None:
    """Of two fundings that are lacking a gap names the one that it covers."""
    cover(tables, FUNDING_RATES, "2026-02-01", "2026-02-02", {"at": "2026-02-01T00:00"}, {"at": "2026-02-02T00:00"})
    tables.put(GAPS, gap(FUNDING_RATES, "2026-02-01T08:00", "2026-02-01T16:00", "exchange_outage"))
    [row] = offending(tables.check("funding_grid", NOW))
    assert (row["since"][11:16], row["missing"]) == ("16:00", 1)
    assert months(tables, "explained_rows", "missing_rows", "status") == [(1, 1, "missing")]
