"""Which symbols an account trades. No call tells it, so each is probed for a first fill, and looked at again in time.

The log of the fills remembers of every symbol up to when it was looked at (`probed_at`), the log of the balances up
to which snapshot every change was accounted for (`explained_at`, and `suspect_at` while one is looked into), and the
log of the lists of orders when the archive was last asked for names that the exchange does not list (`archive_at`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from connectors.binance.endpoints.model import Endpoint
from connectors.lake import Lake, Move
from pipelines.pull.symbols import Listing, covered, known
from pipelines.store.news import note
from pipelines.trading.balance_changes import WALLET, Suspicion, held_assets, suspicion
from pipelines.trading.calls import MARKETS, calls_of
from pipelines.trading.cursors import Stands, known_symbols, stands_of, traded_symbols
from schemas.datasets.orders import FILLS, ORDER_LISTS, ORDERS
from schemas.model.grid import DAY_US
from schemas.model.instants import moment
from schemas.model.series import Series

WARM_US = DAY_US  # how often a symbol is looked at whose base asset the account holds or moved
COLD_US = 7 * DAY_US  # how often any other one is


class Heat(StrEnum):
    """How likely it is that an account trades a symbol unknown to us."""

    TRADED = "traded"  # it does; its orders say when there is something new, and so do its assets
    HOT = "hot"  # one of its assets changed without explanation
    WARM = "warm"  # the account holds its base asset, or a list of movements names it
    COLD = "cold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A symbol the account may trade, and up to when we would know; `keen` when both of its assets changed."""

    symbol: str
    heat: Heat
    probed_at: int | None = None
    gone: bool = False
    due: bool = False
    keen: bool = False

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        """What is looked at first."""
        return list(Heat).index(self.heat), not self.keen, self.probed_at or 0, self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Every candidate of an account, and which of them are to be probed."""

    account: str
    market: str
    candidates: Sequence[Candidate]
    suspicion: Suspicion | None = None

    @property
    def never(self) -> list[Candidate]:
        """Those never looked at; all of them are, whatever it takes."""
        return sorted((one for one in self.candidates if one.due and one.probed_at is None), key=lambda one: one.rank)

    @property
    def again(self) -> list[Candidate]:
        """Those to be looked at again, the likeliest first; as many as the share of the budget allows."""
        return sorted(
            (one for one in self.candidates if one.due and one.probed_at is not None), key=lambda one: one.rank
        )

    @property
    def keen(self) -> set[str]:
        """Those of which both assets changed without explanation."""
        return {one.symbol for one in self.candidates if one.keen}

    @property
    def suspects(self) -> list[Candidate]:
        """Those that might explain a changed balance and were not looked at since."""
        return [one for one in self.candidates if one.heat in {Heat.TRADED, Heat.HOT} and one.due]

    def probes(self, most_again: int) -> list[str]:
        """The symbols to probe now, the likeliest first."""
        chosen = [*self.never, *islice(self.again, most_again)]
        return [one.symbol for one in sorted(chosen, key=lambda one: one.rank)]


def survey(lake: Lake, account: str, market: str, now: int, archived: Collection[str] = ()) -> Survey:
    """What the lake says about each symbol that the account may trade, those that only the archive names included."""
    named = bool(calls_of(market).named_by)  # then nothing else is looked at
    book = Listing({}) if named else known(lake, market)
    filled = stands_of(lake, FILLS, account, market)
    traded = known_symbols(lake, account, market)
    doubt = suspicion(lake, account, market) if market in WALLET else None
    held = set[str]() if named else held_assets(lake, account)
    ground = _Ground(book, filled, traded, doubt, held, now)
    listed = set() if named else book.rows.keys() | covered(lake, market) | set(archived)
    seen_by_any = (traded_symbols(lake, one, market) for one in ([account] if named else lake.accounts))
    symbols = listed.union(filled, traded, *seen_by_any)
    return Survey(
        account=account,
        market=market,
        candidates=[ground.candidate(symbol) for symbol in sorted(symbols)],
        suspicion=doubt,
    )


def archive_due(lake: Lake, account: str, market: str, now: int) -> bool:
    """Whether it is time to look for names in the archive."""
    series = Series.of(ORDER_LISTS, account=account, market=market)
    return (series.bound("archive_at", lake.table(ORDER_LISTS).bounds()) or 0) < now - COLD_US


def note_archive(lake: Lake, account: str, market: str, names: Collection[str], now: int) -> None:
    """Remember that names were looked for in the archive, once each of them was probed."""
    if stands_of(lake, FILLS, account, market).keys() >= set(names):
        table, series = lake.table(ORDER_LISTS), Series.of(ORDER_LISTS, account=account, market=market)
        note(table, [Move.of(series, {"archive_at": now}, table.bounds())])


def probes_allowed(probe: Endpoint, share: float, minutes: float) -> int:
    """How many probes of known symbols fit into a share of the exchange's weight between two runs."""
    return int(share * probe.pool.limit * minutes / probe.cost({}))


@dataclass(frozen=True, slots=True)
class _Ground:
    """All that a symbol's heat follows from."""

    book: Listing
    filled: Stands
    traded: Collection[str]
    suspicion: Suspicion | None
    held: Collection[str]
    now: int

    def candidate(self, symbol: str) -> Candidate:
        stand = self.filled.get(symbol, {})
        probed_at, changed = _looked_at(stand), self._changed(symbol)
        heat = self._heat(symbol, changed, gone=_gone(stand))
        return Candidate(
            symbol=symbol,
            heat=heat,
            probed_at=probed_at,
            gone=_gone(stand),
            due=self._due(heat, probed_at or 0, changed=changed > 0 and not _gone(stand)),
            keen=changed == 2,  # noqa: PLR2004 - base and quote
        )

    def _changed(self, symbol: str) -> int:
        """How many of the symbol's assets changed without explanation."""
        row = self.book.rows.get(symbol)
        suspects = self.suspicion.assets if self.suspicion else frozenset()
        return 0 if row is None else (row["base_asset"] in suspects) + (row["quote_asset"] in suspects)

    def _heat(self, symbol: str, changed: int, *, gone: bool) -> Heat:
        if symbol in self.traded:
            return Heat.TRADED
        row = self.book.rows.get(symbol)
        if row is None or gone:
            return Heat.COLD
        if changed:
            return Heat.HOT
        return Heat.WARM if row["base_asset"] in self.held else Heat.COLD

    def _due(self, heat: Heat, probed_at: int, *, changed: bool) -> bool:
        """Whether it was not looked at since a change, or for long; of what is traded, the orders tell the rest."""
        if changed and self.suspicion is not None:
            return probed_at < self.suspicion.until
        return heat is not Heat.TRADED and probed_at < self.now - (WARM_US if heat is Heat.WARM else COLD_US)


def _looked_at(stand: Mapping[str, int]) -> int | None:
    """When a symbol was last looked for; that the exchange did not know it is an answer too."""
    return max(stand.get("probed_at", 0), stand.get("gone_at", 0)) or None


def _gone(stand: Mapping[str, int]) -> bool:
    return bool(stand.get("gone_at"))


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
