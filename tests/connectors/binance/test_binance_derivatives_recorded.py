"""Recorded answers of markets of futures come back as they were printed, and nothing of them is lost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance.decode import decode
from connectors.binance.endpoints import coinm, usdm
from connectors.binance.endpoints.model import Endpoint
from schemas.model.instants import micros

FOLDER = "rest-json/gocryptotrader"
KNOWN = {"observed_at": 1_790_000_000_000_000, "valid_from": 1_790_000_000_000_000, "gone_since": None}
CASES = [
    (usdm.PREMIUM_INDEX, "GET_fapi_v1_premiumIndex__noquery"),
    (usdm.PREMIUM_INDEX, "GET_fapi_v1_premiumIndex__symbol=BTCUSDT"),
    (coinm.PREMIUM_INDEX, "GET_dapi_v1_premiumIndex__noquery"),
    (coinm.PREMIUM_INDEX, "GET_dapi_v1_premiumIndex__pair=BTCUSD"),
    (usdm.FUNDING_INFO, "GET_fapi_v1_fundingInfo__noquery"),
    (usdm.TICKER_24H, "GET_fapi_v1_ticker_24hr__symbol=BTCUSDT"),
    (usdm.PRICE, "GET_fapi_v1_ticker_price__noquery"),
    (coinm.PRICE, "GET_dapi_v1_ticker_price__symbol=BTCUSD_PERP"),
]
NOT_KEPT = {"pair", "ps", "disclaimer"}  # what the symbol says already, or a word of the law


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def same(printed: Any, stored: Any) -> bool:
    """Whether a stored value is the printed one, where nothing and zero may mean none."""
    if stored is None:
        return printed in ("", 0, None)
    if isinstance(stored, Decimal):
        return Decimal(printed) == stored
    return bool((micros(stored) // 1000 if hasattr(stored, "tzinfo") else stored) == printed)


@pytest.mark.parametrize(("endpoint", "name"), CASES, ids=[name for _, name in CASES])
def test_a_recorded_answer_keeps_every_field(recorded: Path, endpoint: Endpoint, name: str):
    """Each printed field is a column with the same value, to the last digit."""
    printed = json.loads((recorded / FOLDER / f"{name}.json").read_text())["response"]
    listed = printed if isinstance(printed, list) else [printed]
    columns = endpoint.feeds.schema.names
    known: dict[str, Any] = {"market": endpoint.market} | {one: at for one, at in KNOWN.items() if one in columns}
    rows = decode(json.dumps(printed).encode(), endpoint, known).to_pylist()
    assert len(rows) == len(listed)
    for row, was in zip(rows, listed, strict=True):
        stored = {camel(column): row[column] for column in columns if column not in known}
        assert was.keys() - NOT_KEPT <= stored.keys()
        assert not [field for field in was.keys() - NOT_KEPT if not same(was[field], stored[field])]
