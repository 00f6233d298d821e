"""What nobody has verified about the exchange, and the read calls that decide it, a row each.

A probe asks with a key that only reads, costs little weight, and comes to one word. `decides` says what each word would
mean for binlake. An answer is `UNDECIDED` where the account or the market has too little to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from connectors.binance.endpoints import spot, usdm, wallet
from connectors.binance.endpoints.model import Endpoint, Param
from schemas.model.grid import LENGTH_US, Grid

UNDECIDED = "undecided"
_SYMBOL = "BTCUSDT"
_QUIET = "ETHBTC"  # seconds go by without a trade of it
_DAY_MS = 86_400_000
_WITHDRAWAL_WEIGHT = 18_000
_FIRST_MONTH_ENDS_MS = 1_504_224_000_000  # 2017-09-01; the exchange opened in July 2017
_ORDER_LIMITS = {("SECOND", 10, 100), ("DAY", 1, 200_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a call came to: its answer, or the code of the refusal; and the pool's used weight after it."""

    body: Any = None
    refused: int | None = None
    used: int | None = None


Params = Callable[[int, Sequence[Reply]], Mapping[str, Param]]  # from the time in ms, and the replies so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A statement that nobody has verified, the calls that decide it, and what each outcome means."""

    name: str
    statement: str
    calls: tuple[tuple[Endpoint, Params], ...]
    read: Callable[[Sequence[Reply]], str]
    decides: Mapping[str, str]


def _with(**params: Param) -> Params:
    return lambda _now_ms, _replies: params


def _last_days(days: int, **more: Param) -> Params:
    """A window that ends now and is exactly so many days wide."""
    return lambda now_ms, _replies: {"startTime": now_ms - days * _DAY_MS, "endTime": now_ms, **more}


def _of_a_stopped_symbol(**params: Param) -> Params:
    """Of the first symbol that the reply before lists as stopped."""
    return lambda _now_ms, replies: {"symbol": replies[0].body["symbols"][0]["symbol"], **params}


def _accepted(replies: Sequence[Reply]) -> str:
    return "accepted" if replies[-1].refused is None else "refused"


def _from_zero(name: str, replies: Sequence[Reply]) -> str:
    """The newest row beside the first of those from id 0 on."""
    newest, zero = replies
    if newest.refused is not None or not newest.body:
        return UNDECIDED
    if zero.refused is not None or not zero.body:
        return "nothing"
    first, last = zero.body[0][name], newest.body[-1][name]
    return "oldest" if first < last else UNDECIDED if len(newest.body) < 2 else "newest"  # noqa: PLR2004 - a pair


def _begins_early(replies: Sequence[Reply]) -> str:
    return "whole" if replies[0].body[0][0] < _FIRST_MONTH_ENDS_MS else "cut"


def _on_grid(interval: str, replies: Sequence[Reply]) -> str:
    grid, opens = Grid.of(interval), [row[0] * 1000 for row in replies[0].body]
    return "declared" if all((each - grid.anchor_us) % LENGTH_US[interval] == 0 for each in opens) else "other"


def _seconds(replies: Sequence[Reply]) -> str:
    rows = replies[0].body
    if any(later[0] - earlier[0] != 1000 for earlier, later in pairwise(rows)):  # noqa: PLR2004 - a second in ms
        return "left out"
    return "printed" if any(row[8] == 0 for row in rows) else UNDECIDED


def _order_limits(replies: Sequence[Reply]) -> str:
    limits = [each for each in replies[0].body["rateLimits"] if each["rateLimitType"] == "ORDERS"]
    printed = {(each["interval"], each["intervalNum"], each["limit"]) for each in limits}
    return "documented" if printed == _ORDER_LIMITS else "other"


def _withdrawal_weight(replies: Sequence[Reply]) -> str:
    used = replies[0].used
    return "no header" if used is None else "declared" if used and used % _WITHDRAWAL_WEIGHT == 0 else "other"


def _increase(declared: int, replies: Sequence[Reply]) -> str:
    """By how much the used weight rose from the first reply to the second."""
    before, after = replies[0].used, replies[1].used
    if before is None or after is None or after < before:  # the minute has turned
        return UNDECIDED
    return "declared" if after - before == declared else "less" if after - before < declared else "more"


def _kept(replies: Sequence[Reply]) -> str:
    return "refused" if replies[1].refused is not None else "kept" if replies[1].body else "gone"


def _no_ids(replies: Sequence[Reply]) -> str:
    ticker = replies[1].body
    if ticker["count"]:
        return UNDECIDED
    return "negative" if ticker["firstId"] == ticker["lastId"] == -1 else "other"


def _order_of(time: str, rows_at: str | None, replies: Sequence[Reply]) -> str:
    """In which order rows come; one row, or rows of one instant, do not tell."""
    if replies[0].refused is not None:
        return UNDECIDED
    body = replies[0].body
    times = [row[time] for row in (body.get(rows_at, []) if rows_at else body)]
    if len(set(times)) < 2:  # noqa: PLR2004 - a pair
        return UNDECIDED
    return "oldest first" if times == sorted(times) else "newest first" if times == sorted(times)[::-1] else "mixed"


def _funding_rows(replies: Sequence[Reply]) -> str:
    rows = str(len(replies[0].body))
    return rows if rows in {"100", "200"} else "other"


def _from_the_first(call: str, endpoint: Endpoint, thing: str, *, param: str, id_: str) -> Probe:
    from_zero: Mapping[str, Param] = {"symbol": _SYMBOL, param: 0, "limit": 1}
    return Probe(
        name=f"{thing}s from id 0",
        statement=f"{call} with {param}=0 begins with the first {thing}.",
        calls=((endpoint, _with(symbol=_SYMBOL, limit=2)), (endpoint, _with(**from_zero))),
        read=partial(_from_zero, id_),
        decides={
            "oldest": f"{thing.capitalize()}s can be walked from id 0 on.",
            "newest": "Id 0 counts as no id: a walk must begin with id 1.",
            "nothing": "Id 0 finds nothing: a walk must begin with id 1.",
        },
    )


def _weighed(name: str, declared: int, **params: Param) -> Probe:
    limit = f"limit {params['limit']}" if params else "no limit"
    return Probe(
        name=name,
        statement=f"USD-M candles cost {declared} weight with {limit}.",
        calls=((usdm.TIME, _with()), (usdm.KLINES, _with(symbol=_SYMBOL, interval="1m", **params))),
        read=partial(_increase, declared),
        decides={
            "declared": "The documentation is right, and so is what is charged here.",
            "less": "Less is charged than documented: budgets are careful here, and could be widened.",
            "more": "More is charged than documented, or another program shares the address: ask again.",
        },
    )


def _ordered(endpoint: Endpoint, params: Params, time: str) -> Probe:
    return Probe(
        name=f"order of {endpoint.feeds.name}",
        statement=f"{endpoint.name} returns rows in a fixed order.",
        calls=((endpoint, params),),
        read=partial(_order_of, time, endpoint.rows_at),
        decides={
            "oldest first": "A list that was cut lacks its newest rows.",
            "newest first": "A list that was cut lacks its oldest rows.",
            "mixed": "There is no order; rows are sorted here after each call, as they are now.",
        },
    )


def _anchored(interval: str, otherwise: str) -> Probe:
    return Probe(
        name=f"grid of {interval}",
        statement=f"Candles of {interval} open where their grid is declared.",
        calls=((spot.KLINES, _with(symbol=_SYMBOL, interval=interval, limit=10)),),
        read=partial(_on_grid, interval),
        decides={
            "declared": "Holes of this interval are found where they are.",
            "other": otherwise,
        },
    )


_STOPPED = (spot.EXCHANGE_INFO, _with(symbolStatus="BREAK"))

PROBES: tuple[Probe, ...] = (
    _from_the_first("myTrades", spot.MY_TRADES, "fill", param="fromId", id_="id"),
    _from_the_first("allOrders", spot.ALL_ORDERS, "order", param="orderId", id_="orderId"),
    Probe(
        name="window of 24 hours",
        statement="A window of exactly 24 hours is within the limit of 24 hours.",
        calls=((spot.MY_TRADES, _last_days(1, symbol=_SYMBOL, limit=1)),),
        read=_accepted,
        decides={
            "accepted": "Windows may be a whole day wide.",
            "refused": "Windows must be a millisecond shorter than a day.",
        },
    ),
    Probe(
        name="first candle",
        statement="Candles are returned from the first day on.",
        calls=((spot.KLINES, _with(symbol=_SYMBOL, interval="1d", startTime=0, limit=1)),),
        read=_begins_early,
        decides={
            "whole": "History over REST reaches as far back as the archive.",
            "cut": "What is older comes from the archive only.",
        },
    ),
    _anchored("3d", "The grid follows the symbol, and is taken from its first candle, as it is now."),
    _anchored("1w", "The anchor of this grid must be declared anew, and coverage of it checked again."),
    Probe(
        name="quiet seconds",
        statement="An interval without a trade has a candle without volume.",
        calls=((spot.KLINES, _with(symbol=_QUIET, interval="1s", limit=1000)),),
        read=_seconds,
        decides={
            "printed": "A missing candle is a gap.",
            "left out": "A missing candle may just be a quiet interval: gaps of short intervals must say so.",
        },
    ),
    Probe(
        name="order limits",
        statement="An account may place 100 orders in 10 seconds and 200,000 a day.",
        calls=((spot.EXCHANGE_INFO, _with(symbol=_SYMBOL)),),
        read=_order_limits,
        decides={
            "documented": "The newer documentation is right.",
            "other": "The older capture is right; binlake places no order either way.",
        },
    ),
    Probe(
        name="weight of withdrawals",
        statement=f"withdraw/history costs {_WITHDRAWAL_WEIGHT:,} of the account's own weight.",
        calls=((wallet.WITHDRAWALS, _last_days(7, limit=1000)),),
        read=_withdrawal_weight,
        decides={
            "declared": "Ten calls a minute are within the limit.",
            "no header": "The call is limited by a pace instead: it must be asked at most ten times a second.",
            "other": "The declared weight must change, or another program uses the account.",
        },
    ),
    Probe(
        name="candles of stopped symbols",
        statement="Candles of a symbol with status BREAK are still returned.",
        calls=(_STOPPED, (spot.KLINES, _of_a_stopped_symbol(interval="1d", startTime=0, limit=1))),
        read=_kept,
        decides={
            "kept": "Stopped symbols can be completed over REST.",
            "gone": "History of stopped symbols comes from the archive only.",
            "refused": "History of stopped symbols comes from the archive only, and asking for it is an error.",
        },
    ),
    Probe(
        name="ids without trades",
        statement="A ticker of 24 hours without a trade has -1 as its first and last id.",
        calls=(_STOPPED, (spot.TICKER_24H, _of_a_stopped_symbol())),
        read=_no_ids,
        decides={
            "negative": "Negative ids mean that there is none, as declared.",
            "other": "Another value means that there is none, and must be declared.",
        },
    ),
    Probe(
        name="balances of wallets",
        statement="A key that only reads may ask for the balances of all wallets.",
        calls=((wallet.WALLET_BALANCES, _with()),),
        read=_accepted,
        decides={
            "accepted": "The wallets of an account can be told apart with one call.",
            "refused": "The call needs a right to transfer, and so is never needed: each wallet is asked by itself.",
        },
    ),
    Probe(
        name="rows of funding rates",
        statement="Funding rates without times are the newest 100.",
        calls=((usdm.FUNDING_RATE, _with(symbol=_SYMBOL)),),
        read=_funding_rows,
        decides={
            "100": "The limit that is documented as the default holds without times too.",
            "200": "Without times there are 200, whatever the default limit says.",
            "other": "Neither holds: the limit must always be sent.",
        },
    ),
    _weighed("weight of 100 futures candles", 2, limit=100),
    _weighed("weight of 500 futures candles", 5, limit=500),
    _weighed("weight of futures candles without limit", 5),
    _ordered(wallet.DEPOSITS, _last_days(89, limit=1000), "insertTime"),
    _ordered(wallet.WITHDRAWALS, _last_days(7, limit=1000), "applyTime"),
    _ordered(wallet.DIVIDENDS, _last_days(179, limit=500), "divTime"),
    _ordered(wallet.TRANSFERS, _last_days(30, type="MAIN_FUNDING", size=100), "timestamp"),
)

NOT_ASKED: Mapping[str, str] = {
    "How far back fills and filled orders are kept": "only an account that traded years ago could tell",
    "Ed25519 keys on futures": "it takes a key of that type; a flow with positions shows it",
    "Whether unencoded parameters are refused on /fapi and /dapi": "binlake encodes all, which is accepted everywhere",
    "Weight pools of options and portfolio margin": "binlake has no call to their hosts",
    "In which order openInterestHist returns its rows": "they are sorted here after each call",
    "Whether api, api1 to api4 and api-gcp share their limits": "a flows.yaml names one host; they count as one here",
    "Limits and calls of Binance US": "it is another exchange, with keys of its own",
    "Completeness of enumerations, coverage and lag of the archive": "no single call can tell",
    "Whether an amount withdrawn includes the fee": "it would take amounts of the account",
    "Retry-After of zero": "it would take a refusal that a user must not provoke",
}
"""Statements that no cheap read call decides, each with the reason."""
