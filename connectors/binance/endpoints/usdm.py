"""The market of USD-M futures: `/fapi`."""

from __future__ import annotations

from connectors.binance.endpoints.futures_market import (
    all_candles,
    basis,
    book_ticker,
    call,
    delivery_prices,
    exchange_info,
    funding_info,
    funding_rates,
    insurance_fund,
    open_interest,
    premium_index,
    ratios,
    statistics,
    ticker_24h,
    whole,
)
from connectors.binance.pools import FUNDING
from schemas.datasets import derivatives
from schemas.datasets import market as rows

TIME = call("usdm", "time")

EXCHANGE_INFO = exchange_info("usdm")
FUNDING_RATE = funding_rates("usdm", pool=FUNDING)
FUNDING_INFO = funding_info("usdm")

PRICE = whole("usdm", "ticker/price", rows.PRICES, 1, 2, path="/fapi/v2/ticker/price")
TICKER_24H = ticker_24h("usdm")
BOOK_TICKER = book_ticker("usdm")
PREMIUM_INDEX = premium_index("usdm", 1)
INSURANCE_FUND = insurance_fund("usdm")

KLINES, MARK_KLINES, INDEX_KLINES, PREMIUM_KLINES, CONTINUOUS_KLINES = all_candles("usdm")

OPEN_INTEREST_HISTORY = open_interest("usdm", says_symbol=True)
GLOBAL_ACCOUNTS, TOP_ACCOUNTS, TOP_POSITIONS = ratios("usdm", says_symbol=True)
TAKER_VOLUME = statistics(
    "usdm", "takerlongshortRatio", derivatives.TAKER_VOLUME, wire={"buy_volume": "buyVol", "sell_volume": "sellVol"}
)
DELIVERY_PRICES = delivery_prices("usdm")
BASIS = basis("usdm")
