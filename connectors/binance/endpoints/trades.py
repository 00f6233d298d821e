"""The trades of every market, aggregated and one by one."""

from __future__ import annotations

from datetime import timedelta

from connectors.binance.endpoints.model import Bound, ById, Endpoint, Holds, Located, Security
from connectors.binance.pools import FUTURES, SPOT
from schemas.datasets import trades

_AGGREGATED = {
    "agg_trade_id": "a",
    "price": "p",
    "qty": "q",
    "first_trade_id": "f",
    "last_trade_id": "l",
    "time": "T",
    "is_buyer_maker": "m",
    "is_best_match": "M",
}
_FROM_ID = Holds("agg_trade_id", Bound.FROM)
_FROM_TRADE = Holds("trade_id", Bound.FROM)
_TWO_DAYS, _MONTH = timedelta(days=2), timedelta(days=30)


def _aggregated(family: str, path: str, kept: timedelta | None, **row: object) -> Endpoint:
    """Aggregates of a market: an id and times are never asked for together."""
    return Endpoint(
        name=f"{path.split('/')[1]}/aggTrades" if family != "spot" else "aggTrades",
        path=path,
        family=family,
        market=family,
        page_limit=1000,
        walk=ById(id="agg_trade_id", param="fromId", located=Located(column="agg_trade_id"), kept=kept),
        dataset=trades.AGG_TRADES,
        wire=_AGGREGATED,
        held={"fromId": _FROM_ID, "startTime": Holds("time", Bound.FROM)},
        **row,  # type: ignore[arg-type]
    )


AGG_TRADES = _aggregated("spot", "/api/v3/aggTrades", None, pool=SPOT, weight=4, micro=True)
USDM_AGG_TRADES = _aggregated("usdm", "/fapi/v1/aggTrades", _TWO_DAYS, pool=FUTURES, weight=20)
COINM_AGG_TRADES = _aggregated("coinm", "/dapi/v1/aggTrades", _TWO_DAYS, pool=FUTURES, weight=20)

HISTORICAL_TRADES = Endpoint(
    name="historicalTrades",
    path="/api/v3/historicalTrades",
    pool=SPOT,
    weight=25,
    page_limit=1000,
    walk=ById(id="trade_id", param="fromId", located=Located(column="first_trade_id", by=AGG_TRADES)),
    dataset=trades.TRADES,
    wire={"trade_id": "id"},
    held={"fromId": _FROM_TRADE},
    micro=True,
)


def _of_futures(family: str, path: str, agg_trades: Endpoint) -> Endpoint:
    return Endpoint(
        name=f"{path.split('/')[1]}/historicalTrades",
        path=path,
        pool=FUTURES,
        family=family,
        market=family,
        weight=200,
        security=Security.KEYED,
        page_limit=500,
        walk=ById(id="trade_id", param="fromId", located=Located(column="first_trade_id", by=agg_trades), kept=_MONTH),
        dataset=trades.TRADES,
        wire={"trade_id": "id"},
        held={"fromId": _FROM_TRADE},
    )


USDM_HISTORICAL_TRADES = _of_futures("usdm", "/fapi/v1/historicalTrades", USDM_AGG_TRADES)
COINM_HISTORICAL_TRADES = _of_futures("coinm", "/dapi/v1/historicalTrades", COINM_AGG_TRADES)
