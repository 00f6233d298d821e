"""An exchange that speaks Binance's protocol, offline: for the demo, tests, benchmarks and a user's own tests.

It imports nothing of `connectors.binance`; its rules are written from the reference a second time, so that it
cannot agree with the client's mistakes.
"""

from connectors.simulator.account.cashflow.life import Cashflow
from connectors.simulator.account.trader import Life
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.exchange import Exchange, MovableClock
from connectors.simulator.market.listings import Cycle, Listing
from connectors.simulator.protocol.limits import Limits
from connectors.simulator.server import serve

__all__ = ["Cashflow", "Cycle", "Exchange", "Filed", "Leg", "Life", "Limits", "Listing", "MovableClock", "serve"]
