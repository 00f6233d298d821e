"""What all lists of an account's movements under `/sapi` have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.binance.endpoints.model import Bound, Endpoint, Holds, Security, Windows
from connectors.binance.pools import sapi_by_ip, sapi_by_uid
from schemas.model.dataset import Dataset

QUIET = timedelta(hours=6)  # how long a list rests that costs much and seldom has news


def ledger(
    path: str,
    dataset: Dataset,
    walk: Windows,
    *,
    by_uid: bool = False,
    version: str = "v1",
    held: Mapping[str, Holds] | None = None,
    **row: Any,
) -> Endpoint:
    """A list of movements found by time, whose rows must lie in the window that was asked for."""
    name, path = path, f"/sapi/{version}/{path}"
    pool = (sapi_by_uid if by_uid else sapi_by_ip)(path)
    bounds = {walk.start: Holds(str(dataset.cursor), Bound.FROM), walk.end: Holds(str(dataset.cursor), Bound.UP_TO)}
    returned = {fan_out.param: Holds(fan_out.column) for fan_out in walk.fan_out if fan_out.returned}
    return Endpoint(
        name=name,
        path=path,
        pool=pool,
        family="wallet",
        security=Security.SIGNED,
        dataset=dataset,
        walk=walk,
        held=bounds | returned | dict(held or {}),
        **row,
    )
