"""What an account's life is made of: orders, executions, lists, and how the exchange prints each."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

ZERO = Decimal(0)
ENDED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
_SHORT_LIVED = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
_KEPT_MS = 90 * 86_400_000
_EXPIRY_REASON_SINCE_MS = 1_778_198_400_000  # 2026-05-08
_FORGOTTEN = Decimal(-1)
NONE = -1  # printed for a time or a list that there is not

Stamp = Callable[[int], int]  # milliseconds to the unit of time asked for


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One state of an order. `more` holds the fields that only some orders have, under their printed names."""

    at_ms: int
    symbol: str
    order_id: int
    order_list_id: int = NONE
    client_order_id: str
    price: Decimal = ZERO
    qty: Decimal
    executed: Decimal = ZERO
    quote_executed: Decimal = ZERO
    quote_known: bool = True  # of some very old orders the exchange has forgotten it
    quote_order_qty: Decimal = ZERO
    status: str = "NEW"
    time_in_force: str = "GTC"
    type: str = "LIMIT"
    side: str = "BUY"
    stop_price: Decimal = ZERO
    iceberg_qty: Decimal = ZERO
    time_ms: int
    update_ms: int
    is_working: bool = True
    working_ms: int = NONE
    stp_mode: str = "NONE"
    expiry_reason: str | None = None
    more: dict[str, Any] = {}

    @property
    def open(self) -> bool:
        return self.status not in ENDED

    @property
    def left(self) -> Decimal:
        return self.qty - self.executed

    def gone(self, now_ms: int) -> bool:
        """Unfilled and ended more than 90 days ago: no longer shown."""
        return self.status in _SHORT_LIVED and not self.executed and now_ms - self.update_ms > _KEPT_MS

    def printed(self, stamp: Stamp) -> dict[str, Any]:
        fields = {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "orderListId": self.order_list_id,
            "clientOrderId": self.client_order_id,
            "price": amount(self.price),
            "origQty": amount(self.qty),
            "executedQty": amount(self.executed),
            "origQuoteOrderQty": amount(self.quote_order_qty),
            "cummulativeQuoteQty": amount(self.quote_executed if self.quote_known else _FORGOTTEN),
            "status": self.status,
            "timeInForce": self.time_in_force,
            "type": self.type,
            "side": self.side,
            "stopPrice": amount(self.stop_price),
            "icebergQty": amount(self.iceberg_qty),
            "time": stamp(self.time_ms),
            "updateTime": stamp(self.update_ms),
            "isWorking": self.is_working,
            "workingTime": _time(self.working_ms, stamp),
            "selfTradePreventionMode": self.stp_mode,
            **self.more,
        }
        if "trailingTime" in self.more:
            fields["trailingTime"] = _time(self.more["trailingTime"], stamp)
        if self.expiry_reason and self.update_ms >= _EXPIRY_REASON_SINCE_MS:
            fields["expiryReason"] = self.expiry_reason
        return fields


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """A fill, or an allocation of a routed order; `number` is its id in the space of its kind."""

    at_ms: int
    symbol: str
    number: int
    order_id: int
    order_list_id: int
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    commission: Decimal
    commission_asset: str
    time_ms: int
    is_buyer: bool
    is_maker: bool

    def as_fill(self, stamp: Stamp) -> dict[str, Any]:
        return {"symbol": self.symbol, "id": self.number, **self._common(stamp), "isBestMatch": True}

    def as_allocation(self, stamp: Stamp) -> dict[str, Any]:
        own = {"symbol": self.symbol, "allocationId": self.number, "allocationType": "SOR"}
        return {**own, **self._common(stamp), "isAllocator": False}

    def _common(self, stamp: Stamp) -> dict[str, Any]:
        return {
            "orderId": self.order_id,
            "orderListId": self.order_list_id,
            "price": amount(self.price),
            "qty": amount(self.qty),
            "quoteQty": amount(self.quote_qty),
            "commission": amount(self.commission),
            "commissionAsset": self.commission_asset,
            "time": stamp(self.time_ms),
            "isBuyer": self.is_buyer,
            "isMaker": self.is_maker,
        }


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """One state of an order list; `legs` are ids and client ids of its orders."""

    at_ms: int
    list_id: int
    contingency: str
    status_type: str = "EXEC_STARTED"
    status: str = "EXECUTING"
    client_id: str
    time_ms: int
    symbol: str
    legs: tuple[tuple[int, str], ...]

    def printed(self, stamp: Stamp) -> dict[str, Any]:
        legs = [{"symbol": self.symbol, "orderId": number, "clientOrderId": client} for number, client in self.legs]
        return {
            "orderListId": self.list_id,
            "contingencyType": self.contingency,
            "listStatusType": self.status_type,
            "listOrderStatus": self.status,
            "listClientOrderId": self.client_id,
            "transactionTime": stamp(self.time_ms),
            "symbol": self.symbol,
            "orders": legs,
        }


class PreventedMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Two orders of one account that would have traded with each other."""

    at_ms: int
    symbol: str
    number: int
    taker_order_id: int
    maker_order_id: int
    group_id: int
    mode: str
    price: Decimal
    maker_qty: Decimal
    time_ms: int

    def printed(self, stamp: Stamp) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "preventedMatchId": self.number,
            "takerOrderId": self.taker_order_id,
            "makerSymbol": self.symbol,
            "makerOrderId": self.maker_order_id,
            "tradeGroupId": self.group_id,
            "selfTradePreventionMode": self.mode,
            "price": amount(self.price),
            "makerPreventedQuantity": amount(self.maker_qty),
            "transactTime": stamp(self.time_ms),
        }


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an order's quantity that kept its place in the book."""

    at_ms: int
    symbol: str
    number: int
    order_id: int
    client_before: str
    client_after: str
    qty_before: Decimal
    qty_after: Decimal
    time_ms: int

    def printed(self, stamp: Stamp) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "executionId": self.number,
            "origClientOrderId": self.client_before,
            "newClientOrderId": self.client_after,
            "origQty": amount(self.qty_before),
            "newQty": amount(self.qty_after),
            "time": stamp(self.time_ms),
        }


def amount(value: Decimal) -> str:
    """Eight decimals, or as many more as the amount has."""
    text = f"{value:f}"
    return text if len(text.partition(".")[2]) > 8 else f"{value:.8f}"  # noqa: PLR2004 - as the exchange prints


def _time(time_ms: int, stamp: Stamp) -> int:
    return NONE if time_ms == NONE else stamp(time_ms)
