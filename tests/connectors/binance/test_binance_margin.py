"""Recorded and documented answers about margin interest, income and positions are stored to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance.decode import decode
from connectors.binance.endpoints.futures_account import COINM_INCOME, COINM_POSITIONS, USDM_INCOME, USDM_POSITIONS
from connectors.binance.endpoints.margin import INTEREST, LOANS, TRANSFERS
from connectors.binance.endpoints.model import Endpoint
from schemas.model.dataset import ORDINAL
from schemas.model.fields import DECIMALS, ID, TIME

SAMPLES = "endpoint-samples/JKorf-Binance.Net"
DOCUMENTED = "account/doc_examples_account_endpoints.json"
LIVED = "account/real-account-E/um_round_trip_2024-02.json"
ANSWERS = [
    ("account/margin_interest_live_2026-08-04.json", "example_answer", INTEREST),
    ("account/um_income_tranid_19_digits.json", "", USDM_INCOME),
    (LIVED, "GET /papi/v1/um/income", USDM_INCOME),
    (LIVED, "GET /papi/v1/cm/income", COINM_INCOME),
    (DOCUMENTED, "/fapi/v3/positionRisk/answer", USDM_POSITIONS),
    (DOCUMENTED, "/dapi/v1/positionRisk/answer", COINM_POSITIONS),
    (f"{SAMPLES}/UsdFutures/Account/GetIncomeHistory.txt", "", USDM_INCOME),
    (f"{SAMPLES}/CoinFutures/Account/GetIncomeHistory.txt", "", COINM_INCOME),
    (f"{SAMPLES}/CoinFutures/Account/GetPositionInformation.txt", "", COINM_POSITIONS),
    (f"{SAMPLES}/Spot/Account/GetMarginInterestHistory.txt", "", INTEREST),
    (f"{SAMPLES}/Spot/Account/GetMarginLoans.txt", "", LOANS),
    (f"{SAMPLES}/Spot/Account/GetMarginTransferHistory.txt", "", TRANSFERS),
]
ASKED = {
    "account": "main", "wallet": "margin", "operation": "borrow", "market": "usdm", "observed_at": 1_793_620_830_000_000,
    "version": 0, "gone_since": None, "seen_at": 0, ORDINAL: 0,
}  # fmt: skip


def answer_in(path: Path, place: str) -> Any:
    text = path.read_text()
    answer = json.loads(text if path.suffix == ".json" else text.split("\n", 3)[3])
    if place.endswith("/answer"):
        return answer[place.removesuffix("/answer")]["answer"]
    return answer[place] if place else answer


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def is_stored(endpoint: Endpoint, stored: dict[str, Any], name: str, value: Any) -> bool:
    """Whether a field of a row is in its column, or in `extra` where none has it; zero may mean that there is none."""
    wire = endpoint.wire if isinstance(endpoint.wire, dict) else {}
    columns = {wire.get(column.name, camel(column.name)): column for column in endpoint.feeds.columns}
    if name not in columns:
        return bool(json.loads(stored["extra"])[name] == value)
    column, held = columns[name], stored[columns[name].name]
    if held is None:
        return value == "" or not Decimal(value)
    if column.type in DECIMALS:
        return bool(held == Decimal(value))
    if column.type is TIME:
        return int(held.timestamp() * 1000) in {int(value), int(value) * 1000}
    return bool(held == (int(value) if column.type is ID else str(value)))


@pytest.mark.parametrize(("path", "place", "endpoint"), ANSWERS)
def test_what_was_answered_is_stored_whole(recorded: Path, path: str, place: str, endpoint: Endpoint) -> None:
    """D6, D7, D11, C12: no field of an answer is lost, ids of 19 digits and prices on no tick among them."""
    answer = answer_in(recorded / path, place)
    known = {name: value for name, value in ASKED.items() if name in endpoint.feeds.schema.names}
    stored = decode(json.dumps(answer).encode(), endpoint, known).to_pylist()
    printed = answer[endpoint.rows_at] if endpoint.rows_at else answer
    assert len(stored) == len(printed) > 0
    lost = [
        (name, value)
        for row, held in zip(printed, stored, strict=True)
        for name, value in row.items()
        if not is_stored(endpoint, held, name, value)
    ]
    assert lost == []
