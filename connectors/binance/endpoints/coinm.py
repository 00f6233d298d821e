"""The market of COIN-M futures: `/dapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import (
    PAIR,
    PAIR_AND_TYPE,
    all_candles,
    basis,
    book_ticker,
    call,
    exchange_info,
    funding_info,
    funding_rates,
    open_interest,
    premium_index,
    ratios,
    statistics,
    ticker_24h,
    whole,
)
from schemas.datasets import derivatives
from schemas.datasets import market as rows

TIME = call("coinm", "time")

EXCHANGE_INFO = exchange_info("coinm", status="contractStatus")
FUNDING_RATE = funding_rates("coinm")
FUNDING_INFO = funding_info("coinm")

PRICE = whole("coinm", "ticker/price", rows.PRICES, 1, 2)
TICKER_24H = ticker_24h("coinm")
BOOK_TICKER = book_ticker("coinm")
PREMIUM_INDEX = premium_index("coinm", 10)

KLINES, MARK_KLINES, INDEX_KLINES, PREMIUM_KLINES, CONTINUOUS_KLINES = all_candles("coinm")

OPEN_INTEREST_HISTORY = open_interest("coinm", PAIR_AND_TYPE)
GLOBAL_ACCOUNTS, TOP_ACCOUNTS, TOP_POSITIONS = ratios("coinm", PAIR, positions=("longPosition", "shortPosition"))
TAKER_VOLUME = statistics(
    "coinm",
    "takerBuySellVol",
    derivatives.TAKER_VOLUME,
    PAIR_AND_TYPE,
    wire={
        "buy_volume": "takerBuyVol",
        "sell_volume": "takerSellVol",
        "buy_value": "takerBuyVolValue",
        "sell_value": "takerSellVolValue",
    },
)
BASIS = basis("coinm")
