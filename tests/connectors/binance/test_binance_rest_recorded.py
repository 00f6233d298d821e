"""Every recorded answer comes back as it was printed, row by row and field by field, or is named as not pulled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.binance.decode import decode
from connectors.binance.endpoints import ENDPOINTS, trades, usdm
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import Unreadable
from schemas.model.dataset import Kind
from schemas.model.fields import DECIMALS, EXTRA, TIME
from schemas.model.instants import micros

AS_FROM = {  # paths whose rows are those of a path that is asked
    "/api/v3/trades": trades.HISTORICAL_TRADES,
    "/fapi/v1/trades": trades.USDM_HISTORICAL_TRADES,
    "/fapi/v1/ticker/price": usdm.PRICE,
}
NOT_PULLED = {  # paths that no dataset has rows of, and why
    "/api/v3/avgPrice": "an average of minutes, which candles have",
    "/fapi/v1/indexInfo": "of what an index is made",
    "/fapi/v1/openInterest": "of this instant; `open_interest` has it every five minutes",
    "/fapi/v1/time": "a clock has no rows",
    "/sapi/v1/capital/config/getall": "coins and their networks",
}
DAMAGED = {  # recordings that lost something, and what is said of them
    "GET_api_v3_aggTrades__endTime=1577981045000_limit=1000_startTime=1577977445000_symbol=BTCUSDT.json": "field m is missing"
}
ELSEWHERE = {"pair", "ps", "contractType", "symbol"}  # fields by which a series is named
OF_LAW = {"disclaimer"}
KNOWN = {"market": "spot", "account": "main", "symbol": "BTCUSDT", "interval": "1d", "gone_since": None}
CANDLE = (
    "openTime", "open", "high", "low", "close", "volume", "closeTime", "quoteVolume", "tradeCount", "takerBuyVolume",
    "takerBuyQuoteVolume", "ignored",
)  # fmt: skip
NAMES = {  # printed fields that are no column in the exchange's spelling, as the documentation explains them
    "a": "agg_trade_id", "p": "price", "q": "qty", "f": "first_trade_id", "l": "last_trade_id", "T": "time",
    "m": "is_buyer_maker", "M": "is_best_match", "id": "trade_id", "timestamp": "time",
    "quotePrecision": "quote_asset_precision", "contractStatus": "status", "cummulativeQuoteQty": "cumulative_quote_qty",
    "sumOpenInterest": "open_interest", "sumOpenInterestValue": "open_interest_value",
    "CMCCirculatingSupply": "cmc_circulating_supply", "longAccount": "long_share", "shortAccount": "short_share",
    "longPosition": "long_share", "shortPosition": "short_share", "buyVol": "buy_volume", "sellVol": "sell_volume",
    "takerBuyVol": "buy_volume", "takerSellVol": "sell_volume", "takerBuyVolValue": "buy_value",
    "takerSellVolValue": "sell_value",
}  # fmt: skip
BEYOND_2100_MS = 4_102_444_800_000
INSTANT = 1_790_000_000_000_000


def test_every_recorded_answer_is_stored_as_printed(recorded: Path) -> None:
    """No file of the folder is left out: each row and field is stored to the last digit, or no endpoint feeds it."""
    files = [file for file in (recorded / "rest-json").rglob("*.json") if file.name not in DAMAGED]
    found = {file.name: list(differing(file)) for file in files}
    assert len(found) >= 70
    assert {name: wrong[:3] for name, wrong in found.items() if wrong} == {}


def test_a_damaged_recording_is_refused_by_its_field(recorded: Path) -> None:
    """Of rows without a field that money or direction needs nothing is stored, and the field is named."""
    for name, why in DAMAGED.items():
        with pytest.raises(Unreadable, match=why):
            list(differing(recorded / "rest-json/gocryptotrader" / name))


@pytest.mark.parametrize("path", NOT_PULLED)
def test_what_is_named_as_not_pulled_feeds_nothing(path: str) -> None:
    """Once a dataset has the rows of such a path, its recordings are to be loaded."""
    assert not [row for row in ENDPOINTS if row.path == path and row.dataset is not None]


def differing(file: Path) -> Iterator[str]:
    """What of a recorded answer is not stored as it was printed."""
    path = path_of(file)
    if path in NOT_PULLED:
        return
    endpoint = AS_FROM.get(path) or endpoint_of(path, file)
    told = json.loads(file.read_text())
    body = told["response"] if isinstance(told, dict) and "response" in told else told
    listed = body[endpoint.rows_at] if endpoint.rows_at is not None and isinstance(body, dict) else body
    listed = listed if isinstance(listed, list) else [listed]
    rows = decode(json.dumps(body).encode(), endpoint, constants_of(endpoint)).to_pylist()
    if len(rows) != len(listed):
        yield f"{len(listed)} rows were printed, {len(rows)} are stored"
    for row, was in zip(rows, listed, strict=False):
        yield from wrong_in(row, was, endpoint)


def path_of(file: Path) -> str:
    """By which path an answer was asked: its name says so, with `_` for `/`."""
    asked = (
        file.name.removeprefix("GET_")
        .partition("__")[0]
        .replace("um_fundingRate_row_2026-08-29.json", "fapi_v1_fundingRate")
    )
    paths = {*AS_FROM, *NOT_PULLED, *(row.path for row in ENDPOINTS)}
    found = [path for path in paths if path[1:].replace("/", "_") == asked]
    assert found, f"{file.name} is loaded by no endpoint: write its row, or say in NOT_PULLED why there is none"
    return found[0]


def endpoint_of(path: str, file: Path) -> Endpoint:
    """What reads the rows of a path; statistics of both markets of futures share one, and only coinm asks by pair."""
    rows = [row for row in ENDPOINTS if row.path == path and row.dataset is not None]
    if path.startswith("/futures/data/"):
        rows = [row for row in rows if row.market == ("coinm" if "pair=" in file.name else "usdm")] or rows
    return rows[0]


def constants_of(endpoint: Endpoint) -> dict[str, Any]:
    """The columns that no answer prints: by what a series is named, and when it was seen."""
    dataset = endpoint.feeds
    told = {**KNOWN, "observed_at": INSTANT, "seen_at": INSTANT, dataset.version: INSTANT, **endpoint.constants}
    unprinted = {*dataset.series, *endpoint.constants, "market", "observed_at", "seen_at", "gone_since"} | (
        {dataset.version} if dataset.kind is Kind.VERSIONS else set()
    )
    return {name: told[name] for name in dataset.schema.names if name in unprinted}


def wrong_in(row: Mapping[str, Any], was: Any, endpoint: Endpoint) -> Iterator[str]:
    """The fields of a printed row that are stored with another value, or not at all."""
    if isinstance(was, list):
        was = dict(zip(CANDLE, was, strict=True))
        del was["ignored"]
    columns = {camel(name): name for name in row} | {field: name for field, name in NAMES.items() if name in row}
    extra = json.loads(row.get("extra") or "{}", parse_float=Decimal)
    for field, value in was.items():
        if field in columns and field not in extra:
            if field not in ELSEWHERE and not same(value, row[columns[field]], columns[field], endpoint):
                yield f"{field} {value!r} is stored as {row[columns[field]]!r}"
        elif extra.get(field) != value and field not in ELSEWHERE | OF_LAW:
            yield f"{field} is not stored"


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def same(printed: Any, stored: Any, name: str, endpoint: Endpoint) -> bool:
    """Whether a stored value is the printed one; NULL where what is printed says that there is none."""
    column = endpoint.feeds.column(name)
    if stored is None:
        return printed in ("", None) or ((name in endpoint.unset or column.type is TIME) and means_none(printed))
    if column.type in DECIMALS:
        return Decimal(printed) == stored
    if column.type is TIME:
        return timedelta(microseconds=micros(stored)) == timedelta(milliseconds=int(printed))
    if column.type is EXTRA:
        return bool(json.loads(stored) == printed)
    return bool(stored == printed)


def means_none(printed: Any) -> bool:
    """Whether a number is one of those by which the exchange says that there is nothing."""
    return not 0 < Decimal(printed) < BEYOND_2100_MS
