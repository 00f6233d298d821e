"""What one account ordered and what came of it: the one place where an order changes.

A test acts by hand (`place`, `fill`, `cancel`, ...); a life acts through stories. There is no way in over HTTP.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from operator import itemgetter
from typing import Any

from msgspec.structs import replace

from connectors.simulator.account.agenda import Agenda, Story
from connectors.simulator.account.orders import NONE, ZERO, Amendment, Execution, Order, OrderList, PreventedMatch
from connectors.simulator.account.records import Shelf
from connectors.simulator.account.sequences import Numbers
from connectors.simulator.market.listings import Listing
from connectors.simulator.protocol.rules import Refusal

Amount = Decimal | str | int
_UNIT = Decimal("1e-8")
_FEE = Decimal("0.001")
_MONEY = frozenset({"qty", "price", "stop_price", "iceberg_qty", "quote_order_qty"})
_CONDITIONAL = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
_EXPIRING = {"EXPIRE_MAKER": (1,), "EXPIRE_TAKER": (0,), "EXPIRE_BOTH": (1, 0)}  # of taker and maker, by mode


class Book:
    """The orders of an account, by symbol, with all they ever were; ids are unique only within a symbol."""

    def __init__(self, uid: int, seed: int, listing: Callable[[str, int], Listing], clock: Callable[[], int]) -> None:
        self.orders: defaultdict[str, Shelf[Order]] = defaultdict(Shelf)
        self.fills: defaultdict[str, Shelf[Execution]] = defaultdict(Shelf)
        self.allocations: defaultdict[str, Shelf[Execution]] = defaultdict(Shelf)
        self.prevented: defaultdict[str, Shelf[PreventedMatch]] = defaultdict(Shelf)
        self.amendments: defaultdict[str, Shelf[Amendment]] = defaultdict(Shelf)
        self.lists: Shelf[OrderList] = Shelf()
        self.moved: defaultdict[str, Decimal] = defaultdict(Decimal)  # by asset, through executions and fees
        self.numbers = Numbers(seed, uid)
        self.agenda = Agenda(clock)
        self._listing = listing
        self._open: dict[tuple[str, int], Order] = {}
        self._held: dict[tuple[str, int], tuple[Any, str, Decimal]] = {}  # by open order: holder, asset, amount
        self._clients: dict[tuple[str, str], int] = {}
        self._journal: list[tuple[int, str, int]] = []  # when which order changed

    @property
    def now_ms(self) -> int:
        """The instant at which things happen; it never goes back."""
        return self.agenda.now_ms

    # Looking

    def open_orders(self, at_ms: int, symbol: str | None = None) -> list[Order]:
        """The orders that were open at an instant, ascending by symbol and id."""
        changed = self._journal[bisect_right(self._journal, at_ms, key=itemgetter(0)) :]
        keys = set(self._open) | {(name, number) for _, name, number in changed}
        seen = (self.orders[name].seen(number, at_ms) for name, number in sorted(keys) if symbol in (None, name))
        return [order for order in seen if order is not None and order.open]

    def find(self, symbol: str, client_order_id: str) -> int | None:
        """The id of the order that bears a client order id, or bore it last."""
        return self._clients.get((symbol, client_order_id))

    def reserved(self, asset: str) -> Decimal:
        """What open orders hold back of an asset; the legs of a list hold it back once."""
        most: dict[Any, Decimal] = {}
        for holder, of, held in self._held.values():
            if of == asset:
                most[holder] = max(most.get(holder, ZERO), held)
        return sum(most.values(), ZERO)

    def assets(self) -> set[str]:
        """Everything that orders moved or hold back."""
        return {*self.moved, *(asset for _, asset, _ in self._held.values())}

    def moved_by(self, at_ms: int) -> dict[str, Decimal]:
        """What executions and fees had moved by an instant, by asset."""
        moved = defaultdict[str, Decimal](Decimal)
        for shelf in (*self.fills.values(), *self.allocations.values()):
            for execution in shelf:
                if execution.at_ms <= at_ms:
                    self._add(execution, moved)
        return moved

    # Acting

    def place(self, symbol: str, side: str, qty: Amount, price: Amount = 0, **terms: Any) -> int:
        """A new order; `terms` are further fields of `Order`. Gives its id."""
        now_ms = self.now_ms
        self._must_trade(symbol, now_ms)
        number = self.numbers.next("order", symbol)
        given: dict[str, Any] = {"side": side, "qty": qty, "price": price, **terms}
        exact = {name: Decimal(value) if name in _MONEY else value for name, value in given.items()}
        default: dict[str, Any] = {
            "type": "LIMIT" if Decimal(price) else "MARKET",
            "client_order_id": self.numbers.client("order", symbol, number),
            "time_ms": now_ms,
        }
        order = Order(symbol=symbol, order_id=number, at_ms=now_ms, update_ms=now_ms, **{**default, **exact})
        resting = order.type not in _CONDITIONAL and order.status == "NEW"
        self._keep(replace(order, is_working=resting, working_ms=order.time_ms if resting else NONE))
        return number

    def place_list(self, contingency: str, symbol: str, *legs: Mapping[str, Any]) -> list[int]:
        """An OCO of two orders, or an OTO of a working and a pending one, each as for `place`; gives their ids."""
        list_id = self.numbers.next("list", "")
        pending = {"status": "PENDING_NEW"} if contingency == "OTO" else {}
        terms = [dict(leg) if place == 0 else {**leg, **pending} for place, leg in enumerate(legs)]
        numbers = [self.place(symbol, order_list_id=list_id, **leg) for leg in terms]
        clients = [self._order(symbol, number).client_order_id for number in numbers]
        now_ms = self.now_ms
        row = OrderList(
            at_ms=now_ms,
            list_id=list_id,
            contingency=contingency,
            client_id=self.numbers.client("list", symbol, list_id),
            time_ms=now_ms,
            symbol=symbol,
            legs=tuple(zip(numbers, clients, strict=True)),
        )
        self.lists.put(list_id, row)
        return numbers

    def trigger(self, symbol: str, order_id: int) -> None:
        """The price has reached the stop: the order goes to work."""
        order = self._open_order(symbol, order_id)
        now_ms = self.now_ms
        more = {**order.more, "trailingTime": now_ms} if "trailingTime" in order.more else order.more
        self._change(order, is_working=True, working_ms=now_ms, more=more)
        self._follow(order, "EXPIRED", "OCO_TRIGGER")

    def fill(
        self, symbol: str, order_id: int, qty: Amount | None = None, price: Amount | None = None, **told: Any
    ) -> int:
        """Part of an order, or all that is left, trades at its own price or another; gives the trade's id.

        `told` may hold `fee` (amount and asset), `is_maker` and `time_ms`.
        """
        execution = self._execution("trade", self._open_order(symbol, order_id), qty, price, **told)
        self.fills[symbol].put(execution.number, execution, order_id)
        self._executed(execution)
        return execution.number

    def allocate(
        self, symbol: str, order_id: int, qty: Amount | None = None, price: Amount | None = None, **told: Any
    ) -> int:
        """As `fill`, for an order that smart order routing has filled elsewhere; gives the allocation's id."""
        order = self._open_order(symbol, order_id)
        execution = self._execution("allocation", order, qty, price, **told)
        self.allocations[symbol].put(execution.number, execution, order_id)
        self._change(order, more={**order.more, "usedSor": True, "workingFloor": "SOR"})
        self._executed(execution)
        return execution.number

    def cancel(self, symbol: str, order_id: int) -> None:
        self._end(self._open_order(symbol, order_id), "CANCELED")

    def expire(self, symbol: str, order_id: int, reason: str = "EXCHANGE_CANCELED") -> None:
        self._end(self._open_order(symbol, order_id), "EXPIRED", reason)

    def reject(self, symbol: str, order_id: int) -> None:
        self._end(self._open_order(symbol, order_id), "REJECTED")

    def amend(self, symbol: str, order_id: int, qty: Amount, client_order_id: str | None = None) -> None:
        """Lower the quantity; the order keeps its id and gets another client id."""
        order, qty = self._open_order(symbol, order_id), Decimal(qty)
        if not order.executed < qty < order.qty:
            raise Refusal(-2038, "The requested quantity is not below the order's, or not above what is filled.")
        now_ms, number = self.now_ms, self.numbers.next("execution", symbol)
        client = client_order_id or self.numbers.client("amended", symbol, number)
        amendment = Amendment(
            at_ms=now_ms,
            symbol=symbol,
            number=number,
            order_id=order_id,
            client_before=order.client_order_id,
            client_after=client,
            qty_before=order.qty,
            qty_after=qty,
            time_ms=now_ms,
        )
        self.amendments[symbol].put(number, amendment, order_id)
        self._change(order, qty=qty, client_order_id=client)

    def prevent(self, symbol: str, taker_id: int, maker_id: int, qty: Amount | None = None) -> int:
        """Two orders of the account meet; the taker's mode says which expires. Gives the prevented match's id."""
        taker, maker = self._open_order(symbol, taker_id), self._open_order(symbol, maker_id)
        if taker.stp_mode not in _EXPIRING:
            raise Refusal(-2010, f"Self-trade prevention {taker.stp_mode} lets neither order expire.")
        quantity = min(taker.left, maker.left) if qty is None else Decimal(qty)
        number, now_ms = self.numbers.next("prevented", symbol), self.now_ms
        match = PreventedMatch(
            at_ms=now_ms,
            symbol=symbol,
            number=number,
            taker_order_id=taker_id,
            maker_order_id=maker_id,
            group_id=1,
            mode=taker.stp_mode,
            price=maker.price,
            maker_qty=quantity,
            time_ms=now_ms,
        )
        self.prevented[symbol].put(number, match, taker_id, maker_id)
        for place in _EXPIRING[taker.stp_mode]:
            order = (taker, maker)[place]
            more = {**order.more, "preventedMatchId": number, "preventedQuantity": f"{quantity:.8f}"}
            self._end(self._change(order, more=more), "EXPIRED_IN_MATCH")
        return number

    def close(self, symbol: str) -> None:
        """The exchange ends every open order of a symbol."""
        for order in self.open_orders(self.now_ms, symbol):
            if self._order(symbol, order.order_id).open:
                self.expire(symbol, order.order_id)

    def closing(self, symbol: str) -> Story:
        """The same as a story."""
        self.close(symbol)
        yield from ()

    # What follows

    def _must_trade(self, symbol: str, now_ms: int) -> None:
        listing = self._listing(symbol, now_ms)
        if listing.status(now_ms) != "TRADING":
            raise Refusal(-2010, "Market is closed.")
        if listing.delisted_ms is not None and not self.orders[symbol]:
            self.agenda.add(listing.delisted_ms, self.closing(symbol))

    def _order(self, symbol: str, order_id: int) -> Order:
        order = self.orders[symbol].last(order_id)
        if order is None:
            raise Refusal(-2013, "Order does not exist.")
        return order

    def _open_order(self, symbol: str, order_id: int) -> Order:
        self.now_ms  # noqa: B018 - lives through what was due, which may have ended the order
        order = self._order(symbol, order_id)
        if not order.open:
            raise Refusal(-2011, "Unknown order sent.")
        return order

    def _keep(self, order: Order) -> Order:
        key = (order.symbol, order.order_id)
        self.orders[order.symbol].put(order.order_id, order)
        self._clients[order.symbol, order.client_order_id] = order.order_id
        self._journal.append((order.at_ms, *key))
        if order.open:
            self._open[key] = order
            self._held[key] = (key if order.order_list_id == NONE else order.order_list_id, *self._hold(order))
        else:
            self._open.pop(key, None)
            self._held.pop(key, None)
        return order

    def _change(self, order: Order, **changes: Any) -> Order:
        now_ms = self.now_ms
        return self._keep(replace(order, at_ms=now_ms, update_ms=now_ms, **changes))

    def _end(self, order: Order, status: str, reason: str | None = None) -> None:
        self._change(order, status=status, expiry_reason=reason)
        ending = "CANCELED" if status == "CANCELED" else "EXPIRED"
        self._follow(order, ending, reason)

    def _execution(
        self,
        kind: str,
        order: Order,
        qty: Amount | None,
        price: Amount | None,
        *,
        fee: tuple[Amount, str] | None = None,
        is_maker: bool = True,
        time_ms: int | None = None,
    ) -> Execution:
        now_ms = self.now_ms
        quantity, at_price = (
            order.left if qty is None else Decimal(qty),
            Decimal(order.price if price is None else price),
        )
        if order.status == "PENDING_NEW" or not (ZERO < quantity <= order.left and at_price > ZERO):
            raise Refusal(-2010, "An execution needs an order at work, a price, and at most the quantity left.")
        quote = (quantity * at_price).quantize(_UNIT, ROUND_DOWN)
        commission, asset = fee or self._fee(order, quantity, quote)
        return Execution(
            at_ms=now_ms,
            symbol=order.symbol,
            number=self.numbers.next(kind, order.symbol),
            order_id=order.order_id,
            order_list_id=order.order_list_id,
            price=at_price,
            qty=quantity,
            quote_qty=quote,
            commission=Decimal(commission),
            commission_asset=asset,
            time_ms=now_ms if time_ms is None else time_ms,
            is_buyer=order.side == "BUY",
            is_maker=is_maker,
        )

    def _fee(self, order: Order, qty: Decimal, quote: Decimal) -> tuple[Decimal, str]:
        """A thousandth of what the account receives."""
        listing = self._listing(order.symbol, self.now_ms)
        got, asset = (qty, listing.base) if order.side == "BUY" else (quote, listing.quote)
        return (got * _FEE).quantize(_UNIT, ROUND_DOWN), asset

    def _executed(self, execution: Execution) -> None:
        order = self._order(execution.symbol, execution.order_id)
        executed = order.executed + execution.qty
        status = "FILLED" if executed == order.qty else "PARTIALLY_FILLED"
        self._settle(execution)
        changed = self._change(
            order, executed=executed, quote_executed=order.quote_executed + execution.quote_qty, status=status
        )
        self._follow(changed, "EXPIRED", "OCO_TRIGGER")

    def _settle(self, execution: Execution) -> None:
        self._add(execution, self.moved)

    def _add(self, execution: Execution, moved: defaultdict[str, Decimal]) -> None:
        listing = self._listing(execution.symbol, execution.at_ms)
        sign = 1 if execution.is_buyer else -1
        moved[listing.base] += sign * execution.qty
        moved[listing.quote] -= sign * execution.quote_qty
        moved[execution.commission_asset] -= execution.commission

    def _follow(self, order: Order, status: str, reason: str | None) -> None:
        """What a change of one order of a list means for the other, and for the list."""
        row = self.lists.last(order.order_list_id)
        if row is None:
            return
        legs = [self._order(row.symbol, number) for number, _ in row.legs]
        this = next(leg for leg in legs if leg.order_id == order.order_id)
        others = [leg for leg in legs if leg.open and leg is not this]
        for leg in others:
            if row.contingency == "OTO" and this.status == "FILLED":
                self._start(leg)
            elif row.contingency == "OCO" or not this.open:
                why = "OTO_PHASE_ONE_EXPIRED" if leg.status == "PENDING_NEW" else reason
                self._change(leg, status=status, expiry_reason=why if status == "EXPIRED" else None)
        self._close_list(row)

    def _start(self, pending: Order) -> None:
        """The second order of an OTO goes to work."""
        resting = pending.type not in _CONDITIONAL
        self._change(pending, status="NEW", is_working=resting, working_ms=self.now_ms if resting else NONE)

    def _close_list(self, row: OrderList) -> None:
        if row.status == "EXECUTING" and not any(self._order(row.symbol, number).open for number, _ in row.legs):
            now_ms = self.now_ms
            done = replace(row, at_ms=now_ms, time_ms=now_ms, status_type="ALL_DONE", status="ALL_DONE")
            self.lists.put(row.list_id, done)

    def _hold(self, order: Order) -> tuple[str, Decimal]:
        """The asset an open order would spend, and how much of it."""
        listing = self._listing(order.symbol, self.now_ms)
        share = ZERO if order.status == "PENDING_NEW" else order.left
        return (listing.quote, share * order.price) if order.side == "BUY" else (listing.base, share)
