"""What an account trades in futures: positions instead of assets, and income that tells of each profit and fee."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from connectors.simulator.account.account_book import Book
from connectors.simulator.account.accounts import Account
from connectors.simulator.account.algo_orders import AlgoBook
from connectors.simulator.account.orders import ZERO, Execution, Order
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.listings import Listing

_UNIT = Decimal("1e-8")
_FEE = Decimal("0.0004")
_COMMISSION = "90031"  # then the id of the trade
_PATHS = {"usdm": "/fapi/v1/income", "coinm": "/dapi/v1/income"}
_CONTRACT_USD = {"BTC": 100}  # what a contract of COIN-M is worth; of all others 10


class FuturesBook(Book):
    """The orders of an account in one market of futures; what they bring and cost moves its wallet."""

    def __init__(
        self,
        account: Account,
        market: str,
        seed: int,
        listing: Callable[[str, int], Listing],
        clock: Callable[[], int],
    ) -> None:
        super().__init__(account.uid, seed, listing, clock)
        self.market = market
        self.algo = AlgoBook(self.numbers, lambda: self.now_ms)
        self.profits: dict[tuple[str, int], Decimal] = {}  # by symbol and trade
        self._account = account
        self._positions: defaultdict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))

    def base_qty(self, execution: Execution) -> Decimal:
        """What so many contracts are in coins."""
        base = self._listing(execution.symbol, execution.at_ms).base
        return (execution.qty * _CONTRACT_USD.get(base, 10) / execution.price).quantize(_UNIT, ROUND_DOWN)

    def margin_asset(self, symbol: str) -> str:
        listing = self._listing(symbol, self.agenda.last_ms)
        return listing.base if self.market == "coinm" else listing.quote

    def trigger_algo(self, symbol: str, number: int) -> int:
        """The price of a conditional order is reached: it becomes an order at that price; gives the order's id."""
        waiting = self.algo.waiting(symbol, number)
        order_id = self.place(symbol, waiting.side, waiting.qty, waiting.trigger_price, type="MARKET")
        self.algo.triggered(symbol, number, order_id)
        return order_id

    def _keep(self, order: Order) -> Order:
        if not order.open:
            self.algo.ended(order)
        return super()._keep(order)

    def _fee(self, order: Order, qty: Decimal, quote: Decimal) -> tuple[Decimal, str]:
        asset = self.margin_asset(order.symbol)
        worth = qty * _CONTRACT_USD.get(asset, 10) / order.price if self.market == "coinm" and order.price else quote
        return (worth * _FEE).quantize(_UNIT, ROUND_DOWN), asset

    def _settle(self, execution: Execution) -> None:
        """Change the position, and book what closing a part of it brought, and the fee."""
        profit = self._profit(execution)
        self.profits[execution.symbol, execution.number] = profit
        self._book(execution, "REALIZED_PNL", profit, self.margin_asset(execution.symbol), str(execution.number))
        fee = -execution.commission
        self._book(execution, "COMMISSION", fee, execution.commission_asset, f"{_COMMISSION}{execution.number}")

    def _profit(self, execution: Execution) -> Decimal:
        held, entry = self._positions[execution.symbol]
        signed = execution.qty if execution.is_buyer else -execution.qty
        closes = held * signed < 0
        closed = min(abs(held), execution.qty) if closes else ZERO
        after = held + signed
        if not closes:
            entry = (abs(held) * entry + execution.qty * execution.price) / abs(after)
        elif held * after < 0:
            entry = execution.price
        self._positions[execution.symbol] = (after, entry)
        if not closed:
            return ZERO
        direction = 1 if held > 0 else -1
        gained = direction * closed * (execution.price - entry)
        if self.market == "coinm":
            size = _CONTRACT_USD.get(self.margin_asset(execution.symbol), 10)
            gained = direction * closed * size * (1 / entry - 1 / execution.price)
        return gained.quantize(_UNIT, ROUND_DOWN)

    def _book(self, execution: Execution, kind: str, amount: Decimal, asset: str, number: str) -> None:
        if not amount:
            return
        row: dict[str, Any] = {
            "symbol": execution.symbol,
            "incomeType": kind,
            "income": f"{amount:f}",
            "asset": asset,
            "time": execution.at_ms,
            "info": kind,
            "tranId": number if self.market == "coinm" else int(number),
            "tradeId": str(execution.number),
        }
        self._account.move(execution.at_ms, [Leg(self.market, asset, amount)], [Filed(_PATHS[self.market], row)])
