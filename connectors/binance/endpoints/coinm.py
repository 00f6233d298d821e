"""The market of COIN-M futures: `/dapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import PAIR, PAIR_AND_TYPE, call, candles, exchange_info
from schemas.datasets import market as rows

TIME = call("coinm", "time")

EXCHANGE_INFO = exchange_info("coinm", status="contractStatus")

KLINES = candles("coinm", "klines", rows.KLINES)
MARK_KLINES = candles("coinm", "markPriceKlines", rows.MARK_KLINES)
INDEX_KLINES = candles("coinm", "indexPriceKlines", rows.INDEX_KLINES, PAIR)
PREMIUM_KLINES = candles("coinm", "premiumIndexKlines", rows.PREMIUM_KLINES)
CONTINUOUS_KLINES = candles("coinm", "continuousKlines", rows.CONTINUOUS_KLINES, PAIR_AND_TYPE)
