"""Stories that no list tells whole: what was paid in the end of a dual investment, and that a VIP loan was taken.

An account that lives them does not add up, as one of the exchange would not, so that no life has them by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import UNIT, USUAL, MoneyScene
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import DAY_MS

DUAL = "dci/product/positions"
VIP, VIP_INTEREST = "loan/vip/repay/history", "loan/vip/accruedInterest"
_YIELD = Decimal("0.01")


def settled(scene: MoneyScene) -> Story:
    """BTC is given for a day, and comes back in USDT at the strike price, with its yield."""
    amount, price = scene.spare("spot", "BTC"), USUAL["USDT"] / USUAL["BTC"]
    row = _position(scene, amount, price, "PURCHASE_SUCCESS")
    scene.move([Leg("spot", "BTC", -amount)], Filed(DUAL, row))
    yield row["settleDate"]
    row.update(purchaseStatus="SETTLING")
    yield scene.in_minutes(60)
    row.update(purchaseStatus="SETTLED")
    scene.move([Leg("spot", "USDT", (amount * (1 + _YIELD) * price).quantize(UNIT))])


def refunded(scene: MoneyScene) -> Story:
    """BTC is given, and given back a day later since the product was sold out."""
    amount = scene.spare("spot", "BTC")
    row = _position(scene, amount, USUAL["USDT"] / USUAL["BTC"], "PENDING")
    scene.move([Leg("spot", "BTC", -amount)], Filed(DUAL, row))
    yield scene.now_ms + DAY_MS
    row.update(purchaseStatus="REFUND_SUCCESS")
    scene.move([Leg("spot", "BTC", amount)])


def _position(scene: MoneyScene, amount: Decimal, price: Decimal, status: str) -> dict[str, Any]:
    number = scene.id("dual investment")
    return {
        "id": str(10_160_000 + number),
        "investCoin": "BTC",
        "exercisedCoin": "USDT",
        "subscriptionAmount": f"{amount:f}",
        "strikePrice": f"{price:f}",
        "duration": 1,
        "settleDate": scene.now_ms + DAY_MS,
        "purchaseStatus": status,
        "apr": "3.65",
        "orderId": 26_000_000_000 + number,
        "purchaseEndTime": scene.now_ms + DAY_MS // 2,
        "optionType": "CALL",
        "autoCompoundPlan": "NONE",
        "subscriptionTime": scene.now_ms,
    }


def vip_loan(scene: MoneyScene) -> Story:
    """USDT is lent, which no list tells, and paid back days later with its interest, which one does."""
    lent, taken_ms, number = scene.usual("USDT", 3), scene.now_ms, scene.id("vip loan")
    scene.move([Leg("spot", "USDT", lent), Leg("loan_debt", "USDT", -lent)])
    yield scene.now_ms + 5 * DAY_MS
    owed = (lent * (1 + _YIELD)).quantize(UNIT)
    charged = {
        "loanCoin": "USDT",
        "principalAmount": f"{lent:f}",
        "interestAmount": f"{owed - lent:f}",
        "annualInterestRate": "0.001273",
        "accrualTime": scene.now_ms,
        "orderId": number,
    }
    scene.move([Leg("loan_debt", "USDT", lent - owed)], Filed(VIP_INTEREST, charged))
    row = {
        "loanCoin": "USDT",
        "repayAmount": f"{owed:f}",
        "collateralCoin": "BNB,BTC",
        "repayStatus": "Repaid",
        "loanDate": str(taken_ms),
        "repayTime": str(scene.now_ms),
        "orderId": str(number),
    }
    scene.must_have("spot", "USDT", owed)
    scene.move([Leg("spot", "USDT", -owed), Leg("loan_debt", "USDT", owed)], Filed(VIP, row))


STORIES: tuple[Callable[[MoneyScene], Story], ...] = (settled, refunded, vip_loan)
