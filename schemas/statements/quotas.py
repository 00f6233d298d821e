"""How many files of an account's history of futures the exchange makes in a month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """So many files a month of these kinds, each a market and an export."""

    name: str
    most: int
    of: tuple[tuple[str, str], ...]


KINDS = {"income": "futures_income", "orders": "futures_orders", "trades": "futures_trades"}
"""Which export each of them is, as `schemas.statements.exports` calls it."""

_ALL = (
    Quota("income", 100, (("usdm", "income"), ("coinm", "income"))),
    Quota("orders of usdm", 10, (("usdm", "orders"),)),
    Quota("orders of coinm", 8, (("coinm", "orders"),)),
    Quota("trades of usdm", 5, (("usdm", "trades"),)),
    Quota("trades of coinm", 8, (("coinm", "trades"),)),
)

QUOTAS: Mapping[tuple[str, str], Quota] = {kind: quota for quota in _ALL for kind in quota.of}
"""By market and export. That of income is shared with the exchange's web page, of which nothing is known here."""
