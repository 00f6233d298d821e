"""Stories of flexible loans: collateral leaves spot, what is lent comes to it, and a debt stands against it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import MoneyScene
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import DAY_MS

_PATH = "loan/flexible"
_COINS = {"loanCoin": "USDT", "collateralCoin": "BNB"}


def _repaid(scene: MoneyScene) -> Story:
    """Taken, secured further, and paid back in two parts, the second of which frees the collateral."""
    lent, secured = _take(scene)
    yield scene.now_ms + int(scene.roll() * 5 * DAY_MS)
    more = scene.spare("spot", "BNB", 0.2)
    row = {**_COINS, "direction": "ADDITIONAL", "collateralAmount": f"{more:f}", "adjustTime": scene.now_ms}
    legs = [Leg("spot", "BNB", -more), Leg("loan", "BNB", more)]
    scene.move(legs, Filed(f"{_PATH}/ltv/adjustment/history", row))
    for freed in (Decimal(0), secured + more):
        yield scene.now_ms + int(scene.roll() * 5 * DAY_MS)
        while scene.free("spot", "USDT") < lent / 2:
            yield scene.now_ms + DAY_MS
        _repay(scene, lent / 2, freed)


def _liquidated(scene: MoneyScene) -> Story:
    """Taken, and ended by the exchange, which keeps most of the collateral."""
    lent, secured = _take(scene)
    yield scene.now_ms + int(scene.roll() * 5 * DAY_MS)
    kept = (secured * Decimal("0.75")).quantize(Decimal("1e-8"))
    row = {
        **_COINS,
        "liquidationDebt": f"{lent:f}",
        "liquidationCollateralAmount": f"{kept:f}",
        "returnCollateralAmount": f"{secured - kept:f}",
        "liquidationFee": "0.001",
        "liquidationStartingPrice": "600",
        "liquidationStartingTime": scene.now_ms,
        "status": "Liquidated",
    }
    legs = [Leg("loan_debt", "USDT", lent), Leg("loan", "BNB", -secured), Leg("spot", "BNB", secured - kept)]
    scene.move(legs, Filed(f"{_PATH}/liquidation/history", row))


def _take(scene: MoneyScene) -> tuple[Decimal, Decimal]:
    secured, lent = scene.spare("spot", "BNB"), scene.usual("USDT", 0.5) * 2
    row = {
        **_COINS,
        "initialLoanAmount": f"{lent:f}",
        "initialCollateralAmount": f"{secured:f}",
        "borrowTime": scene.now_ms,
        "status": "SUCCESS",
    }
    collateral = [Leg("spot", "BNB", -secured), Leg("loan", "BNB", secured)]
    money = [Leg("spot", "USDT", lent), Leg("loan_debt", "USDT", -lent)]
    scene.move([*money, *collateral], Filed(f"{_PATH}/borrow/history", row))
    return lent, secured


def _repay(scene: MoneyScene, amount: Decimal, freed: Decimal) -> None:
    row = {
        **_COINS,
        "repayAmount": f"{amount:f}",
        "collateralReturn": f"{freed:f}",
        "repayStatus": "REPAID",
        "repayTime": scene.now_ms,
    }
    money = [Leg("spot", "USDT", -amount), Leg("loan_debt", "USDT", amount)]
    collateral = [Leg("loan", "BNB", -freed), Leg("spot", "BNB", freed)]
    scene.move([*money, *collateral], Filed(f"{_PATH}/repay/history", row))


STORIES: dict[Callable[[MoneyScene], Story], float] = {_repaid: 0.015, _liquidated: 0.01}
