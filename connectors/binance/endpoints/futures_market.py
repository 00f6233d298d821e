"""What the markets of USD-M and COIN-M futures have in common."""

from __future__ import annotations

from typing import Any

from connectors.binance.endpoints.model import ByLimit, Endpoint, OnGrid, Unset, Whole
from connectors.binance.endpoints.spot import KLINES
from connectors.binance.pools import FUTURES
from schemas.datasets import market as rows
from schemas.model.dataset import Dataset
from schemas.model.grid import INTERVALS

_PREFIXES = {"usdm": "fapi", "coinm": "dapi"}
_INTERVALS = tuple(interval for interval in INTERVALS if interval != "1s")
_PRICES_ALONE = ("open_time", "open", "high", "low", "close", "", "close_time")
_CONTRACT_TYPES = frozenset({"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"})


def call(market: str, name: str, **row: Any) -> Endpoint:
    """A call to the host of a market of futures."""
    prefix = _PREFIXES[market]
    told = {"pool": FUTURES, "family": market, "market": market, **row}
    return Endpoint(name=f"{prefix}/{name}", path=f"/{prefix}/v1/{name}", **told)


def exchange_info(market: str, **wire: str) -> Endpoint:
    """The contracts of a market."""
    return call(
        market,
        "exchangeInfo",
        walk=Whole(idle=("PENDING_TRADING", "DELIVERING", "DELIVERED", "SETTLING", "CLOSE")),
        tells_limits=True,
        dataset=rows.SYMBOLS,
        rows_at="symbols",
        wire={"quote_asset_precision": "quotePrecision", **wire},
        unset={"delivery_date": Unset.BEYOND_2100},
        never_empty=True,
    )


def candles(market: str, name: str, dataset: Dataset, names: dict[str, str] | None = None) -> Endpoint:
    """Candles of one kind, whose series are named by these parameters where it is not by `symbol`."""
    named: dict[str, Any] = {} if names is None else {"names": names}
    if names is not None and "contractType" in names:
        named["only"] = _CONTRACT_TYPES
    if market == "coinm":  # L8
        named |= {"most_days": 200, "newest_first": True}
    return call(
        market,
        name,
        walk=OnGrid(intervals=_INTERVALS, **named),
        # As documented; at 100 and 500 themselves less was measured.
        weight=ByLimit(up_to=((99, 1), (499, 2), (1000, 5)), beyond=10, unsent=5),
        page_limit=499,  # of 1,500 that are allowed: 250 rows for a weight of one, where larger pages have 150 to 200
        dataset=dataset,
        wire=KLINES.wire if "volume" in dataset.schema.names else _PRICES_ALONE,
        held=KLINES.held,
        whole_ms=KLINES.whole_ms,
    )


PAIR = {"pair": "pair"}
PAIR_AND_TYPE = {"pair": "pair", "contractType": "contract_type"}
