"""The market of USD-M futures: `/fapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import (
    OPEN_INTEREST,
    PAIR,
    PAIR_AND_TYPE,
    book_ticker,
    call,
    candles,
    delivery_prices,
    exchange_info,
    funding_info,
    funding_rates,
    premium_index,
    statistics,
    whole,
)
from connectors.binance.endpoints.spot import NO_TRADES
from connectors.binance.pools import FUNDING
from schemas.datasets import derivatives
from schemas.datasets import market as rows

TIME = call("usdm", "time")

EXCHANGE_INFO = exchange_info("usdm")

FUNDING_RATE = funding_rates("usdm", pool=FUNDING)
FUNDING_INFO = funding_info("usdm")

PRICE = whole("usdm", "ticker/price", rows.PRICES, 1, 2, path="/fapi/v2/ticker/price")
TICKER_24H = whole("usdm", "ticker/24hr", rows.TICKERS, 1, 40, unset=NO_TRADES)
BOOK_TICKER = book_ticker("usdm")
PREMIUM_INDEX = premium_index("usdm", 1)

KLINES = candles("usdm", "klines", rows.KLINES)
MARK_KLINES = candles("usdm", "markPriceKlines", rows.MARK_KLINES)
INDEX_KLINES = candles("usdm", "indexPriceKlines", rows.INDEX_KLINES, PAIR)
PREMIUM_KLINES = candles("usdm", "premiumIndexKlines", rows.PREMIUM_KLINES)
CONTINUOUS_KLINES = candles("usdm", "continuousKlines", rows.CONTINUOUS_KLINES, PAIR_AND_TYPE)

_SHARES = {"long_share": "longAccount", "short_share": "shortAccount"}

OPEN_INTEREST_HISTORY = statistics(
    "usdm", "openInterestHist", derivatives.OPEN_INTEREST, says_symbol=True, wire=OPEN_INTEREST
)
GLOBAL_ACCOUNTS, TOP_ACCOUNTS, TOP_POSITIONS = (
    statistics("usdm", name, derivatives.LONG_SHORT_RATIOS, says_symbol=True, wire=_SHARES, constants={"kind": kind})
    for name, kind in (
        ("globalLongShortAccountRatio", "global_accounts"),
        ("topLongShortAccountRatio", "top_accounts"),
        ("topLongShortPositionRatio", "top_positions"),
    )
)
TAKER_VOLUME = statistics(
    "usdm", "takerlongshortRatio", derivatives.TAKER_VOLUME, wire={"buy_volume": "buyVol", "sell_volume": "sellVol"}
)
DELIVERY_PRICES = delivery_prices("usdm")
BASIS = statistics("usdm", "basis", derivatives.BASIS, PAIR_AND_TYPE)
