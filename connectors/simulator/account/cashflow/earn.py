"""Stories of simple earn: money goes to a position, grows there or pays into spot, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import UNIT, USUAL, MoneyScene
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS

_FLEXIBLE, _LOCKED = "simple-earn/flexible/history", "simple-earn/locked/history"
_ON_CHAIN = "onchain-yields/locked/history"
SUBSCRIBED, REDEEMED, REWARDED = "subscriptionRecord", "redemptionRecord", "rewardsRecord"
_A_DAY = Decimal("0.00008")


def _flexible(scene: MoneyScene) -> Story:
    """Subscribed from spot, now and then from funding too; rewards accrue in the position; then it is redeemed."""
    asset = scene.pick(list(USUAL))
    amount = scene.spare("spot", asset)
    more = scene.usual(asset, 0.2)
    both = scene.chance(0.2) and scene.free("funding", asset) >= more
    from_funding = more if both else Decimal(0)
    row = {
        "amount": f"{amount + from_funding:f}",
        "asset": asset,
        "time": scene.now_ms,
        "purchaseId": scene.id("purchase"),
        "productId": f"{asset}001",
        "type": "AUTO" if scene.chance(0.2) else "NORMAL",
        "sourceAccount": "SPOTANDFUNDING" if both else "SPOT",
        "amtFromSpot": f"{amount:f}",
        "amtFromFunding": f"{from_funding:f}",
        "status": "SUCCESS",
    }
    legs = [Leg("spot", asset, -amount), Leg("earn_flexible", asset, amount + from_funding)]
    legs += [Leg("funding", asset, -from_funding)] if both else []
    scene.move(legs, Filed(f"{_FLEXIBLE}/{SUBSCRIBED}", row))
    for _ in range(1 + int(scene.roll() * 5)):
        yield scene.now_ms + HOUR_MS + int(scene.roll() * DAY_MS)
        _accrue(scene, asset, amount)
    yield scene.now_ms + int(scene.roll() * 5 * DAY_MS)
    _redeem(scene, asset, scene.must_have("earn_flexible", asset, amount))


def _accrue(scene: MoneyScene, asset: str, amount: Decimal) -> None:
    """A small reward, which stays in the position."""
    reward = (amount * _A_DAY * Decimal(0.1 + scene.roll())).quantize(UNIT)
    if reward:
        row = {
            "asset": asset,
            "rewards": str(reward),
            "projectId": f"{asset}001",
            "type": "REALTIME",
            "time": scene.now_ms,
        }
        scene.move([Leg("earn_flexible", asset, reward)], Filed(f"{_FLEXIBLE}/{REWARDED}", row))


def _redeem(scene: MoneyScene, asset: str, amount: Decimal) -> None:
    to_funding = scene.chance(0.2)
    row = {
        "amount": f"{amount:f}",
        "asset": asset,
        "time": scene.now_ms,
        "projectId": f"{asset}001",
        "redeemId": scene.id("redemption"),
        "destAccount": "FUNDING" if to_funding else "SPOT",
        "status": "SUCCESS",
    }
    legs = [Leg("earn_flexible", asset, -amount), Leg("funding" if to_funding else "spot", asset, amount)]
    scene.move(legs, Filed(f"{_FLEXIBLE}/{REDEEMED}", row))


def _locked(scene: MoneyScene) -> Story:
    """Locked for weeks; each reward is paid into spot; in the end all comes back."""
    asset = scene.pick(["BNB", "SOL"])
    amount, position = scene.spare("spot", asset), scene.id("position")
    shared = {"positionId": position, "asset": asset, "lockPeriod": "7"}
    given = _given(scene, shared, scene.id("locked purchase"), amount)
    legs = [Leg("spot", asset, -amount), Leg("earn_locked", asset, amount)]
    scene.move(legs, Filed(f"{_LOCKED}/{SUBSCRIBED}", given))
    for _ in range(7):
        yield scene.now_ms + DAY_MS
        reward = (amount * _A_DAY).quantize(UNIT)
        paid = {**shared, "time": scene.now_ms, "amount": str(reward), "type": "Locked Rewards"}
        scene.move([Leg("spot", asset, reward)], Filed(f"{_LOCKED}/{REWARDED}", paid))
    yield scene.in_minutes(600)
    back = _back(scene, shared, scene.id("locked redemption"), amount)
    scene.move([Leg("earn_locked", asset, -amount), Leg("spot", asset, amount)], Filed(f"{_LOCKED}/{REDEEMED}", back))


def _on_chain(scene: MoneyScene) -> Story:
    """Given to a chain, which is no wallet; rewards are paid into spot, and in the end all comes back there."""
    amount = scene.spare("spot", "SOL")
    shared = {"positionId": scene.id("chain position"), "asset": "SOL", "lockPeriod": "30"}
    given = _given(scene, shared, scene.id("chain purchase"), amount)
    scene.move([Leg("spot", "SOL", -amount)], Filed(f"{_ON_CHAIN}/{SUBSCRIBED}", given))
    for _ in range(3):
        yield scene.now_ms + DAY_MS
        reward = (amount * _A_DAY).quantize(UNIT)
        paid = {**shared, "time": scene.now_ms, "amount": str(reward)}
        scene.move([Leg("spot", "SOL", reward)], Filed(f"{_ON_CHAIN}/{REWARDED}", paid))
    yield scene.in_minutes(600)
    back = _back(scene, shared, scene.id("chain redemption"), amount)
    scene.move([Leg("spot", "SOL", amount)], Filed(f"{_ON_CHAIN}/{REDEEMED}", back))


def _given(scene: MoneyScene, shared: Mapping[str, Any], number: int, amount: Decimal) -> dict[str, Any]:
    """The row of a subscription for a term, taken from spot."""
    return {
        **shared,
        "purchaseId": str(number),
        "projectId": f"{shared['asset']}*{shared['lockPeriod']}",
        "time": scene.now_ms,
        "amount": f"{amount:f}",
        "type": "NORMAL",
        "sourceAccount": "SPOT",
        "amtFromSpot": f"{amount:f}",
        "amtFromFunding": "0",
        "status": "SUCCESS",
    }


def _back(scene: MoneyScene, shared: Mapping[str, Any], number: int, amount: Decimal) -> dict[str, Any]:
    """The row of its redemption, paid at once and whole."""
    return {
        **shared,
        "redeemId": number,
        "time": scene.now_ms,
        "amount": f"{amount:f}",
        "originalAmount": f"{amount:f}",
        "type": "NORMAL",
        "deliverDate": str(scene.now_ms),
        "lossAmount": "0",
        "isComplete": True,
        "rewardAsset": shared["asset"],
        "rewardAmt": "0",
        "status": "PAID",
    }


STORIES: dict[Callable[[MoneyScene], Story], float] = {_flexible: 0.08, _locked: 0.02, _on_chain: 0.02}
