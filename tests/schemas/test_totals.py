"""A total of values says how much of what has none: a price that is not there never shrinks it in silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.meaning import Meaning, meaning_session

START = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
LEFT_OUT = [{"asset": "ABC", "total": Decimal(7)}]


@pytest.fixture(scope="module")
def lake() -> Iterator[Meaning]:
    """Bitcoin that has a price on the first day alone, and an asset that never has one."""
    with meaning_session() as session:
        session.put("symbols", {"market": "spot", "symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT"})
        for number, day in enumerate((START, START + timedelta(1))):
            session.moved(day, "reward", f"r{number}", ("BTC", "0.01"))
            session.moved(day, "reward", f"a{number}", ("ABC", "3.5"))
            session.moved(day, "fee", f"f{number}", ("BTC", "-0.002"))
        midnight = START.replace(hour=0, minute=0)
        for open_time, close in ((midnight - timedelta(1), 40_000), (midnight, 50_000)):
            row = {
                "market": "spot",
                "symbol": "BTCUSDT",
                "interval": "1d",
                "open_time": open_time,
                "close": Decimal(close),
            }
            session.put("klines", row)
        for asset, free in (("BTC", "0.016"), ("ABC", "7")):
            session.put(
                "balances",
                {"account": "main", "wallet": "spot", "asset": asset, "free": Decimal(free), "locked": Decimal(0)}
                | {"observed_at": START + timedelta(1)},
            )
        session.put(
            "bounds",
            {"dataset": "balances", "account": "main", "wallet": "spot", "observed_at": START + timedelta(1)},
        )
        yield session


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "SELECT asset, amount, value, unvalued, unvalued_amount FROM income_by_month('USDT') ORDER BY asset",
            [("ABC", Decimal(7), None, 2, Decimal(7)), ("BTC", Decimal("0.02"), Decimal(500), 1, Decimal("0.01"))],
        ),
        (
            "SELECT asset, amount, value, unvalued, unvalued_amount FROM fees_by_month('USDT')",
            [("BTC", Decimal("0.004"), Decimal(100), 1, Decimal("0.002"))],
        ),
        (
            "SELECT value, unvalued, unvalued_holdings FROM equity('USDT')",
            [(Decimal(800), 1, LEFT_OUT)],
        ),
        (
            "SELECT value, unvalued, unvalued_holdings FROM equity_daily('USDT') ORDER BY day DESC LIMIT 1",
            [(Decimal(400), 1, [{"asset": "ABC", "total": Decimal("3.5")}])],
        ),
        (
            "SELECT asset, qty, cost, uncosted_qty FROM positions_cost('USDT', 'fifo') ORDER BY asset",
            [("ABC", Decimal(7), None, Decimal(7)), ("BTC", Decimal("0.016"), Decimal(300), Decimal("0.01"))],
        ),
        (
            "SELECT asset, qty, cost, uncosted_qty FROM positions_cost('USDT', 'average') ORDER BY asset",
            [("ABC", Decimal(7), None, Decimal(7)), ("BTC", Decimal("0.016"), None, Decimal("0.016"))],
        ),
        (
            "SELECT count(*), count(gain), count(why) FROM realized_gains('USDT', 'fifo')",
            [(2, 1, 1)],
        ),
        (
            "SELECT count(*), count(value), count(why) FROM tax_events('USDT') WHERE kind = 'fee'",
            [(2, 1, 1)],
        ),
    ],
    ids=lambda value: value.split("FROM ")[1].split("(")[0] if isinstance(value, str) else "",
)
def test_a_total_carries_what_it_leaves_out(lake: Meaning, sql: str, told: list[tuple[Any, ...]]) -> None:
    """Beside each sum stand the count and the amount of what has no value; a single figure without one says why."""
    found = lake.connection.sql(sql).fetchall()
    assert found == told
