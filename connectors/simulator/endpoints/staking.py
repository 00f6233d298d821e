"""Staking and tokens with a yield, as the documentation has them."""

from __future__ import annotations

from connectors.simulator.endpoints.endpoint import Endpoint
from connectors.simulator.endpoints.ledgers import ledger, with_total


def _history(path: str, weight: int = 150, filters: tuple[str, ...] = (), of: str | None = None) -> Endpoint:
    return ledger(
        path, "time", days=30, most=100, usual=10, size="size", page="current", weight=weight, wrapped=with_total,
        too_wide=-6021, filters=filters, of=of,
    )  # fmt: skip


ENDPOINTS = (
    _history("eth-staking/eth/history/stakingHistory"),
    _history("eth-staking/eth/history/redemptionHistory"),
    _history("eth-staking/eth/history/wbethRewardsHistory"),
    _history("eth-staking/wbeth/history/wrapHistory"),
    _history("eth-staking/wbeth/history/unwrapHistory"),
    _history("sol-staking/sol/history/stakingHistory"),
    _history("sol-staking/sol/history/redemptionHistory"),
    _history("sol-staking/sol/history/bnsolRewardsHistory"),
    _history("sol-staking/sol/history/boostRewardsHistory", of="type"),
    _history("soft-staking/history/rewardsRecord", 50, ("asset",)),
    *(
        _history(f"{token}/history/{name}History", filters=filters)
        for token in ("bfusd", "rwusd")
        for name, filters in {"subscription": ("asset",), "redemption": (), "rewards": ()}.items()
    ),
)
