"""Stories of staking and of tokens with a yield: one coin for another, which is given back days later."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import UNIT, MoneyScene
from connectors.simulator.account.cashflow.wallet import witness_distribution
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import DAY_MS

_ETH, _WBETH, _SOL = "eth-staking/eth/history", "eth-staking/wbeth/history", "sol-staking/sol/history"
_SOFT = "soft-staking/history/rewardsRecord"
_RATIO = Decimal("0.95")


def _staked_eth(scene: MoneyScene) -> Story:
    """Staked; some of the liquid coin is unwrapped and wrapped again; its growth moves nothing; then it is redeemed."""
    amount = scene.spare("spot", "ETH")
    liquid = (amount * _RATIO).quantize(UNIT)
    _swap(scene, f"{_ETH}/stakingHistory", "ETH", amount, "WBETH", liquid)
    yield scene.in_minutes(1440)
    for path, source, target in (("unwrapHistory", "WBETH", "BETH"), ("wrapHistory", "BETH", "WBETH")):
        _swap(scene, f"{_WBETH}/{path}", source, liquid / 2, target, liquid / 2, ("from", "to"))
        yield scene.in_minutes(1440)
    scene.file(
        f"{_ETH}/wbethRewardsHistory", {"time": scene.now_ms, "amountInETH": "0.00000123", "holding": f"{liquid:f}"}
    )
    yield from _redeemed(scene, f"{_ETH}/redemptionHistory", "WBETH", liquid, "ETH", amount)


def _staked_sol(scene: MoneyScene) -> Story:
    """Staked; a boost is paid in another coin; then redeemed."""
    amount = scene.spare("spot", "SOL")
    liquid = (amount * _RATIO).quantize(UNIT)
    _swap(scene, f"{_SOL}/stakingHistory", "SOL", amount, "BNSOL", liquid)
    yield scene.in_minutes(1440)
    boost = Decimal(int(900 * scene.roll()) + 1) * UNIT
    row = {
        "time": scene.now_ms,
        "token": "JTO",
        "amount": str(boost),
        "bnsolHolding": f"{liquid:f}",
        "status": "SUCCESS",
    }
    scene.move([Leg("spot", "JTO", boost)], Filed(f"{_SOL}/boostRewardsHistory", row, "CLAIM"))
    yield from _redeemed(scene, f"{_SOL}/redemptionHistory", "BNSOL", liquid, "SOL", amount)


def _yield_token(scene: MoneyScene) -> Story:
    """A stablecoin for a token; rewards are paid; then it is given back, less a fee."""
    token = scene.pick(["BFUSD", "RWUSD"])
    path, amount = f"{token.lower()}/history", scene.spare("spot", "USDT")
    _swap(scene, f"{path}/subscriptionHistory", "USDT", amount, token, amount, ("", "receive"))
    yield scene.now_ms + DAY_MS
    reward = (amount / 20_000 * Decimal(scene.roll() + 0.1)).quantize(UNIT)
    row = {"time": scene.now_ms, "rewardsAmount": f"{reward:f}", "annualPercentageRate": "0.0389"}
    row |= {} if token == "RWUSD" else {"rewardAsset": token}  # noqa: S105 - a coin
    scene.move([Leg("spot", token, reward)], Filed(f"{path}/rewardsHistory", row))
    yield scene.in_minutes(1440)
    fee = (amount / 1000).quantize(UNIT)
    yield from _redeemed(
        scene, f"{path}/redemptionHistory", token, amount, "USDT", amount - fee, ("", "receive"), fee=f"{fee:f}"
    )


def _soft_reward(scene: MoneyScene) -> Story:
    """Paid for what lies in spot; every other one is told of by the list of distributions too."""
    asset, reward = scene.pick(["BNB", "ETH", "SOL"]), Decimal(int(90_000 * scene.roll()) + 1) * UNIT
    row = {"asset": asset, "rewards": str(reward), "rewardAsset": asset, "avgAmount": "1.5", "time": scene.now_ms}
    scene.move([Leg("spot", asset, reward)], Filed(_SOFT, row))
    if scene.chance(0.5):
        witness_distribution(scene, asset, reward, "Soft Staking")
    yield from ()


def _swap(
    scene: MoneyScene,
    path: str,
    source: str,
    given: Decimal,
    target: str,
    received: Decimal,
    words: tuple[str, str] = ("", "distribute"),
) -> None:
    scene.must_have("spot", source, given)
    legs = [Leg("spot", source, -given), Leg("spot", target, received)]
    row = {"time": scene.now_ms, **_sides(source, given, target, received, words), "status": "SUCCESS"}
    scene.move(legs, Filed(path, row))


def _redeemed(
    scene: MoneyScene,
    path: str,
    source: str,
    given: Decimal,
    target: str,
    received: Decimal,
    words: tuple[str, str] = ("", "distribute"),
    **more: Any,
) -> Story:
    """Given back at once; what is paid for it arrives days later."""
    scene.must_have("spot", source, given)
    arrival_ms = scene.now_ms + DAY_MS + int(scene.roll() * 3 * DAY_MS)
    sides = _sides(source, given, target, received, words)
    row = {"time": scene.now_ms, "arrivalTime": arrival_ms, **sides, **more, "status": "PENDING"}
    scene.move([Leg("spot", source, -given)], Filed(path, row))
    yield arrival_ms
    scene.move([Leg("spot", target, received)])
    row.update(status="SUCCESS")


def _sides(source: str, given: Decimal, target: str, received: Decimal, words: tuple[str, str]) -> dict[str, str]:
    """What was given and what was received, in the words of the list."""
    row: dict[str, str] = {}
    for word, asset, amount in zip(words, (source, target), (given, received), strict=True):
        row |= (
            {f"{word}Asset": asset, f"{word}Amount": f"{amount:f}"}
            if word
            else {"asset": asset, "amount": f"{amount:f}"}
        )
    return row


STORIES: dict[Callable[[MoneyScene], Story], float] = {
    _staked_eth: 0.02,
    _staked_sol: 0.02,
    _yield_token: 0.03,
    _soft_reward: 0.05,
}
