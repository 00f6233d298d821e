"""What an account trades on margin: spot's orders and fills, whose assets lie in wallets of their own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connectors.simulator.account.account_book import Book
from connectors.simulator.account.accounts import Account
from connectors.simulator.account.orders import Execution
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.listings import Listing


class MarginBook(Book):
    """The orders of an account on cross margin, or on all its pairs of isolated margin."""

    def __init__(
        self, account: Account, seed: int, listing: Callable[[str, int], Listing], clock: Callable[[], int], market: str
    ) -> None:
        super().__init__(account.uid, seed, listing, clock)
        self._account = account
        self._isolated = market == "isolated_margin"

    def _settle(self, execution: Execution) -> None:
        """Move what was bought, sold and paid, each told of by a row of the flows."""
        listing = self._listing(execution.symbol, execution.at_ms)
        side, sign = ("BUY", 1) if execution.is_buyer else ("SELL", -1)
        gained, spent = ("INCOME", "EXPENSE") if execution.is_buyer else ("EXPENSE", "INCOME")
        self._move(execution, f"{side}_{gained}", listing.base, sign * execution.qty)
        self._move(execution, f"{side}_{spent}", listing.quote, -sign * execution.quote_qty)
        self._move(execution, "TRADING_COMMISSION", execution.commission_asset, -execution.commission)

    def _move(self, execution: Execution, kind: str, asset: str, amount: Decimal) -> None:
        pair = execution.symbol if self._isolated else None
        wallet = f"isolated_margin:{pair}" if pair else "margin"
        row = {
            "id": 10**12 + self.numbers.next("movement", "flow"),
            "tranId": execution.number,
            "timestamp": execution.at_ms,
            "asset": asset,
            "symbol": execution.symbol,
            "type": kind,
            "amount": f"{amount:f}",
        }
        self._account.move(execution.at_ms, [Leg(wallet, asset, amount)], [Filed("margin/capital-flow", row, pair)])
