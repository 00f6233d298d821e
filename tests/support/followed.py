"""An account whose money moves for a month through every wallet, followed by a lake; and what it really held when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection
from support.desks import API_KEY, SECRET
from support.tables import Tables, empty_session
from support.trade_desk import START_S, UID, UNLIMITED, RunningClock, TradeDesk, small_exchange

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.lake import Lake
from connectors.lake.sql import session as sql
from connectors.simulator import Cashflow, Life, serve
from connectors.simulator.account.cashflow import earn, futures, margin, payments
from connectors.simulator.account.cashflow import wallet as transfers
from connectors.simulator.protocol.faults import AnyFault
from schemas.config.flows import ACCOUNT_DATASETS
from schemas.datasets import DATASETS
from schemas.derived.queries import movements
from schemas.model.dataset import Dataset, Kind

DAY_MS = 86_400_000
_LISTS = {
    transfers: "transfers",
    payments: "c2c_trades",
    margin: "margin_loans",
    futures: "income",
    earn: "earn_rewards",
}
_KNOWN = {each.dataset for each in movements()}
STORIES = {story: often for of, name in _LISTS.items() if name in _KNOWN for story, often in of.STORIES.items()}
PAST_DAYS, BUSY = 60, 6
TRADED = {"BTCUSDT": 3, "ETHUSDT": 2, "ETHBTC": 1}
SETTLED_S = 15 * 60  # the frontier of a ledger stays ten minutes behind

Held = Mapping[tuple[str, str], Decimal]  # by wallet and asset
Place = tuple[int, str, str]  # the moment with which an interval ends, wallet and asset
Residuals = dict[Place, Decimal]


@dataclass(frozen=True)
class Moment:
    """What an account held at an instant."""

    at: datetime
    held: Held


@dataclass
class Follower:
    """Runs the flow of an account, day after day, while its money moves."""

    desk: TradeDesk
    moments: list[Moment] = field(default_factory=list)
    now: Moment | None = None  # at the end of the last run

    async def run(self, *faults: AnyFault) -> None:
        """Note what the account holds; run when that has settled, whatever goes wrong."""
        self.moments.append(self._moment())
        self.desk.clock.advance(SETTLED_S)
        for fault in faults:
            self.desk.exchange.inject(fault)
        receipts = await self.desk.run("trading")
        self.desk.exchange.heal()
        self.now = self._moment()
        failures = [failure for receipt in receipts for failure in receipt.failures]
        assert faults or not failures, failures

    def _moment(self) -> Moment:
        exchange = self.desk.exchange
        wallets = exchange.wallets(UID)
        held = {(wallet, asset): sum(amounts) for wallet in wallets for asset, amounts in wallets[wallet].items()}
        return Moment(datetime.fromtimestamp(exchange.now_us / 1e6, UTC), held)


async def follow(folder: Path, days: Sequence[int], faults: Mapping[int, Sequence[AnyFault]]) -> Follower:
    """Follow an account from a cold start on, each run so many days after the one before it; the last has no trouble."""
    clock = RunningClock(START_S)
    exchange = small_exchange(clock)
    since_ms = exchange.now_ms - PAST_DAYS * DAY_MS
    trading = Life(since_ms, stories_a_day=3, traded=TRADED, watched={})
    exchange.add_account(
        UID, API_KEY, secret=SECRET, money=Cashflow(since_ms, busy=BUSY, stories=STORIES), orders=trading
    )
    async with serve(exchange) as url:
        desk = TradeDesk(folder, url, exchange, clock, addresses={"wallet": url, "usdm": url, "coinm": url})
        since = datetime.fromtimestamp(since_ms / 1000, UTC)
        desk.trading("traded", datasets=list(ACCOUNT_DATASETS), wallets="all", since=f"{since:%Y-%m-%d}")
        budget = Budget(desk.state, "simulator")
        for pool in {endpoint.pool for endpoint in ENDPOINTS}:
            budget.learn(pool, UNLIMITED)
        follower = Follower(desk)
        await follower.run()
        for number, passed in enumerate(days):
            clock.advance(passed * 86_400)
            await follower.run(*faults.get(number, ()))
    return follower


@dataclass(frozen=True)
class Books:
    """The tables of a lake in memory, where rows can be taken away, beside what the account held."""

    connection: DuckDBPyConnection
    moments: Sequence[Moment]

    def residuals(self) -> Residuals:
        """What balances changed by between two moments, less the movements, where that is not nothing."""
        found: Residuals = {}
        rows = self.connection.execute(_MOVED, [[moment.at for moment in self.moments]]).fetchall()
        moved = {(number, wallet, asset): amount for number, wallet, asset, amount in rows}
        for number, (before, after) in enumerate(pairwise(self.moments), 1):
            for place in {*before.held, *after.held, *((wallet, asset) for _, wallet, asset in moved)}:
                changed = after.held.get(place, Decimal(0)) - before.held.get(place, Decimal(0))
                if residual := changed - moved.get((number, *place), Decimal(0)):
                    found[number, *place] = residual
        return found

    def identities(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        """What names each row that a dataset holds of the time between the first and the last moment."""
        names = ", ".join(f'"{name}"' for name in _identity(dataset))
        condition = f'"{dataset.clock}" > ? AND "{dataset.clock}" <= ?'
        between = [self.moments[0].at, self.moments[-1].at]
        asked = f"SELECT DISTINCT {names} FROM {dataset.table} WHERE {condition} ORDER BY ALL"
        return self.connection.execute(asked, between).fetchall()

    @contextmanager
    def without(self, dataset: Dataset, identity: tuple[Any, ...]) -> Iterator[Residuals]:
        """As if a row had never been stored, in any of its versions: what should be left over then."""
        condition = " AND ".join(f'"{name}" = ?' for name in _identity(dataset))
        self.connection.begin()
        self.connection.execute(f"DELETE FROM {dataset.table} WHERE {condition}", identity)
        yield self._lost()
        self.connection.rollback()

    def _lost(self) -> Residuals:
        """What is in the ledger no more."""
        found: defaultdict[Place, Decimal] = defaultdict(Decimal)
        lost = self.connection.execute("FROM whole EXCEPT ALL SELECT wallet, asset, time, amount, key FROM ledger")
        for wallet, asset, instant, amount, _ in lost.fetchall():
            later = [number for number, moment in enumerate(self.moments) if instant <= moment.at]
            if later and later[0] > 0:
                found[later[0], wallet, asset] += amount
        return {place: amount for place, amount in found.items() if amount}


def _identity(dataset: Dataset) -> tuple[str, ...]:
    return dataset.identity if dataset.kind is Kind.VERSIONS else dataset.key


_MOVED = """
SELECT len(list_filter(?::TIMESTAMPTZ[], lambda moment: moment < time)) AS number, wallet, asset, sum(amount)
FROM ledger GROUP BY ALL
"""


@contextmanager
def books(lake: Lake, moments: Sequence[Moment]) -> Iterator[Books]:
    """The books of a lake."""
    with empty_session() as connection:
        for dataset in DATASETS.values():
            Tables(connection).insert(dataset, lake.table(dataset).scan())
        with sql.connect(lake) as stored:
            connection.register("known", sql.run(stored, "FROM bounds"))
        connection.execute("INSERT INTO bounds BY NAME FROM known")
        connection.execute("CREATE TABLE whole AS SELECT wallet, asset, time, amount, key FROM ledger")
        yield Books(connection, moments)
