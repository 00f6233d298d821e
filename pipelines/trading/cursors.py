"""What the lake knows of an account before it asks: where each series stands, what it trades, what is open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.lake import Lake, Move
from pipelines.store.filters import within
from pipelines.store.id_cursor import OVERLAP_US, symbol_of
from pipelines.store.news import note
from pipelines.store.rows import column, last_of, with_instants
from pipelines.trading.calls import calls_of
from schemas.datasets.orders import FILLS, ORDER_LISTS, ORDERS
from schemas.model.dataset import Dataset
from schemas.model.grid import DAY_US
from schemas.model.instants import length_us
from schemas.model.series import Series

ASK_AGAIN_US = DAY_US  # how often a symbol that the exchange does not know any more is asked for all the same
_UNSETTLED = ("unsettled_id", "unsettled_until_id")

Stand = Mapping[str, int]  # the bounds of one series by name
Stands = Mapping[str, Stand]  # of all series of an account, by symbol


@dataclass(frozen=True, slots=True, order=True)
class OpenOrder:
    """A stored order that may have changed since."""

    series: Series
    order_id: int
    time: int
    state: Mapping[str, Any] = field(compare=False)  # what is known of it, as its row names it


def stands_of(lake: Lake, dataset: Dataset, account: str, market: str) -> Stands:
    """The bounds of every series of an account, by symbol."""
    return {series["symbol"]: stand for series, stand in stands_by_series(lake, dataset, account, market).items()}


def stands_by_series(lake: Lake, dataset: Dataset, account: str, market: str) -> dict[Series, Stand]:
    """The bounds of every series of an account."""
    assert dataset.series[:2] == ("account", "market")  # noqa: S101 - of thousands, the first values are compared
    named = (dataset.name, account, market)
    return {series: bounds for series, bounds in lake.table(dataset).series() if series.key[:3] == named}


def known_symbols(lake: Lake, account: str, market: str) -> set[str]:
    """The symbols that the account is known to have traded: by an order, a list of orders, a fill, or a ledger."""
    lists = Series.of(ORDER_LISTS, account=account, market=market)
    listed = lake.table(ORDER_LISTS).scan(["symbol"], within([lists]))
    return traded_symbols(lake, account, market).union(column(listed, "symbol"), last_named(lake, account, market))


def last_named(lake: Lake, account: str, market: str) -> dict[str, int]:
    """The symbols that ledgers name, and when each of them was named last."""
    found = dict[str, int]()
    for endpoint in calls_of(market).named_by:
        for symbol, instant in _named(lake, endpoint, account, market):
            found[symbol] = max(instant, found.get(symbol, 0))
    return found


def quiet_symbols(lake: Lake, account: str, market: str, now: int) -> set[str]:
    """The symbols that were walked lately, and of which no ledger has told since: to ask for them again is dear."""
    quiet = calls_of(market).quiet
    if quiet is None:
        return set()
    named, since = last_named(lake, account, market), now - length_us(quiet)
    walked = {symbol: stand.get("walked_at", 0) for symbol, stand in stands_of(lake, ORDERS, account, market).items()}
    return {one for one, at in walked.items() if at > max(since, named.get(one, 0) + OVERLAP_US)}


def _named(lake: Lake, endpoint: Endpoint, account: str, market: str) -> Iterator[tuple[str, int]]:
    """What a ledger names, as far back as its rows are returned: of what is older no trade is returned, either."""
    ledger, kept = lake.table(endpoint.feeds), endpoint.walked(Windows).kept
    stands = {one: stand for one, stand in ledger.series() if one["account"] == account and _is_of(one, market)}
    if not stands:
        return
    reached = max(stand.get("until", 0) for stand in stands.values())
    clock = str(endpoint.feeds.clock)
    rows = ledger.scan(["symbol", clock], within(stands, reached - length_us(kept) if kept is not None else None))
    for row in with_instants(rows.filter(pc.is_valid(rows["symbol"]))):
        yield row["symbol"], row[clock]


def _is_of(series: Series, market: str) -> bool:
    """Whether a series of a ledger, by its market or its wallet, is of a market."""
    place = series.values.get("market") or series.values.get("wallet", market)
    return place.partition(":")[0] == market


def traded_symbols(lake: Lake, account: str, market: str) -> set[str]:
    """The symbols of which the lake has orders or fills."""
    stands = (stands_of(lake, dataset, account, market) for dataset in (ORDERS, FILLS))
    return {symbol for found in stands for symbol, stand in found.items() if is_traded(stand)}


def walked_symbols(lake: Lake, account: str, market: str, datasets: Collection[str]) -> Collection[str]:
    """The symbols of which whatever there is of these datasets is known."""
    last, mark = (FILLS, "probed_at") if FILLS.name in datasets else (ORDERS, "revision")
    return [symbol for symbol, stand in stands_of(lake, last, account, market).items() if mark in stand]


def is_traded(stand: Stand) -> bool:
    """Whether something was ever stored of a series; that it was looked for, or is not known, tells nothing."""
    return bool({"until_id", "changed_at"} & stand.keys())


def to_ask(symbols: Iterable[str], stands: Stands, now: int) -> list[str]:
    """These symbols without those that the exchange did not know when it was last asked, less than a day ago."""
    return [one for one in symbols if stands.get(one, {}).get("gone_at", 0) < now - ASK_AGAIN_US]


def back_again(stands: Stands) -> Callable[[Series], Mapping[str, int]]:
    """What an answer about a series says beside its rows: a symbol that was gone is there again."""
    return lambda series: {"gone_at": 0} if stands.get(symbol_of(series), {}).get("gone_at") else {}


def open_orders(lake: Lake, account: str, market: str, dataset: Dataset = ORDERS) -> list[OpenOrder]:
    """Every stored order whose last version may still change, in order of symbol and id."""
    life, stands = dataset.life, stands_by_series(lake, dataset, account, market)
    since = {series: stand["open_since"] for series, stand in stands.items() if stand.get("open_since")}
    if not since:
        return []
    told = filter(None, (life.status, life.start, life.stamp, life.done))
    columns = [*dataset.series, dataset.id_column, dataset.version, "gone_since", *told]
    rows = last_of(dataset, lake.table(dataset).scan(columns, within(since, min(since.values()))))
    ended = pc.or_(pc.is_in(rows[life.status], value_set=pa.array(life.final)), pc.is_valid(rows["gone_since"]))
    return [
        OpenOrder(Series.of_row(dataset, row), row[dataset.id_column], row[str(life.start)], row)
        for row in with_instants(rows.filter(pc.invert(ended)))
    ]


def raise_open_since(lake: Lake, account: str, market: str, dataset: Dataset = ORDERS) -> None:
    """Note since when orders are open after some were closed, so that the next run looks through no older ones."""
    table = lake.table(dataset)
    bounds, oldest = table.bounds(), dict[Series, int]()
    for order in open_orders(lake, account, market, dataset):
        oldest[order.series] = min(order.time, oldest.get(order.series, order.time))
    moves = [
        Move.of(series, {"open_since": oldest.get(series, 0)}, bounds)
        for series, stand in stands_by_series(lake, dataset, account, market).items()
        if stand.get("open_since", 0) != oldest.get(series, 0)
    ]
    note(table, moves)


def note_unsettled(
    lake: Lake, account: str, market: str, unsettled: Collection[OpenOrder], asked: Callable[[str], bool]
) -> None:
    """Note between which ids a run could not settle open orders of the symbols it asked for; zeros where it could."""
    ids = defaultdict[Series, list[int]](list)
    for order in unsettled:
        ids[order.series].append(order.order_id)
    table = lake.table(ORDERS)
    bounds, moves = table.bounds(), []
    for series, stand in stands_by_series(lake, ORDERS, account, market).items():
        left = ids[series]
        new = {"unsettled_id": min(left), "unsettled_until_id": max(left) + 1} if left else dict.fromkeys(_UNSETTLED, 0)
        if asked(series["symbol"]) and any(stand.get(name, 0) != value for name, value in new.items()):
            moves.append(Move.of(series, new, bounds))
    note(table, moves)
