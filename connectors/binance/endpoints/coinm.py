"""The market of COIN-M futures: `/dapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import (
    PAIR,
    PAIR_AND_TYPE,
    book_ticker,
    call,
    candles,
    exchange_info,
    funding_info,
    premium_index,
    whole,
)
from connectors.binance.endpoints.spot import NO_TRADES
from schemas.datasets import market as rows

TIME = call("coinm", "time")

EXCHANGE_INFO = exchange_info("coinm", status="contractStatus")
FUNDING_INFO = funding_info("coinm")

PRICE = whole("coinm", "ticker/price", rows.PRICES, 1, 2)
TICKER_24H = whole("coinm", "ticker/24hr", rows.TICKERS, 1, 40, unset=NO_TRADES)
BOOK_TICKER = book_ticker("coinm")
PREMIUM_INDEX = premium_index("coinm", 10)

KLINES = candles("coinm", "klines", rows.KLINES)
MARK_KLINES = candles("coinm", "markPriceKlines", rows.MARK_KLINES)
INDEX_KLINES = candles("coinm", "indexPriceKlines", rows.INDEX_KLINES, PAIR)
PREMIUM_KLINES = candles("coinm", "premiumIndexKlines", rows.PREMIUM_KLINES)
CONTINUOUS_KLINES = candles("coinm", "continuousKlines", rows.CONTINUOUS_KLINES, PAIR_AND_TYPE)
