"""Conditional orders of futures: each waits for a price, becomes an order of the book, and ends with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.simulator.account.orders import ZERO, Order, amount
from connectors.simulator.account.records import Shelf
from connectors.simulator.account.sequences import Numbers
from connectors.simulator.protocol.rules import Refusal

Amount = Decimal | str | int


class AlgoOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a conditional order; `order_id` is that of the order that it became."""

    at_ms: int
    symbol: str
    number: int
    client_id: str
    side: str
    order_type: str
    qty: Decimal
    trigger_price: Decimal
    price: Decimal = ZERO
    status: str = "NEW"
    order_id: int | None = None
    actual_price: Decimal = ZERO
    time_ms: int
    update_ms: int
    trigger_ms: int = 0

    @property
    def closed_unfilled(self) -> bool:
        return self.status in {"CANCELED", "EXPIRED"} and not self.actual_price

    def printed(self) -> dict[str, Any]:
        return {
            "algoId": self.number,
            "clientAlgoId": self.client_id,
            "algoType": "CONDITIONAL",
            "orderType": self.order_type,
            "symbol": self.symbol,
            "side": self.side,
            "positionSide": "BOTH",
            "timeInForce": "GTC",
            "quantity": amount(self.qty),
            "algoStatus": self.status,
            "actualOrderId": "" if self.order_id is None else str(self.order_id),
            "actualPrice": f"{self.actual_price:.5f}",
            "triggerPrice": amount(self.trigger_price),
            "price": amount(self.price),
            "icebergQuantity": None,
            "tpTriggerPrice": "0.000",
            "tpPrice": "0.000",
            "slTriggerPrice": "0.000",
            "slPrice": "0.000",
            "tpOrderType": "",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": "CONTRACT_PRICE",
            "priceMatch": "NONE",
            "closePosition": False,
            "priceProtect": False,
            "reduceOnly": False,
            "createTime": self.time_ms,
            "updateTime": self.update_ms,
            "triggerTime": self.trigger_ms,
            "goodTillDate": 0,
        }


class AlgoBook:
    """The conditional orders of an account, by symbol, with all they ever were; ids are unique only within one."""

    def __init__(self, numbers: Numbers, clock: Callable[[], int]) -> None:
        self.orders: defaultdict[str, Shelf[AlgoOrder]] = defaultdict(Shelf)
        self._numbers = numbers
        self._clock = clock
        self._became: dict[tuple[str, int], int] = {}  # by symbol and order

    def open_orders(self, at_ms: int, symbol: str | None = None) -> Iterator[AlgoOrder]:
        """Those that waited for their price at an instant."""
        for name in sorted(self.orders):
            if symbol in (None, name):
                seen = (self.orders[name].seen(each.number, at_ms) for each in self.orders[name])
                yield from (each for each in seen if each is not None and each.status == "NEW")

    def place(self, symbol: str, side: str, qty: Amount, trigger_price: Amount, order_type: str = "STOP_MARKET") -> int:
        """A new one; gives its id."""
        number, now_ms = len(self.orders[symbol]) + 1, self._clock()
        order = AlgoOrder(
            at_ms=now_ms,
            symbol=symbol,
            number=number,
            client_id=self._numbers.client("algo", symbol, number),
            side=side,
            order_type=order_type,
            qty=Decimal(qty),
            trigger_price=Decimal(trigger_price),
            time_ms=now_ms,
            update_ms=now_ms,
        )
        self.orders[symbol].put(number, order)
        return number

    def cancel(self, symbol: str, number: int) -> None:
        self._change(self.waiting(symbol, number), status="CANCELED")

    def triggered(self, symbol: str, number: int, order_id: int) -> None:
        """Its price was reached: from now on it is this order."""
        now_ms = self._clock()
        self._change(self.waiting(symbol, number), status="TRIGGERED", order_id=order_id, trigger_ms=now_ms)
        self._became[symbol, order_id] = number

    def ended(self, order: Order) -> None:
        """An order of the book has ended; if it was a conditional one before, so has that."""
        if (number := self._became.get((order.symbol, order.order_id))) is not None:
            average = order.quote_executed / order.executed if order.executed else ZERO
            self._change(self._last(order.symbol, number), status="FINISHED", actual_price=average)

    def waiting(self, symbol: str, number: int) -> AlgoOrder:
        """One that waits for its price; it is refused when it does not."""
        order = self._last(symbol, number)
        if order.status != "NEW":
            raise Refusal(-2011, "Unknown order sent.")
        return order

    def _last(self, symbol: str, number: int) -> AlgoOrder:
        order = self.orders[symbol].last(number)
        if order is None:
            raise Refusal(-2013, "Order does not exist.")
        return order

    def _change(self, order: AlgoOrder, **changes: Any) -> None:
        now_ms = self._clock()
        self.orders[order.symbol].put(order.number, replace(order, at_ms=now_ms, update_ms=now_ms, **changes))
