"""Futures, USD-M and COIN-M: contracts and candles of their own, on hosts whose clock is another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from connectors.simulator.market.history import History
from connectors.simulator.market.intervals import HOUR_MS, MINUTE_MS
from connectors.simulator.market.kline_pages import Charts
from connectors.simulator.market.listings import Cycle, Listing, day_ms
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.tickers import Tickers
from connectors.simulator.market.trades import Tape
from connectors.simulator.protocol.rules import Refusal

_NO_DELIVERY_MS = 4_133_404_800_000  # as printed for every perpetual contract
_ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


@dataclass(frozen=True, kw_only=True)
class Contract(Listing):
    """One contract: perpetual, or delivered on a day."""

    kind: str = "PERPETUAL"
    funding_hours: int = 8  # from one funding to the next

    __hash__ = Listing.__hash__

    @property
    def pair(self) -> str:
        return f"{self.base}{self.quote}"

    @property
    def funding_ms(self) -> int | None:
        return self.funding_hours * HOUR_MS if self.kind == "PERPETUAL" else None

    def status(self, now_ms: int) -> str:
        return "SETTLING" if self.delisted_ms is not None and now_ms >= self.delisted_ms else self.recorded_status

    def info(self, now_ms: int) -> dict[str, Any]:
        """The contract as `exchangeInfo` prints it."""
        tick, step = (f"{10**-decimals:.{decimals}f}" for decimals in (self.tick_decimals, self.step_decimals))
        status = {"status": self.status(now_ms)}
        if self.size is not None:
            status = {"contractStatus": self.status(now_ms)}
        return {
            "symbol": self.symbol,
            "pair": self.pair,
            "contractType": self.kind,
            "deliveryDate": self.delisted_ms or _NO_DELIVERY_MS,
            "onboardDate": self.listed_ms,
            **status,
            **({} if self.size is None else {"contractSize": self.size, "equalQtyPrecision": 4}),
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": self.base,
            "quoteAsset": self.quote,
            "marginAsset": self.quote if self.size is None else self.base,
            "pricePrecision": self.tick_decimals,
            "quantityPrecision": self.step_decimals,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "settlePlan": 0,
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000", "stepSize": step},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
            "orderTypes": list(_ORDER_TYPES),
            "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        }


CONTRACTS = (
    Contract(symbol="BTCUSDT", base="BTC", quote="USDT", price=640_500, turnover=40_000,
             tick_decimals=1, step_decimals=3, listed_ms=day_ms("2019-09-08T17:57")),
    Contract(symbol="BTCUSDT_261225", base="BTC", quote="USDT", price=641_500, turnover=4_000,
             tick_decimals=1, step_decimals=3, listed_ms=day_ms("2026-06-26T08:00"),
             delisted_ms=day_ms("2026-12-25T08:00"), kind="CURRENT_QUARTER"),
    Contract(symbol="ETHUSDT", base="ETH", quote="USDT", price=320_400, turnover=600_000,
             tick_decimals=2, step_decimals=3, listed_ms=day_ms("2019-11-27T07:45")),
    # A multiplier: one contract is of a thousand coins.
    Contract(symbol="1000SHIBUSDT", base="1000SHIB", quote="USDT", price=180_100, turnover=900_000,
             tick_decimals=7, step_decimals=1, listed_ms=day_ms("2021-05-10T11:30"), funding_hours=4),
    # Four hours missing every four weeks.
    Contract(symbol="XRPUSDT", base="XRP", quote="USDT", price=6_003, turnover=300_000, tick_decimals=4,
             step_decimals=1, listed_ms=day_ms("2020-01-06T08:00"),
             outage=Cycle(day_ms("2026-10-14T02:00") // MINUTE_MS, 240)),
    # Settled in the middle of a day; its history is still served.
    Contract(symbol="WAVESUSDT", base="WAVES", quote="USDT", price=2_101, turnover=30_000, tick_decimals=3,
             step_decimals=1, listed_ms=day_ms("2020-09-07T07:00"), delisted_ms=day_ms("2026-06-11T09:00")),
)  # fmt: skip

# Of COIN-M: paid in coins, counted in contracts.
INVERSE = (
    Contract(symbol="BTCUSD_PERP", base="BTC", quote="USD", price=640_500, turnover=40_000,
             tick_decimals=1, step_decimals=0, listed_ms=day_ms("2020-08-10"), size=100),
    Contract(symbol="ETHUSD_PERP", base="ETH", quote="USD", price=320_400, turnover=600_000,
             tick_decimals=2, step_decimals=0, listed_ms=day_ms("2020-08-14"), size=10),
    Contract(symbol="BTCUSD_261225", base="BTC", quote="USD", price=641_500, turnover=4_000,
             tick_decimals=1, step_decimals=0, listed_ms=day_ms("2026-06-26T08:00"),
             delisted_ms=day_ms("2026-12-25T08:00"), kind="CURRENT_QUARTER", size=100),
)  # fmt: skip


_CONTRACTS = {"usdm": CONTRACTS, "coinm": INVERSE}


class Futures:
    """The contracts, what they traded, and the clock of their host: `skew_s` is added to the one it is given."""

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.skew_s = 0.0
        histories = {market: History(Market(f"{seed}/{market}")) for market in _CONTRACTS}
        self.charts = {market: Charts(history, padded=False) for market, history in histories.items()}
        self.tickers = {market: Tickers(history) for market, history in histories.items()}
        self._listings = {
            market: {contract.symbol: contract for contract in contracts} for market, contracts in _CONTRACTS.items()
        }
        self._forgotten: dict[str, list[Contract]] = {market: [] for market in _CONTRACTS}
        self.tapes = {market: Tape(Market(f"{seed}/{market}")) for market in _CONTRACTS}

    @property
    def now_us(self) -> int:
        return int((self._clock() + self.skew_s) * 1_000_000)

    def archived(self, market: str) -> Callable[[], list[Listing]]:
        """All contracts of a market there ever were, forgotten ones included, whenever it is asked."""
        return lambda: [*self._listings[market].values(), *self._forgotten[market]]

    def listed(self, now_ms: int, market: str = "usdm") -> list[Contract]:
        """All contracts of a market that are known at an instant."""
        return [contract for contract in self._listings[market].values() if contract.listed_ms <= now_ms]

    def listing(self, symbol: str, now_ms: int, market: str = "usdm") -> Contract:
        listing = self._listings[market].get(symbol)
        if listing is None or listing.listed_ms > now_ms:
            raise Refusal(-1121, "Invalid symbol.")
        return listing

    def add(self, contract: Contract, market: str = "usdm") -> None:
        """List a contract."""
        self._listings[market][contract.symbol] = contract

    def delist(self, symbol: str) -> None:
        """Settle a contract now; its history stays."""
        for contracts in self._listings.values():
            if symbol in contracts:
                contracts[symbol] = replace(contracts[symbol], delisted_ms=self.now_us // 1000)

    def remove(self, symbol: str) -> None:
        """Forget a contract, as the exchange does some time after it was settled."""
        for market, contracts in self._listings.items():
            if (gone := contracts.pop(symbol, None)) is not None:
                ended_ms = self.now_us // 1000 if gone.delisted_ms is None else gone.delisted_ms
                self._forgotten[market].append(replace(gone, delisted_ms=ended_ms))
