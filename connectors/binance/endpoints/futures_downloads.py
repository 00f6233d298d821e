"""Histories of futures as files: asked for by time, told of by an id, and from then on asked after by that id.

Each question spends one of a monthly quota, so none is asked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.binance.endpoints.model import Endpoint, Security
from connectors.binance.pools import FUTURES

_ASKED, _LINKED = 1000, 10  # weights


@dataclass(frozen=True, slots=True)
class Download:
    """One kind of file of one market: how it is asked for, and how its link is."""

    market: str
    export: str  # income, orders or trades
    dataset: str  # the one whose older rows it holds
    ask: Endpoint
    link: Endpoint


def _endpoint(path: str, market: str, **row: Any) -> Endpoint:
    name = path.removeprefix("/").replace("/v1/", "/")
    return Endpoint(name=name, path=path, pool=FUTURES, family=market, market=market, security=Security.SIGNED, **row)


def _asked(path: str, market: str) -> Endpoint:
    return _endpoint(path, market, weight=_ASKED, once=True)


def _linked(path: str, market: str) -> Endpoint:
    return _endpoint(f"{path}/id", market, weight=_LINKED)


USDM_INCOME_FILE = _asked("/fapi/v1/income/asyn", "usdm")
USDM_ORDERS_FILE = _asked("/fapi/v1/order/asyn", "usdm")
USDM_TRADES_FILE = _asked("/fapi/v1/trade/asyn", "usdm")
COINM_INCOME_FILE = _asked("/dapi/v1/income/asyn", "coinm")
COINM_ORDERS_FILE = _asked("/dapi/v1/order/asyn", "coinm")
COINM_TRADES_FILE = _asked("/dapi/v1/trade/asyn", "coinm")
USDM_INCOME_LINK = _linked("/fapi/v1/income/asyn", "usdm")
USDM_ORDERS_LINK = _linked("/fapi/v1/order/asyn", "usdm")
USDM_TRADES_LINK = _linked("/fapi/v1/trade/asyn", "usdm")
COINM_INCOME_LINK = _linked("/dapi/v1/income/asyn", "coinm")
COINM_ORDERS_LINK = _linked("/dapi/v1/order/asyn", "coinm")
COINM_TRADES_LINK = _linked("/dapi/v1/trade/asyn", "coinm")

DOWNLOADS = (
    Download("usdm", "income", "income", USDM_INCOME_FILE, USDM_INCOME_LINK),
    Download("usdm", "orders", "orders", USDM_ORDERS_FILE, USDM_ORDERS_LINK),
    Download("usdm", "trades", "fills", USDM_TRADES_FILE, USDM_TRADES_LINK),
    Download("coinm", "income", "income", COINM_INCOME_FILE, COINM_INCOME_LINK),
    Download("coinm", "orders", "orders", COINM_ORDERS_FILE, COINM_ORDERS_LINK),
    Download("coinm", "trades", "fills", COINM_TRADES_FILE, COINM_TRADES_LINK),
)
