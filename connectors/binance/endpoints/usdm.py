"""The market of USD-M futures: `/fapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import PAIR, PAIR_AND_TYPE, call, candles, exchange_info
from schemas.datasets import market as rows

TIME = call("usdm", "time")

EXCHANGE_INFO = exchange_info("usdm")

# Counted by calls, 500 in five minutes, and in no header: charged here too, which can only be too careful.
FUNDING_RATE = call("usdm", "fundingRate")

KLINES = candles("usdm", "klines", rows.KLINES)
MARK_KLINES = candles("usdm", "markPriceKlines", rows.MARK_KLINES)
INDEX_KLINES = candles("usdm", "indexPriceKlines", rows.INDEX_KLINES, PAIR)
PREMIUM_KLINES = candles("usdm", "premiumIndexKlines", rows.PREMIUM_KLINES)
CONTINUOUS_KLINES = candles("usdm", "continuousKlines", rows.CONTINUOUS_KLINES, PAIR_AND_TYPE)
