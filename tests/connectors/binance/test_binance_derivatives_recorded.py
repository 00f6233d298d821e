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
from connectors.binance.errors import Unreadable
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
FUNDS = "endpoint-samples/JKorf-Binance.Net/UsdFutures/ExchangeData/GetInsuranceFundBalances.txt"
STATISTICS = "rest-json/gocryptotrader-statistics"
COUNTED = [
    (usdm.OPEN_INTEREST_HISTORY, "futures_data_openInterestHist__*_symbol=*"),
    (coinm.OPEN_INTEREST_HISTORY, "futures_data_openInterestHist__contractType=*"),
    (usdm.GLOBAL_ACCOUNTS, "futures_data_globalLongShortAccountRatio__*_symbol=*"),
    (coinm.GLOBAL_ACCOUNTS, "futures_data_globalLongShortAccountRatio__pair=*"),
    (usdm.TOP_ACCOUNTS, "futures_data_topLongShortAccountRatio__*_symbol=*"),
    (usdm.TOP_POSITIONS, "futures_data_topLongShortPositionRatio__*_symbol=*"),
    (coinm.TOP_POSITIONS, "futures_data_topLongShortPositionRatio__pair=*"),
    (usdm.TAKER_VOLUME, "futures_data_takerlongshortRatio__*"),
    (coinm.TAKER_VOLUME, "futures_data_takerBuySellVol__*"),
    (coinm.BASIS, "futures_data_basis__*"),
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


def test_recorded_fundings_keep_every_digit(recorded: Path):
    """A funding of 2026 has its mark price and type; those of 2020 had neither, and are late by milliseconds (C23)."""
    printed = [json.loads((recorded / FOLDER / "GET_fapi_v1_fundingRate__symbol=BTCUSDT.json").read_text())["response"]]
    printed.append(json.loads((recorded / "rest-json" / "um_fundingRate_row_2026-08-29.json").read_text()))
    for page in printed:
        rows = decode(json.dumps(page).encode(), usdm.FUNDING_RATE, {"market": "usdm"}).to_pylist()
        assert [row["funding_rate"] for row in rows] == [Decimal(one["fundingRate"]) for one in page]
        assert [micros(row["funding_time"]) // 1000 for row in rows] == [one["fundingTime"] for one in page]
        assert [row["rate_type"] for row in rows] == [one.get("rateType", "") for one in page]
        assert [row["mark_price"] is None for row in rows] == ["markPrice" not in one for one in page]


@pytest.mark.parametrize(("endpoint", "pattern"), COUNTED, ids=[one.name for one, _ in COUNTED])
def test_recorded_counts_keep_every_digit(recorded: Path, endpoint: Endpoint, pattern: str):
    """Every number and instant of a recorded count is stored as printed."""
    found = sorted((recorded / STATISTICS).glob(pattern))
    assert found
    for path in found:
        printed = json.loads(path.read_text())
        known = {"market": endpoint.market, "symbol": "BTCUSDT", **endpoint.constants}
        rows = decode(json.dumps(printed).encode(), endpoint, known).to_pylist()
        kept = [[value for value in row.values() if isinstance(value, Decimal)] for row in rows]
        told = [[Decimal(value) for value in row.values() if _is_number(value)] for row in printed]
        assert [sorted(one) for one in kept] == [sorted(one) for one in told]
        assert [micros(row["time"]) // 1000 for row in rows] == [int(one["timestamp"]) for one in printed]


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.replace(".", "").replace("-", "").isdigit()


def test_recorded_contracts_of_coins_load_whole(recorded: Path):
    """All 62 contracts of a recorded answer are held, with their size; a perpetual one has no day of delivery."""
    body = (recorded / "exchange-info" / "cm_2023-12-16.json").read_bytes()
    known = {"market": "coinm", "valid_from": KNOWN["valid_from"], "gone_since": None}
    rows = decode(body, coinm.EXCHANGE_INFO, known).to_pylist()
    assert (len(rows), {row["contract_size"] for row in rows}) == (62, {10, 100})
    assert {row["status"] for row in rows} == {"TRADING", "DELIVERING"}
    assert [row["delivery_date"] is None for row in rows] == [row["contract_type"] == "PERPETUAL" for row in rows]


def test_a_documented_delivery_keeps_every_digit():
    """The price is a bare number in the documentation: each digit is stored, and the pair is told by the question."""
    printed = b'[{"deliveryTime":1695945600000,"deliveryPrice":27103.00000001},{"deliveryTime":1688083200000,"deliveryPrice":"2.5"}]'
    rows = decode(printed, usdm.DELIVERY_PRICES, {"market": "usdm", "symbol": "BTCUSDT"}).to_pylist()
    assert [row["delivery_price"] for row in rows] == [Decimal("27103.00000001"), Decimal("2.5")]


def test_a_documented_fund_of_insurance_keeps_every_digit(recorded: Path):
    """Every contract of a fund has every asset of it, to the last digit, and names the fund by its first contract."""
    told = (recorded / FUNDS).read_text().split("false\n", 1)[1]
    fund, known = json.loads(told), {"market": "usdm", "observed_at": KNOWN["observed_at"]}
    rows = decode(f"[{told}]".encode(), usdm.INSURANCE_FUND, known).to_pylist()
    stored = {(row["symbol"], row["fund"], row["asset"]): (row["margin_balance"], row["update_time"]) for row in rows}
    assert len(rows) == len(stored)
    assert {key: (str(held), micros(at) // 1000) for key, (held, at) in stored.items()} == {
        (symbol, fund["symbols"][0], one["asset"]): (f"{Decimal(one['marginBalance']):.12f}", one["updateTime"])
        for symbol in fund["symbols"]
        for one in fund["assets"]
    }


@pytest.mark.parametrize("printed", ["[{}]", '[{"symbols":["BTCUSDT"]}]', '[{"symbols":"BTCUSDT","assets":[]}]'])
def test_a_fund_that_does_not_say_what_it_holds_is_refused(printed: str):
    """An answer without contracts or assets is unreadable, by name, and nothing of it is stored."""
    with pytest.raises(Unreadable, match="fapi/insuranceBalance"):
        decode(printed.encode(), usdm.INSURANCE_FUND, {"market": "usdm", "observed_at": KNOWN["observed_at"]})
