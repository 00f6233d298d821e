"""The symbols of the exchange: what each trades, at what level, and what is odd about it."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from connectors.simulator.market.intervals import DAY_MS, MINUTE_MS
from connectors.simulator.market.random_field import Flags, Ints, key_of, uniform

DECIMALS = 8
_CYCLE_MINUTES = 28 * DAY_MS // MINUTE_MS


@dataclass(frozen=True)
class Cycle:
    """A stretch of minutes that comes again every 28 days, so that any month of history holds one."""

    start: int
    minutes: int

    def holds(self, minutes: Ints) -> Flags:
        return (minutes - self.start) % _CYCLE_MINUTES < self.minutes


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One symbol. `price` is its level in ticks, `turnover` what it trades in a minute, in steps."""

    symbol: str
    base: str
    quote: str
    price: int
    turnover: int
    tick_decimals: int
    step_decimals: int
    quiet: float = 0.0  # share of minutes without a trade
    listed_ms: int
    delisted_ms: int | None = None
    outage: Cycle | None = None
    off_grid: Cycle | None = None
    groups: tuple[str, ...] = ("SPOT", "MARGIN")
    recorded_status: str = "TRADING"
    size: int | None = None  # of a contract of COIN-M: what it is worth, in the quote asset

    def __hash__(self) -> int:
        return hash(self.symbol)  # thousands are looked up by each answer about all symbols

    def key(self, seed: int | str, what: object) -> np.uint64:
        """The key of one quantity of the symbol under a seed."""
        return key_of(seed, self.symbol, what)

    def status(self, now_ms: int) -> str:
        return "BREAK" if self.delisted_ms is not None and now_ms >= self.delisted_ms else self.recorded_status

    @property
    def funding_ms(self) -> int | None:
        """The time from one funding to the next; None where none is paid."""
        return None

    def ends_ms(self, now_ms: int) -> int:
        """The instant up to which the symbol has traded."""
        return now_ms if self.delisted_ms is None else min(now_ms, self.delisted_ms - 1)

    def info(self, now_ms: int) -> dict[str, Any]:
        """The symbol as `exchangeInfo` prints it."""
        return {
            "symbol": self.symbol,
            "status": self.status(now_ms),
            "baseAsset": self.base,
            "baseAssetPrecision": DECIMALS,
            "quoteAsset": self.quote,
            "quotePrecision": DECIMALS,
            "quoteAssetPrecision": DECIMALS,
            "baseCommissionPrecision": DECIMALS,
            "quoteCommissionPrecision": DECIMALS,
            "orderTypes": list(_ORDER_TYPES),
            **_CAPABILITIES,
            "isSpotTradingAllowed": "SPOT" in self.groups,
            "isMarginTradingAllowed": "MARGIN" in self.groups,
            "filters": _filters(_unit(self.tick_decimals), _unit(self.step_decimals)),
            "permissions": [],
            "permissionSets": [list(self.groups)],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
        }


_ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_CAPABILITIES = dict.fromkeys(
    (
        "icebergAllowed",
        "ocoAllowed",
        "otoAllowed",
        "opoAllowed",
        "quoteOrderQtyMarketAllowed",
        "allowTrailingStop",
        "cancelReplaceAllowed",
        "amendAllowed",
        "pegInstructionsAllowed",
    ),
    True,
)


def _unit(decimals: int) -> str:
    return f"{10**-decimals:.8f}"


def _filters(tick: str, step: str) -> list[dict[str, Any]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "90000000.00000000", "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "2000.00000000", "stepSize": "0.00000000"},
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]


def day_ms(text: str) -> int:
    """A date or an instant, UTC, in milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def _minute(text: str) -> int:
    return day_ms(text) // MINUTE_MS


_FOUNDED_MS = day_ms("2017-08-17T04:00")


def _row(base: str, quote: str, price: str, turnover: float, step_decimals: int, **odd: Any) -> Listing:
    """A listing whose tick is the last digit of the price's text."""
    whole, _, fraction = price.partition(".")
    return Listing(
        symbol=odd.pop("symbol", base + quote),
        base=base,
        quote=quote,
        price=int(whole + fraction),
        turnover=int(turnover * 10**step_decimals),
        tick_decimals=len(fraction),
        step_decimals=step_decimals,
        listed_ms=odd.pop("listed_ms", _FOUNDED_MS),
        **odd,
    )


LISTINGS = (
    _row("BTC", "USDT", "64000.00", 5, 5),
    _row("ETH", "USDT", "3200.00", 80, 4),
    _row("BNB", "USDT", "600.00", 60, 3, listed_ms=day_ms("2017-11-06T03:54")),
    _row("SOL", "USDT", "150.00", 500, 3, listed_ms=day_ms("2020-08-11T06:00")),
    _row("ETH", "BTC", "0.05000", 9, 4),
    _row("BNB", "BTC", "0.009400", 4, 3, quiet=0.2, listed_ms=day_ms("2017-11-06T03:54")),
    _row("ADA", "USDT", "0.4500", 60_000, 1, listed_ms=day_ms("2018-04-17T04:00")),
    _row("TRX", "USDT", "0.2400", 90_000, 1, listed_ms=day_ms("2018-06-11T11:30")),
    _row("DOT", "USDT", "6.500", 4_000, 2, listed_ms=day_ms("2020-08-18T23:00")),
    _row("DOGE", "USDT", "0.12000", 200_000, 0, listed_ms=day_ms("2019-07-05T12:00")),
    _row("LINK", "BTC", "0.0002100", 400, 2, quiet=0.2, listed_ms=day_ms("2019-01-16")),
    _row("EUR", "USDT", "1.0800", 20_000, 1, listed_ms=day_ms("2020-01-03T08:00")),
    # Prices of few digits and volumes of many.
    _row("SHIB", "USDT", "0.00001800", 4e9, 0, listed_ms=day_ms("2021-05-10T11:00")),
    # A name that begins with a digit, and rarely trades.
    _row("1000SATS", "USDT", "0.0003000", 200_000, 0, quiet=0.5, listed_ms=day_ms("2023-12-12T10:30")),
    _row("币安人生", "USDT", "0.2500", 90_000, 1, quiet=0.1, listed_ms=day_ms("2025-12-03T07:00")),
    _row("这是测试币", "456", "1.000", 5_000, 1, listed_ms=day_ms("2025-12-18T06:00")),
    # Bare, YAML 1.1 reads this name as true; and no market leads from its quote asset to any other.
    _row("O", "N", "7.00", 300, 2, quiet=0.3, symbol="ON", listed_ms=day_ms("2024-03-01")),
    # Delisted in the middle of a day; its history is still served.
    _row(
        "NANO", "USDT", "3.5000", 900, 2, listed_ms=day_ms("2019-03-29T04:00"), delisted_ms=day_ms("2022-01-19T07:30")
    ),
    _row("MATIC", "USDT", "0.5000", 40_000, 1, listed_ms=day_ms("2019-04-26"), delisted_ms=day_ms("2025-09-10T03:00")),
    _row("WAVES", "USDT", "2.100", 3_000, 2, listed_ms=day_ms("2021-01-06"), delisted_ms=day_ms("2026-06-17T03:00")),
    # Listed in the middle of a day.
    _row("XNO", "USDT", "1.2000", 1_500, 2, listed_ms=day_ms("2026-10-06T09:30")),
    # Four hours missing every four weeks.
    _row("XRP", "USDT", "0.6000", 30_000, 0, outage=Cycle(_minute("2026-10-14T02:00"), 240)),
    # For an hour and a half every four weeks the candles open 14 seconds late.
    _row("LTC", "USDT", "85.00", 300, 3, off_grid=Cycle(_minute("2026-10-20T12:00"), 90)),
    # A regional group that `exchangeInfo` shows only when asked for it.
    _row("BTC", "ZAR", "1100000", 1, 5, quiet=0.4, listed_ms=day_ms("2020-04-01"), groups=("TRD_GRP_004",)),
)


def plain(symbol: str, base: str, quote: str, tick_decimals: int, step_decimals: int, **more: Any) -> Listing:
    """A listing without oddities, its level and turnover chosen from its name."""
    level, turnover = uniform(key_of("plain", symbol), np.arange(2, dtype=np.int64))
    price = 1_000 + int(level * 20_000)
    most = 10.0 ** (13 + tick_decimals + step_decimals - DECIMALS) / price  # a month's sum still fits 64 bits
    return Listing(
        symbol=symbol,
        base=base,
        quote=quote,
        price=price,
        turnover=1_000 + int(turnover * min(most, 1e6)),
        tick_decimals=tick_decimals,
        step_decimals=step_decimals,
        **{"listed_ms": _FOUNDED_MS, **more},
    )


# As many as recorded symbols have: they are most of what `exchangeInfo` prints.
_GROUPS = ("SPOT", "MARGIN", *(f"TRD_GRP_{number:03}" for number in range(2, 235)))


def generated(count: int) -> Iterator[Listing]:
    """As many more symbols as a load test wants: AAAUSDT, BAAUSDT, ..."""
    for number in range(count):
        letters = (string.ascii_uppercase[number // 26**place % 26] for place in range(3))
        base = "Z" + "".join(letters)
        yield plain(f"{base}USDT", base, "USDT", tick_decimals=4, step_decimals=2, groups=_GROUPS)


def funding_rate(slot: int) -> str:
    """What a contract pays at a funding, as printed, by the number of the funding."""
    return f"{(slot % 41 - 15) / 100_000:.8f}"
