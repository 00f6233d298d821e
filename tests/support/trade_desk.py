"""A desk whose account trades by hand: what the exchange knows of it, held against what the lake holds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from support.desks import API_KEY, SECRET, Desk

from connectors.binance.budget import Budget
from connectors.binance.pools import SPOT
from connectors.simulator import Exchange, MovableClock
from connectors.simulator.account.account_book import Book
from connectors.simulator.account.orders import Order
from connectors.simulator.protocol.limits import Limits
from pipelines.trading.cursors import known_symbols
from pipelines.trading.symbol_discovery import Candidate, survey

UID = 7
UNLIMITED = 10**8
START_S = 1_793_620_830.25  # 2026-11-02 12:00:30.250 UTC
ACCOUNT, MARKET = "main", "spot"
KEPT = ("BTCUSDT", "ETHUSDT", "ETHBTC", "XRPUSDT", "币安人生USDT", "BTCZAR")


class RunningClock(MovableClock):
    """A clock that runs, so that signed requests stay in their window, and that can be moved on."""

    def __init__(self, now_s: float) -> None:
        super().__init__(now_s)
        self._begun_s = time.monotonic()

    def __call__(self) -> float:
        return self.now_s + time.monotonic() - self._begun_s


@dataclass
class TradeDesk(Desk):
    """Runs a flow named `trading` that pulls whatever the account trades."""

    def __post_init__(self) -> None:
        self.trading("traded")
        Budget(self.state, "simulator").learn(SPOT, UNLIMITED)  # so that not even the first run is paced

    def trading(self, symbols: Any, **more: Any) -> None:
        datasets = more.pop("datasets", ["orders", "fills", "balances"])
        more.setdefault("values", False)
        self.flows["trading"] = {
            "kind": "account", "account": ACCOUNT, "datasets": datasets, "symbols": symbols, **more,
        }  # fmt: skip

    @property
    def book(self) -> Book:
        return self.exchange.book(UID)

    def now_us(self) -> int:
        return self.exchange.now_us

    def known(self) -> set[str]:
        return known_symbols(self.lake, ACCOUNT, MARKET)

    def candidates(self) -> Mapping[str, Candidate]:
        """What `binlake status --discovery` stands on."""
        found = survey(self.lake, ACCOUNT, MARKET, self.now_us())
        return {candidate.symbol: candidate for candidate in found.candidates}

    def orders(self, symbol: str) -> dict[int, tuple[Any, ...]]:
        """The last stored state of each order of a symbol."""
        versions = sorted(self.rows("orders", symbol=symbol), key=lambda row: row["version"])
        names = ("status", "executed_qty", "orig_qty", "client_order_id", "gone_since")
        return {row["order_id"]: tuple(row[name] for name in names) for row in versions}

    def truth(self, symbol: str) -> dict[int, tuple[Any, ...]]:
        """The same of every order that the exchange still shows."""
        return {
            order.order_id: (order.status, order.executed, order.qty, order.client_order_id, None)
            for order in self.book.orders[symbol]
            if not order.gone(self.exchange.now_ms)
        }

    def stored_ids(self, dataset: str, symbol: str) -> list[int]:
        key = {"fills": "trade_id", "allocations": "allocation_id", "prevented_matches": "prevented_match_id"}[dataset]
        return [row[key] for row in self.rows(dataset, symbol=symbol)]

    def true_ids(self, dataset: str, symbol: str) -> list[int]:
        shelf = {
            "fills": self.book.fills,
            "allocations": self.book.allocations,
            "prevented_matches": self.book.prevented,
        }
        return [row.number for row in shelf[dataset][symbol]]

    def held(self) -> Held:
        return Held(self)


_IDS = {"fills": "trade_id", "allocations": "allocation_id", "prevented_matches": "prevented_match_id"}
_STATE = ("status", "executed_qty", "orig_qty", "client_order_id", "update_time")


class Held:
    """What the lake holds at an instant of all symbols, beside what the exchange ever knew."""

    def __init__(self, desk: TradeDesk) -> None:
        self.book, self.now_ms = desk.book, desk.exchange.now_ms
        self.ids: dict[tuple[str, str], list[int]] = defaultdict(list)
        for dataset, name in _IDS.items():
            for row in desk.rows(dataset):
                self.ids[dataset, row["symbol"]].append(row[name])
        self.versions: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for row in desk.rows("orders"):  # which are sorted by version
            self.versions[row["symbol"], row["order_id"]].append(row)
        self.lists = {row["order_list_id"]: row["list_order_status"] for row in desk.rows("order_lists")}

    def has_all(self, symbol: str) -> None:
        """Each order as the exchange shows it, and whatever came of the orders once."""
        for order in self.book.orders[symbol]:
            if not order.gone(self.now_ms):
                versions = self.versions[symbol, order.order_id]
                assert versions, f"{symbol} {order.order_id} is not there"
                assert (_stored_state(versions[-1]), versions[-1]["gone_since"]) == (_true_state(order), None)
        for dataset in ("fills", "allocations"):
            assert self.ids[dataset, symbol] == self._true_ids(dataset, symbol), (symbol, dataset)
        assert set(self.ids["prevented_matches", symbol]) >= self._pointed_to(symbol)
        for row in self.book.lists:
            assert row.symbol != symbol or self.lists[row.list_id] == row.status

    def invents_nothing(self, symbol: str) -> None:
        """Nothing twice, and of each order states that it had, each once, in the order in which it had them."""
        for dataset in _IDS:
            stored = self.ids[dataset, symbol]
            assert len(stored) == len(set(stored)), (symbol, dataset)
            assert set(stored) <= set(self._true_ids(dataset, symbol))
        for order in self.book.orders[symbol]:
            versions = self.versions[symbol, order.order_id]
            assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))
            was = iter([_true_state(state) for state in self.book.orders[symbol].states(order.order_id)])
            pairs = pairwise([None, *versions])
            shown = (_stored_state(row) for before, row in pairs if row and _is_news(row, before))
            assert all(state in was for state in shown), versions  # each is looked for after the one before it

    def _pointed_to(self, symbol: str) -> set[int]:
        """The prevented matches of which an order tells that is still shown: of any other nobody can know."""
        orders = [order for order in self.book.orders[symbol] if not order.gone(self.now_ms)]
        return {number for order in orders if (number := order.more.get("preventedMatchId")) is not None}

    def _true_ids(self, dataset: str, symbol: str) -> list[int]:
        shelves: dict[str, Any] = {
            "fills": self.book.fills,
            "allocations": self.book.allocations,
            "prevented_matches": self.book.prevented,
        }
        return [row.number for row in shelves[dataset][symbol]]


def _is_news(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Whether a version shows another state, and not that one is gone, or is back as it was: answers may lag."""
    back = before is not None and before["gone_since"] is not None and _stored_state(before) == _stored_state(row)
    return row["gone_since"] is None and not back


def _stored_state(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _STATE)


def _true_state(order: Order) -> tuple[Any, ...]:
    changed = datetime.fromtimestamp(order.update_ms / 1000, UTC)
    return order.status, order.executed, order.qty, order.client_order_id, changed


async def pull(desk: TradeDesk) -> dict[str, Any]:
    """Run once; what was asked, by path, and how many rows came."""
    before = len(desk.exchange.requests)
    receipts = await desk.run("trading")
    assert [one.failures for one in receipts] == [()] * len(receipts)
    asked = [seen.target.split("?")[0].rsplit("/", 1)[1] for seen in list(desk.exchange.requests)[before:]]
    return {name: asked.count(name) for name in asked} | {"rows": sum(one.rows for one in receipts)}


_RICH = dict.fromkeys(("USDT", "BTC", "ETH", "XRP", "ZAR", "币安人生"), ("1000000", "0"))


def small_exchange(clock: MovableClock, balances: Mapping[str, tuple[str, str]] = _RICH) -> Exchange:
    """An exchange of few symbols and no limits, with an account that holds enough to trade all of them, or this."""
    exchange = Exchange(seed=1, clock=clock, limits=Limits(enforced=False, weight=UNLIMITED))
    for listing in exchange.listed(exchange.now_ms):
        if listing.symbol not in KEPT:
            exchange.remove(listing.symbol)
    exchange.add_account(UID, API_KEY, secret=SECRET, balances=balances)
    return exchange
