"""A recorded symbol as a listing, so that the market can make up what was not recorded of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.simulator.market.listings import DECIMALS, Listing, plain


def listing_of(info: Mapping[str, Any]) -> Listing:
    """The listing behind one symbol of a recorded exchangeInfo, of this year's answer or of an old one."""
    sets = info.get("permissionSets") or [info.get("permissions") or ["SPOT"]]
    return plain(
        info["symbol"],
        info["baseAsset"],
        info["quoteAsset"],
        tick_decimals=_decimals(info, "PRICE_FILTER", "tickSize"),
        step_decimals=_decimals(info, "LOT_SIZE", "stepSize"),
        groups=tuple(group for groups in sets for group in groups),
        recorded_status=info["status"],
    )


def _decimals(info: Mapping[str, Any], filter_type: str, field: str) -> int:
    size = next((each[field] for each in info["filters"] if each["filterType"] == filter_type), "0.00000001")
    digits = str(size).partition(".")[2].rstrip("0")
    return min(len(digits), DECIMALS)
