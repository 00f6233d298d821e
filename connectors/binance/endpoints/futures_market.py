"""What the markets of USD-M and COIN-M futures have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from connectors.binance.endpoints.model import (
    Bound,
    ByLimit,
    BySymbols,
    ByTime,
    Endpoint,
    Holds,
    OnGrid,
    Printed,
    Unset,
    Whole,
)
from connectors.binance.endpoints.spot import KLINES, NO_BOOK, NO_TRADES
from connectors.binance.pools import FUNDING, FUTURES, FUTURES_DATA
from schemas.datasets import derivatives
from schemas.datasets import market as rows
from schemas.model.dataset import Dataset
from schemas.model.grid import INTERVALS

_PREFIXES = {"usdm": "fapi", "coinm": "dapi"}
_INTERVALS = tuple(interval for interval in INTERVALS if interval != "1s")
_PRICES_ALONE = ("open_time", "open", "high", "low", "close", "", "close_time")
_COIN_MARGINED = re.compile(r"\w+USD_(PERP|\d{6})")
_OF_SYMBOL = {"symbol": Holds("symbol")}
PAIR = {"pair": "pair"}
PAIR_AND_TYPE = {"pair": "pair", "contractType": "contract_type"}
_ACCOUNTS = ("longAccount", "shortAccount")
_WITH_DELIVERY = frozenset(
    f"{quarter}_QUARTER{state}" for quarter in ("CURRENT", "NEXT") for state in ("", " DELIVERING")
)
_PERPETUAL = frozenset({"PERPETUAL", "TRADIFI_PERPETUAL", "PERPETUAL DELIVERING"})
_CONTRACT_TYPES = frozenset({"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"})


def call(market: str, name: str, **row: Any) -> Endpoint:
    """A call to the host of a market of futures."""
    prefix = _PREFIXES[market]
    usual: dict[str, Any] = {"path": f"/{prefix}/v1/{name}", "pool": FUTURES, "family": market, "market": market}
    return Endpoint(name=f"{prefix}/{name}", **usual | row)


def exchange_info(market: str, **wire: str) -> Endpoint:
    """The contracts of a market."""
    return call(
        market,
        "exchangeInfo",
        walk=Whole(idle=("PENDING_TRADING", "DELIVERING", "DELIVERED", "SETTLING", "CLOSE")),
        tells_limits=True,
        dataset=rows.SYMBOLS,
        rows_at="symbols",
        wire={"quote_asset_precision": "quotePrecision", **wire},
        unset={"delivery_date": Unset.BEYOND_2100},
        never_empty=True,
    )


def whole(market: str, name: str, dataset: Dataset, one: int, every: int, **row: Any) -> Endpoint:
    """What all contracts of a market show now; one alone is asked for at another weight."""
    weight = BySymbols(one=one, every=every)
    return call(market, name, dataset=dataset, weight=weight, walk=Whole(), never_empty=True, **row)


def ticker_24h(market: str) -> Endpoint:
    """The last 24 hours of every contract."""
    return whole(market, "ticker/24hr", rows.TICKERS, 1, 40, unset=NO_TRADES)


def book_ticker(market: str) -> Endpoint:
    """The best bid and ask of every contract."""
    return whole(market, "ticker/bookTicker", rows.BOOK_TICKERS, 2, 5, unset=NO_BOOK)


def premium_index(market: str, one: int) -> Endpoint:
    """Mark prices and funding of every contract."""
    return whole(market, "premiumIndex", derivatives.PREMIUM_INDEX, one, 10)


def funding_info(market: str) -> Endpoint:
    """Contracts whose funding is not the usual one: each host lists those of both markets (C26)."""
    mine = lambda printed: [row for row in printed if _is_of(market, row)]  # noqa: E731 - as short as its row
    return call(market, "fundingInfo", pool=FUNDING, dataset=derivatives.FUNDING_INFO, walk=Whole(), reshape=mine)


def _is_of(market: str, row: Printed) -> bool:
    """Whether a contract belongs to a market: those of COIN-M are named by a pair with USD and a day or PERP."""
    return bool(_COIN_MARGINED.fullmatch(bytes(row.get("symbol", b"")).decode().strip('"'))) == (market == "coinm")


def funding_rates(market: str, **row: Any) -> Endpoint:
    """What was paid at each funding; contracts with a day of delivery have none."""
    walk = ByTime(
        width=timedelta(days=166),  # of a thousand fundings, one every four hours
        settles=timedelta(minutes=10),
        lookback=timedelta(days=1),
        not_of=_WITH_DELIVERY,
    )
    held = _between("funding_time") | _OF_SYMBOL
    return call(
        market, "fundingRate", dataset=derivatives.FUNDING_RATES, walk=walk, page_limit=1000, held=held,
        reshape=_with_type, **row,
    )  # fmt: skip


def _with_type(printed: Sequence[Printed]) -> list[Printed]:
    """Fundings of which some do not say their type, as those of COIN-M."""
    return [{"rateType": msgspec.Raw(b'""'), **row} for row in printed]


def statistics(
    market: str,
    name: str,
    dataset: Dataset,
    names: dict[str, str] | None = None,
    *,
    says_symbol: bool = False,
    **row: Any,
) -> Endpoint:
    """What the exchange counts every five minutes, of the last 30 days; some rows say of which symbol they are."""
    named: dict[str, Any] = {} if names is None else {"names": names}
    if names is not None and "contractType" in names:
        named["only"] = _CONTRACT_TYPES
    five = timedelta(minutes=5)
    walk = ByTime(
        width=480 * five,  # and what is looked at again fit one answer
        settles=2 * five,  # the stretch that an instant begins is over then
        lookback=timedelta(hours=1),
        kept=timedelta(days=30) - timedelta(hours=1),  # which go on while they are asked for
        **named,
    )
    wire = {"time": "timestamp", **row.pop("wire", {})}
    usual: dict[str, Any] = {"path": f"/futures/data/{name}", "pool": FUTURES_DATA, "page_limit": 500}
    return call(
        market, f"futures/data/{name}", dataset=dataset, walk=walk, wire=wire, fixed={"period": "5m"},
        held=_between("time") | (_OF_SYMBOL if says_symbol else {}), **usual | row,
    )  # fmt: skip


def ratios(
    market: str, names: dict[str, str] | None = None, *, positions: tuple[str, str] = _ACCOUNTS, **row: Any
) -> tuple[Endpoint, ...]:
    """How all accounts, the top ones and their positions stand; the shares of positions may have names of their own."""
    return tuple(
        statistics(
            market, f"{name}Ratio", derivatives.LONG_SHORT_RATIOS, names, constants={"kind": kind},
            wire={"long_share": longs, "short_share": shorts}, **row,
        )
        for name, kind, (longs, shorts) in (
            ("globalLongShortAccount", "global_accounts", _ACCOUNTS),
            ("topLongShortAccount", "top_accounts", _ACCOUNTS),
            ("topLongShortPosition", "top_positions", positions),
        )
    )  # fmt: skip


def open_interest(market: str, names: dict[str, str] | None = None, **row: Any) -> Endpoint:
    """How many contracts are open."""
    wire = {
        "open_interest": "sumOpenInterest",
        "open_interest_value": "sumOpenInterestValue",
        "cmc_circulating_supply": "CMCCirculatingSupply",
    }
    return statistics(market, "openInterestHist", derivatives.OPEN_INTEREST, names, wire=wire, **row)


def basis(market: str) -> Endpoint:
    """By how much contracts of a type are above the index."""
    return statistics(market, "basis", derivatives.BASIS, PAIR_AND_TYPE)


def insurance_fund(market: str) -> Endpoint:
    """What each fund of insurance holds, under every contract that shares it."""
    return call(
        market, "insuranceBalance", dataset=derivatives.INSURANCE_FUND, walk=Whole(), reshape=_by_contract,
        never_empty=True,
    )  # fmt: skip


def _by_contract(printed: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """A row for each contract and asset, out of funds that list both."""
    for fund in printed:
        symbols = msgspec.json.decode(fund.get("symbols", b"null"), type=list[msgspec.Raw])
        assets = msgspec.json.decode(fund.get("assets", b"null"), type=list[dict[str, msgspec.Raw]])
        yield from ({**asset, "symbol": symbol, "fund": symbols[0]} for symbol in symbols for asset in assets)


def delivery_prices(market: str) -> Endpoint:
    """At which prices contracts of a pair were delivered: all there ever were, each under the midnight before."""
    walk = ByTime(
        names=PAIR,
        width=timedelta(days=36_500),
        settles=timedelta(days=2),  # a delivery is at 8 in the morning of the day that its row names
        lookback=timedelta(days=14),
        not_of=_PERPETUAL,
        at_once=True,
    )
    return call(
        market, "futures/data/delivery-price", path="/futures/data/delivery-price", pool=FUTURES_DATA,
        dataset=derivatives.DELIVERY_PRICES, walk=walk, reshape=_with_price_as_text,
    )  # fmt: skip


def _with_price_as_text(printed: Sequence[Printed]) -> list[Printed]:
    """Deliveries whose price is the text of the number that is printed, so that no digit is lost."""
    return [{**row, "deliveryPrice": _text(row["deliveryPrice"])} if "deliveryPrice" in row else row for row in printed]


def _text(number: msgspec.Raw) -> msgspec.Raw:
    digits = bytes(number)
    return msgspec.Raw(b'"%b"' % digits) if digits[:1].isdigit() else number


def _between(column: str) -> dict[str, Holds]:
    return {"startTime": Holds(column, Bound.FROM), "endTime": Holds(column, Bound.UP_TO)}


def candles(market: str, name: str, dataset: Dataset, names: dict[str, str] | None = None) -> Endpoint:
    """Candles of one kind, whose series are named by these parameters where it is not by `symbol`."""
    named: dict[str, Any] = {} if names is None else {"names": names}
    if names is not None and "contractType" in names:
        named["only"] = _CONTRACT_TYPES
    if market == "coinm":  # L8
        named |= {"most_days": 200, "newest_first": True}
    return call(
        market,
        name,
        walk=OnGrid(intervals=_INTERVALS, **named),
        # As documented; at 100 and 500 themselves less was measured.
        weight=ByLimit(up_to=((99, 1), (499, 2), (1000, 5)), beyond=10, unsent=5),
        page_limit=499,  # of 1,500 that are allowed: 250 rows for a weight of one, where larger pages have 150 to 200
        dataset=dataset,
        wire=KLINES.wire if "volume" in dataset.schema.names else _PRICES_ALONE,
        held=KLINES.held,
        whole_ms=KLINES.whole_ms,
    )


def all_candles(market: str) -> tuple[Endpoint, ...]:
    """Candles of trades, mark prices, index prices and premiums, and of whichever contract of a type is current."""
    return (
        candles(market, "klines", rows.KLINES),
        candles(market, "markPriceKlines", rows.MARK_KLINES),
        candles(market, "indexPriceKlines", rows.INDEX_KLINES, PAIR),
        candles(market, "premiumIndexKlines", rows.PREMIUM_KLINES),
        candles(market, "continuousKlines", rows.CONTINUOUS_KLINES, PAIR_AND_TYPE),
    )
