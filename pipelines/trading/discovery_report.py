"""What discovery knows, for people: every symbol of every account, and what cannot be known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connectors.lake import Lake
from pipelines.trading.calls import MARKETS
from pipelines.trading.cursors import stands_of
from pipelines.trading.symbol_discovery import Heat, survey
from schemas.datasets.orders import FILLS, ORDERS
from schemas.model.instants import moment

NEVER = "never looked at"
UNKNOWABLE = (
    "What happened in a symbol after the instant it was looked at is not known until it is looked at again.",
    "Orders that were canceled or expired unfilled, in a symbol that never filled, are seen only while open.",
    "A symbol traded only through orders routed over several books (SOR) has no fill to find; balances that change do.",
    "A symbol that is neither listed any more nor has candles in the archive is asked for where a flow names it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One symbol of one account. `known_until` is None where its orders say what there is, or nobody looked."""

    account: str
    market: str
    symbol: str
    state: str
    known_until: datetime | None
    due: bool
    gone: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def discoveries(lake: Lake, now: int) -> list[Finding]:
    """Every symbol that each account may trade; only of accounts whose orders or fills were ever asked for."""
    asked = [(account, market) for account in lake.accounts for market in MARKETS if _asked(lake, account, market)]
    return [finding for account, market in asked for finding in _of(lake, account, market, now)]


def kinds(findings: Sequence[Finding]) -> list[tuple[Any, ...]]:
    """How many symbols there are of each kind, how many are due, and up to when all of them are known."""
    grouped: defaultdict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        grouped[finding.account, finding.market, finding.state].append(finding)
    return [(*kind, len(some), sum(one.due for one in some), _oldest(some)) for kind, some in sorted(grouped.items())]


def _oldest(findings: Sequence[Finding]) -> datetime | None:
    known = [finding.known_until for finding in findings if finding.known_until is not None]
    return min(known) if len(known) == len(findings) else None


def _asked(lake: Lake, account: str, market: str) -> bool:
    return any(stands_of(lake, dataset, account, market) for dataset in (FILLS, ORDERS))


def _of(lake: Lake, account: str, market: str, now: int) -> Iterator[Finding]:
    for one in survey(lake, account, market, now).candidates:
        never = one.heat is not Heat.TRADED and one.probed_at is None
        known = None if one.probed_at is None or one.heat is Heat.TRADED else moment(one.probed_at)
        yield Finding(
            account=account,
            market=market,
            symbol=one.symbol,
            state=NEVER if never else one.heat.value,
            known_until=known,
            due=one.due,
            gone=one.gone,
        )
