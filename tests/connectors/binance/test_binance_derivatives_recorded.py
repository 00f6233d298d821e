"""What is special about recorded and documented answers of markets of futures."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.binance.decode import decode
from connectors.binance.endpoints import coinm, usdm
from connectors.binance.errors import Unreadable
from schemas.model.instants import micros

FOLDER = "rest-json/gocryptotrader"
KNOWN = {"observed_at": 1_790_000_000_000_000, "valid_from": 1_790_000_000_000_000, "gone_since": None}
FUNDS = "endpoint-samples/JKorf-Binance.Net/UsdFutures/ExchangeData/GetInsuranceFundBalances.txt"


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
