"""Staking and tokens with a yield. `soft-staking/set` is a GET that changes something, and so is no row here."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from schemas.datasets import staking
from schemas.model.dataset import Dataset


def _history(
    path: str,
    dataset: Dataset,
    *,
    weight: int = 150,
    unit_ms: int = 1,
    sent: Mapping[str, str] | None = None,
    wire: Mapping[str, str] | None = None,
    **constants: str,
) -> Endpoint:
    return ledger(
        path,
        dataset,
        Windows(days=30, limit="size", page="current", unit_ms=unit_ms, quiet=QUIET, fixed=sent or {}),
        weight=weight,
        page_limit=100,
        rows_at="rows",
        total="total",
        constants=constants,
        wire=wire or {},
    )


ETH_SUBSCRIPTIONS = _history("eth-staking/eth/history/stakingHistory", staking.STAKING_SUBSCRIPTIONS, product="eth")
SOL_SUBSCRIPTIONS = _history("sol-staking/sol/history/stakingHistory", staking.STAKING_SUBSCRIPTIONS, product="sol")
ETH_REDEMPTIONS = _history("eth-staking/eth/history/redemptionHistory", staking.STAKING_REDEMPTIONS, product="eth")
SOL_REDEMPTIONS = _history("sol-staking/sol/history/redemptionHistory", staking.STAKING_REDEMPTIONS, product="sol")
WRAPS = _history("eth-staking/wbeth/history/wrapHistory", staking.STAKING_WRAPS, direction="wrap")
UNWRAPS = _history("eth-staking/wbeth/history/unwrapHistory", staking.STAKING_WRAPS, direction="unwrap")
ETH_REWARDS = _history(
    "eth-staking/eth/history/wbethRewardsHistory",
    staking.STAKING_REWARDS,
    product="eth",
    wire={"amount": "amountInETH"},
)
SOL_REWARDS = _history(
    "sol-staking/sol/history/bnsolRewardsHistory",
    staking.STAKING_REWARDS,
    product="sol",
    wire={"amount": "amountInSOL"},
)
SOL_BOOSTS = _history(
    "sol-staking/sol/history/boostRewardsHistory",
    staking.STAKING_REWARDS,
    unit_ms=1000,
    product="sol_boost",
    sent={"type": "CLAIM"},  # what was paid; DISTRIBUTE is what may be claimed
    wire={"asset": "token", "holding": "bnsolHolding"},
)
SOFT_REWARDS = _history("soft-staking/history/rewardsRecord", staking.SOFT_STAKING_REWARDS, weight=50)

BFUSD_SUBSCRIPTIONS = _history("bfusd/history/subscriptionHistory", staking.YIELD_SUBSCRIPTIONS, product="bfusd")
RWUSD_SUBSCRIPTIONS = _history("rwusd/history/subscriptionHistory", staking.YIELD_SUBSCRIPTIONS, product="rwusd")
BFUSD_REDEMPTIONS = _history("bfusd/history/redemptionHistory", staking.YIELD_REDEMPTIONS, product="bfusd")
RWUSD_REDEMPTIONS = _history("rwusd/history/redemptionHistory", staking.YIELD_REDEMPTIONS, product="rwusd")
BFUSD_REWARDS = _history("bfusd/history/rewardsHistory", staking.YIELD_REWARDS, product="bfusd")
RWUSD_REWARDS = _history(  # which are paid in RWUSD, and do not say so
    "rwusd/history/rewardsHistory", staking.YIELD_REWARDS, product="rwusd", reward_asset="RWUSD"
)
