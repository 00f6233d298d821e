"""The check `funding_grid` names fundings that are lacking or off their hours, and passes on those that are not."""

from __future__ import annotations

from typing import Any

import pytest
from support.lakes import at
from support.tables import Tables, offending

from schemas.datasets.derivatives import FUNDING_INFO, FUNDING_RATES
from schemas.datasets.journal import GAPS
from schemas.datasets.market import SYMBOLS

NOW = at("2026-03-05")
OF = {"market": "usdm", "symbol": "BTCUSDT"}
REGULAR = ["2026-03-01 00:00:00.007", "2026-03-01 08:00", "2026-03-01 16:00:00.013", "2026-03-02 00:00"]


def paid(tables: Tables, *times: str, until: str = "2026-03-02 08:00", rate_type: str = "Regular") -> None:
    rows = [{**OF, "funding_time": each, "funding_rate": "0.0001", "rate_type": rate_type} for each in times]
    covered = {"usdm/BTCUSDT": "2026-02-01"}, {"usdm/BTCUSDT": until}
    tables.put(FUNDING_RATES, *rows, since=covered[0], until=covered[1])


def told(tables: Tables, hours: int, valid_from: str, gone_since: str | None = None) -> None:
    limits = {"adjusted_funding_rate_cap": "0.02", "adjusted_funding_rate_floor": "-0.02"}
    row = {**OF, **limits, "funding_interval_hours": hours, "valid_from": valid_from, "gone_since": gone_since}
    tables.put(FUNDING_INFO, row)


def found(tables: Tables) -> list[tuple[str, int]]:
    return [(row["since"][:16], row["missing"]) for row in offending(tables.check("funding_grid", NOW))]


def test_fundings_every_eight_hours_pass(tables: Tables) -> None:
    """Milliseconds late, a special one between two, and nothing before the first are as they should be (C23)."""
    paid(tables, *REGULAR)
    paid(tables, "2026-03-01 03:30", rate_type="Special")
    assert tables.check("funding_grid", NOW).passed


@pytest.mark.parametrize("lacking", [1, 2])
def test_a_funding_that_is_lacking_is_named(lacking: int, tables: Tables) -> None:
    """Between two others a funding that is not stored warns, and a gap explains it."""
    paid(tables, *(each for each in REGULAR if each != REGULAR[lacking]))
    assert found(tables) == [(REGULAR[lacking][:16], 1)]
    until = REGULAR[lacking + 1][:16]
    gap = {"dataset": "funding_rates", **OF, "since": REGULAR[lacking][:16], "until": until, "reason": "late"}
    tables.put(GAPS, {**gap, "first_seen": "2026-03-02", "seen_at": "2026-03-02"})
    assert tables.check("funding_grid", NOW).passed


def test_the_hours_are_those_told_at_that_time(tables: Tables) -> None:
    """Every 4 hours once the exchange said so, and every 8 again once the contract has no interval of its own."""
    told(tables, 4, "2026-03-01 08:00")
    paid(tables, *REGULAR[:3], "2026-03-01 12:00")
    paid(tables, "2026-03-02 00:00", "2026-03-02 08:00", until="2026-03-02 12:00")
    assert found(tables) == [("2026-03-01 20:00", 1), ("2026-03-02 04:00", 1)]
    told(tables, 4, "2026-03-02 00:00", gone_since="2026-03-02 00:00")
    assert tables.check("funding_grid", NOW).passed


@pytest.mark.parametrize(
    ("times", "named"),
    [
        (["00", "04", "12", "16"], [("2026-03-01 08:00", 1)]),
        (["00", "04", "16", "20"], [("2026-03-01 08:00", 2)]),
        (["00", "01", "03", "04"], [("2026-03-01 02:00", 1)]),
        (["00", "04", "12"], []),
        (["00", "04", "12", "20"], []),
        (["00", "08", "12", "20"], []),
    ],
)
def test_an_interval_between_two_shorter_ones_lacks_a_funding(
    times: list[str], named: list[tuple[str, int]], tables: Tables
) -> None:
    """Before `funding_info` was ever asked for, those right before and behind say how often a contract paid."""
    paid(tables, *(f"2026-03-01 {each}:00" for each in times), until="2026-03-01 21:00")
    assert found(tables) == named


def test_a_contract_that_trades_pays_up_to_the_end(tables: Tables) -> None:
    """Coverage that ends more than an interval after the last funding lacks one, unless the contract was settled."""
    paid(tables, *REGULAR, until="2026-03-02 17:00")
    assert tables.check("funding_grid", NOW).passed
    listed(tables, "TRADING", "2026-01-01")
    assert found(tables) == [("2026-03-02 08:00", 2)]
    listed(tables, "SETTLING", "2026-03-02")
    assert tables.check("funding_grid", NOW).passed


def listed(tables: Tables, status: str, valid_from: str) -> None:
    told: dict[str, Any] = {column.name: None for column in SYMBOLS.columns if column.nullable}
    tables.put(
        SYMBOLS, told | {**OF, "status": status, "base_asset": "BTC", "quote_asset": "USDT", "valid_from": valid_from}
    )


def test_a_funding_off_its_hour_is_named(tables: Tables) -> None:
    """More than a minute after the hour is no lateness of milliseconds."""
    paid(tables, *REGULAR[:3], "2026-03-02 00:02")
    (row,) = offending(tables.check("funding_grid", NOW))
    assert row["off_grid"][:16] == "2026-03-02 00:02"
