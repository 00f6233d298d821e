"""The market of COIN-M futures: `/dapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import (
    OPEN_INTEREST,
    PAIR,
    PAIR_AND_TYPE,
    book_ticker,
    call,
    candles,
    exchange_info,
    funding_info,
    funding_rates,
    premium_index,
    statistics,
    whole,
)
from connectors.binance.endpoints.spot import NO_TRADES
from schemas.datasets import derivatives
from schemas.datasets import market as rows

TIME = call("coinm", "time")

EXCHANGE_INFO = exchange_info("coinm", status="contractStatus")
FUNDING_RATE = funding_rates("coinm")
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

_ACCOUNTS = {"long_share": "longAccount", "short_share": "shortAccount"}
_POSITIONS = {"long_share": "longPosition", "short_share": "shortPosition"}

OPEN_INTEREST_HISTORY = statistics(
    "coinm", "openInterestHist", derivatives.OPEN_INTEREST, PAIR_AND_TYPE, wire=OPEN_INTEREST
)
GLOBAL_ACCOUNTS, TOP_ACCOUNTS, TOP_POSITIONS = (
    statistics("coinm", name, derivatives.LONG_SHORT_RATIOS, PAIR, wire=wire, constants={"kind": kind})
    for name, kind, wire in (
        ("globalLongShortAccountRatio", "global_accounts", _ACCOUNTS),
        ("topLongShortAccountRatio", "top_accounts", _ACCOUNTS),
        ("topLongShortPositionRatio", "top_positions", _POSITIONS),
    )
)
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
BASIS = statistics("coinm", "basis", derivatives.BASIS, PAIR_AND_TYPE)
