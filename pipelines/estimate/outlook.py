"""What a pull will request, and what each later one will: summed into what a flow takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.binance.pools import Pool
from schemas.config.flows import AccountFlow


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a series will take: requests and rows are exact where the exchange holds every candle."""

    series: str
    requests: int
    weight: int
    rows: int
    files: int = 0
    download_bytes: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What one pull will request from one pool."""

    pool: Pool
    once: tuple[int, ...] = ()  # the weight of each request that follows from no series
    costs: tuple[Cost, ...] = ()  # of the others
    steady: int = 0  # the weight of what each later run sends again
    note: str = ""  # what comes on top that nobody can know before it is asked for

    @property
    def requests(self) -> int:
        return len(self.once) + sum(one.requests for one in self.costs)

    @property
    def weight(self) -> int:
        return sum(self.once) + sum(one.weight for one in self.costs)


def share_asking(rests: timedelta, flow: AccountFlow) -> float:
    """Of how many runs that find nothing new one asks for what rests so long."""
    period = flow.period(datetime.now(UTC))
    return min(1.0, period / rests) if period and rests else 1.0


def minutes(weights: Iterable[tuple[Pool, int]], share: float) -> float:
    """How long such weights take where `share` of each pool may be used; pools are spent side by side."""
    spent = Counter[Pool]()
    for pool, weight in weights:
        spent[pool] += weight
    return max((weight / (pool.limit * share) for pool, weight in spent.items()), default=0.0)
