"""The market of USD-M futures: `/fapi`."""

from __future__ import annotations

from dataclasses import replace

from connectors.binance.endpoints import spot
from connectors.binance.endpoints.model import ByLimit, Endpoint, OnGrid, Whole
from connectors.binance.pools import FUTURES
from schemas.datasets.market import SYMBOLS
from schemas.model.grid import INTERVALS

TIME = Endpoint(name="fapi/time", path="/fapi/v1/time", pool=FUTURES, family="usdm", market="usdm")

EXCHANGE_INFO = Endpoint(
    name="fapi/exchangeInfo",
    path="/fapi/v1/exchangeInfo",
    pool=FUTURES,
    family="usdm",
    market="usdm",
    walk=Whole(idle=("PENDING_TRADING", "DELIVERING", "DELIVERED", "SETTLING", "CLOSE")),
    tells_limits=True,
    dataset=SYMBOLS,
    rows_at="symbols",
    wire={"quote_asset_precision": "quotePrecision"},
    never_empty=True,
)

# Counted by calls, 500 in five minutes, and in no header: charged here too, which can only be too careful.
FUNDING_RATE = Endpoint(
    name="fapi/fundingRate", path="/fapi/v1/fundingRate", pool=FUTURES, family="usdm", market="usdm"
)

KLINES = replace(
    spot.KLINES,  # the same rows
    name="fapi/klines",
    path="/fapi/v1/klines",
    pool=FUTURES,
    family="usdm",
    market="usdm",
    walk=OnGrid(intervals=tuple(interval for interval in INTERVALS if interval != "1s")),
    # As documented; at 100 and 500 themselves less was measured.
    weight=ByLimit(up_to=((99, 1), (499, 2), (1000, 5)), beyond=10, unsent=5),
    page_limit=499,  # of the 1,500 that are allowed: 250 rows for a weight of one, where larger pages have 150 to 200
)
