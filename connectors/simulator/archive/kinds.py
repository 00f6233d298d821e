"""What the archive publishes beside candles: which kinds there are, and the lines of a day or month of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial

import numpy as np

from connectors.simulator.market.intervals import HOUR_MS, MINUTE_MS, SECOND_MS
from connectors.simulator.market.listings import Listing, funding_rate
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.price_kinds import Shown, index_price, mark_price, premium
from connectors.simulator.market.prints import lines
from connectors.simulator.market.random_field import Floats, key_of, uniform
from connectors.simulator.market.trades import Tape

MARKETS = {"spot": "spot", "usdm": "futures/um", "coinm": "futures/cm", "option": "option"}
_TRADED = ("spot", "usdm", "coinm")
CANDLES = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
_METRICS_MS = 5 * MINUTE_MS
_LABELLED_BY_START_MS = 1_782_345_600_000  # 2026-06-25, of USD-M; COIN-M always was
_TWELVE_BANDS_MS = 1_768_435_200_000  # 2026-01-15
_SNAPSHOT_MS = 30 * SECOND_MS
_QUOTED_MS = 10 * SECOND_MS


@dataclass(frozen=True, slots=True)
class Span:
    """What the lines of a file are of: a symbol, and [since, until) as far as it has traded by then."""

    market: str
    listing: Listing
    since_ms: int
    until_ms: int
    seed: int | str

    def every(self, step_ms: int) -> list[int]:
        return list(range(-(-self.since_ms // step_ms) * step_ms, self.until_ms, step_ms))

    def noise(self, what: str, times_ms: list[int]) -> Floats:
        """A number in [0, 1) for each instant."""
        key = key_of(self.seed, self.market, self.listing.symbol, what)
        return uniform(key, np.array(times_ms, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file, in the archive's word; without `lines` it holds candles."""

    folder: str
    header: bytes
    markets: tuple[str, ...]
    monthly: bool = True
    daily: bool = True
    begins: date = date(2017, 1, 1)
    ends: date = date(2100, 1, 1)
    lines: Callable[[Span], list[bytes]] | None = None
    bytes_a_day: int = 0  # what a day of it fits into
    sized: Callable[[Span], int] | None = None  # the same of a whole file, where days differ
    shown: Shown | None = None  # what candles that are not of trades make of those that are
    by_pair: bool = False  # files are named by the pair of a perpetual contract
    always_headed: bool = True  # of what has lines: also files of before futures had headers, and those of spot

    @property
    def by_interval(self) -> bool:
        return self.lines is None

    def headed(self, market: str) -> bytes:
        """The header in files of a market: single trades of COIN-M say what they are worth in the base asset."""
        return self.header.replace(b"quote_qty", b"base_qty") if market == "coinm" else self.header

    def lived(self, first: date) -> bool:
        return self.begins <= first < self.ends


def _metrics(span: Span) -> list[bytes]:
    """A row each five minutes. The label is their end, or since some day their start, with the values of their end."""
    starts = span.every(_METRICS_MS)
    by_start = span.market == "coinm" or span.since_ms >= _LABELLED_BY_START_MS
    interest, ratio = span.noise("interest", starts), span.noise("ratio", starts)
    none = '"",' * 3
    rows = []
    for start, held, part in zip(starts, interest.tolist(), ratio.tolist(), strict=True):
        label = _text(start if by_start else start + _METRICS_MS)
        amount = 70_000 + held * 9_000
        ratios = none if span.market == "coinm" else f"{1 + part:.8f},{1.5 + part:.8f},{2 - part:.8f},"
        worth = f"{amount:.3f}0000000000000,{amount * 64_123:.4f}000000000000"
        rows.append(f"{label},{span.listing.symbol},{worth},{ratios}{part:.8f}")
    return [row.encode() for row in rows]


def _book_depth(span: Span) -> list[bytes]:
    """What lies within each distance of the price, at some second of each half minute."""
    bands = [-5.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    if span.since_ms >= _TWELVE_BANDS_MS:
        bands = sorted([*bands, -0.2, 0.2])
    times = span.every(_SNAPSHOT_MS)
    late = (span.noise("late", times) * 20).astype(int).tolist()
    deep = span.noise("deep", times).tolist()
    seen = [(_text(at + seconds * SECOND_MS), part) for at, seconds, part in zip(times, late, deep, strict=True)]
    return [
        f"{at},{band:.2f},{abs(band) * (900 + part):.8f},{abs(band) * (57e6 + part):.8f}".encode()
        for at, part in seen
        for band in bands
    ]


def _book_tickers(span: Span) -> list[bytes]:
    """The best prices at some instant of each ten seconds; real ones change a hundred times a second."""
    times = span.every(_QUOTED_MS)
    parts, late = span.noise("quoted", times).tolist(), (span.noise("told", times) * 9).astype(int).tolist()
    rows = []
    for start, part, told_ms in zip(times, parts, late, strict=True):
        at, bid = start + int(part * 9_000), 27_000 + int(part * 900) / 10
        best = f"{bid:.1f},{1 + part:.3f},{bid + 0.1:.1f},{9 - part:.3f}"
        rows.append(f"{at * 100},{best},{at},{at + told_ms}".encode())
    return rows


def _liquidations(span: Span) -> list[bytes]:
    """A few a day; each line stands there twice."""
    times = [at + 7_926 for at in span.every(HOUR_MS)]
    rows = []
    for at, part in zip(times, span.noise("liquidated", times).tolist(), strict=True):
        amount, price = 1 + int(part * 50), 30_000 + int(part * 900) / 10
        side = "BUY" if part < 0.5 else "SELL"  # noqa: PLR2004 - a coin
        rows += [f"{at},{side},LIMIT,IOC,{amount},{price},{price - 1.5},FILLED,{amount},{amount}"] * 2
    return [row.encode() for row in rows]


def _funding(span: Span) -> list[bytes]:
    """What REST prints of perpetual contracts, some other milliseconds late."""
    length_ms = span.listing.funding_ms
    if length_ms is None:
        return []
    times = span.every(length_ms)
    late = (span.noise("late", times) * 12).astype(int).tolist()
    return [
        f"{at + more},{length_ms // HOUR_MS},{funding_rate(at // length_ms)}".encode()
        for at, more in zip(times, late, strict=True)
    ]


def _options(span: Span) -> list[bytes]:
    """The state of a few options at each hour, contract by contract: no hour follows the one before."""
    hours = span.every(HOUR_MS)
    traded, expiry = span.noise("option", hours).tolist(), f"{datetime.fromtimestamp(span.until_ms / 1000, UTC):%y%m%d}"
    rows = []
    for place, strike in enumerate((26_000, 27_000, 28_000)):
        for at, part in reversed([*zip(hours, traded, strict=True)]):
            day, hour = _text(at)[:10], _text(at)[11:13]
            name, price, amount = (
                f"{span.listing.base}-{expiry}-{strike}-C",
                3000 - 1000 * place + part,
                round(part * 40, 2),
            )
            volume, held = (f"{amount:.8f}", "0E-8") if amount > 1 else ("0E-8", "")
            prices, book = ",".join([f"{price:.8f}"] * 4), f"{price - 5:.8f},{price + 5:.8f},{amount:.8f},0E-8"
            greeks = f"{0.5 - part / 10:.8f},0.00008048,{6 + part:.8f},{-36 - part:.8f}"
            rows.append(
                f'{day},{hour},{name},{span.listing.symbol},C,{expiry}-{strike},{prices},{volume},{volume},{book},"",'
                f"-0.00000001,{price:.8f},0.60950577,{greeks},{held},{held}".encode()
            )
    return rows


@cache
def _tape(seed: int | str) -> Tape:
    return Tape(Market(seed))


def _trades(span: Span, *, aggregates: bool) -> list[bytes]:
    return lines(_tape(span.seed), span.listing, span.market, (span.since_ms, span.until_ms), aggregates=aggregates)


def _trades_size(span: Span, *, bytes_a_trade: int) -> int:
    """What the trades of a file fit into, packed."""
    tape, ends = _tape(span.seed), -(-span.until_ms // MINUTE_MS)
    count = tape.before(span.listing, ends) - tape.before(span.listing, span.since_ms // MINUTE_MS)
    return bytes_a_trade * max(count, 0)


def _traded(folder: str, header: str, *markets: str) -> Kind:
    aggregates = folder == "aggTrades"
    return Kind(
        folder,
        header.encode(),
        markets,
        lines=partial(_trades, aggregates=aggregates),
        sized=partial(_trades_size, bytes_a_trade=32 if aggregates else 56),
        always_headed=False,
    )


def _text(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


_AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_FUTURES = ("usdm", "coinm")
KINDS = {
    kind.folder: kind
    for kind in (
        Kind("klines", CANDLES, _TRADED),
        Kind("markPriceKlines", CANDLES, _FUTURES, shown=mark_price),
        Kind("premiumIndexKlines", CANDLES, _FUTURES, shown=premium),
        Kind("indexPriceKlines", CANDLES, _FUTURES, shown=index_price, by_pair=True),
        _traded("aggTrades", _AGGREGATES, *_TRADED),
        _traded("trades", "id,price,qty,quote_qty,time,is_buyer_maker", *_TRADED),
        Kind(
            "metrics",
            b"create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
            b"sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio",
            _FUTURES, monthly=False, begins=date(2020, 9, 1), lines=_metrics, bytes_a_day=64_000,
        ),
        Kind(
            "bookDepth", b"timestamp,percentage,depth,notional", ("usdm", "coinm"),
            monthly=False, begins=date(2023, 1, 1), lines=_book_depth, bytes_a_day=2_500_000,
        ),
        Kind(
            "bookTicker",
            b"update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
            _FUTURES, begins=date(2023, 5, 1), ends=date(2024, 3, 31), lines=_book_tickers, bytes_a_day=800_000,
        ),
        Kind(
            "liquidationSnapshot",
            b"time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
            b"last_fill_quantity,accumulated_fill_quantity",
            ("coinm",), monthly=False, begins=date(2023, 6, 25), ends=date(2024, 10, 15),
            lines=_liquidations, bytes_a_day=8_000,
        ),
        Kind(
            "EOHSummary",
            b"date,hour,symbol,underlying,type,strike,open,high,low,close,volume_contracts,volume_usdt,best_bid_price,"
            b"best_ask_price,best_bid_qty,best_ask_qty,best_buy_iv,best_sell_iv,mark_price,mark_iv,delta,gamma,vega,theta,"
            b"openinterest_contracts,openinterest_usdt",
            ("option",), monthly=False, begins=date(2023, 5, 18), ends=date(2023, 10, 24),
            lines=_options, bytes_a_day=40_000,
        ),
        Kind(
            "fundingRate", b"calc_time,funding_interval_hours,last_funding_rate", _FUTURES,
            daily=False, begins=date(2020, 1, 1), lines=_funding, bytes_a_day=150,
        ),
    )
}  # fmt: skip
