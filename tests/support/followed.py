"""An account whose money moves through every wallet, followed by a lake from a cold start on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection
from support.desks import API_KEY, SECRET
from support.tables import Tables, empty_session
from support.trade_desk import START_S, UID, UNLIMITED, RunningClock, TradeDesk, small_exchange

from connectors.binance.budget import Budget, default_path
from connectors.binance.endpoints import ENDPOINTS
from connectors.lake import Lake
from connectors.lake.sql import session as sql
from connectors.simulator import Cashflow, Life, serve
from connectors.simulator.account.cashflow.life import STORIES
from connectors.simulator.account.cashflow.payments import OF_SUB_ACCOUNT
from connectors.simulator.protocol.faults import AnyFault
from schemas.config.names import ACCOUNT_DATASETS
from schemas.datasets import DATASETS
from schemas.derived.queries import movements, unions
from schemas.model.dataset import Dataset, Kind

TRADED = {"BTCUSDT": 3, "ETHUSDT": 2, "ETHBTC": 1}
DAY_S = 86_400

Place = tuple[datetime, str, str]  # the snapshot with which an interval ends, wallet and asset
Residuals = dict[Place, Decimal]
Faults = Sequence[AnyFault]


@dataclass(frozen=True)
class Day:
    """A run, so many days after the one before it, with this going wrong.

    `cut` is after how many requests a run before it is cancelled, `killed` the same of a process.
    """

    after: float
    faults: Faults = ()
    cut: int | None = None
    killed: int | None = None


@dataclass
class Follower:
    """Runs the flow of an account while its money moves."""

    desk: TradeDesk
    held: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # by wallet and asset, after the last run

    def __post_init__(self) -> None:
        """Neither these runs nor those of processes are paced."""
        for path in (self.desk.state, default_path()):
            budget = Budget(path, "simulator")
            for pool in {endpoint.pool for endpoint in ENDPOINTS}:
                budget.learn(pool, UNLIMITED)

    async def live(self, day: Day) -> None:
        """Let time pass, then run."""
        self.desk.clock.advance(day.after * DAY_S)
        for fault in day.faults:
            self.desk.exchange.inject(fault)
        if day.cut is not None:
            await self._cut_after(day.cut)
        if day.killed is not None:
            await self._killed_after(day.killed)
        receipts = await self.desk.run("trading")
        self.desk.exchange.heal()
        failures = [failure for receipt in receipts for failure in receipt.failures]
        assert day.faults or not failures, failures
        wallets = self.desk.exchange.wallets(UID)
        self.held = {(wallet, asset): sum(amounts) for wallet in wallets for asset, amounts in wallets[wallet].items()}

    async def _cut_after(self, requests: int) -> None:
        """A run that is ended at once when the exchange sees so many requests of it, if there are so many."""
        running = asyncio.ensure_future(self.desk.run("trading"))
        with self.desk.exchange.requests.when("", requests, running.cancel), suppress(asyncio.CancelledError):
            await running

    async def _killed_after(self, requests: int) -> None:
        """A process that is killed when the exchange sees so many requests of it, if there are so many."""
        process = await self.desk.started("run", "trading")
        with self.desk.exchange.requests.when("", requests, process.kill):
            await process.communicate()


async def follow(
    folder: Path,
    days: Sequence[Day],
    past_days: int = 60,
    busy: float = 6.0,
    then: Callable[[Follower], Awaitable[None]] | None = None,
    *,
    values: bool = False,
) -> Follower:
    """Follow an account with a past from a cold start on; `then` is what comes last while the exchange still serves."""
    clock = RunningClock(START_S)
    exchange = small_exchange(clock, {})
    since_ms = exchange.now_ms - past_days * DAY_S * 1000
    money, trading = (
        Cashflow(since_ms, busy, {**STORIES, **OF_SUB_ACCOUNT}),
        Life(since_ms, stories_a_day=3, traded=TRADED, watched={}),
    )
    exchange.add_account(UID, API_KEY, secret=SECRET, money=money, orders=trading)
    async with serve(exchange) as url:
        desk = TradeDesk(folder, url, exchange, clock, addresses={"wallet": url, "usdm": url, "coinm": url})
        since = datetime.fromtimestamp(since_ms / 1000, UTC)
        desk.trading(
            "traded",
            datasets=list(ACCOUNT_DATASETS),
            wallets="all",
            since=f"{since:%Y-%m-%d}",
            mining=["alice"],
            values=values,
        )
        follower = Follower(desk)
        for day in days:
            await follower.live(day)
        if then is not None:
            await then(follower)
    return follower


@dataclass(frozen=True)
class Books:
    """The tables of a lake in memory, where rows can be taken away. The ledgers have passed all snapshots but the last."""

    connection: DuckDBPyConnection

    def unexplained(self) -> list[tuple[Any, ...]]:
        """The intervals that do not add up."""
        return self.connection.execute(_UNEXPLAINED).fetchall()

    def ledger(self) -> list[tuple[Any, ...]]:
        """Every movement, in one order."""
        return self.connection.execute("FROM whole ORDER BY ALL").fetchall()

    def residuals(self) -> Residuals:
        """What balances changed by between two snapshots, less the movements, where that is not nothing."""
        rows = self.connection.execute(_RESIDUALS).fetchall()
        return {(until, wallet, asset): amount for until, wallet, asset, amount in rows}

    def told_by_witnesses(self) -> int:
        """How many movements come from lists that tell of what others own."""
        ((count,),) = self.connection.execute("SELECT count(*) FROM told WHERE note LIKE 'only %'").fetchall()
        return int(count)

    def identities(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        """What names each row that a dataset holds."""
        names = ", ".join(f'"{name}"' for name in _identity(dataset))
        return self.connection.execute(f"SELECT DISTINCT {names} FROM {dataset.table} ORDER BY ALL").fetchall()

    @contextmanager
    def without(self, dataset: Dataset, identity: tuple[Any, ...]) -> Iterator[Residuals]:
        """As if a row had never been stored, in any of its versions: what should be left over then."""
        condition = " AND ".join(f'"{name}" IS NOT DISTINCT FROM ?' for name in _identity(dataset))
        self.connection.begin()
        self.connection.execute(f"DELETE FROM {dataset.table} WHERE {condition}", identity)
        self.connection.execute(f"DELETE FROM told WHERE dataset = '{dataset.name}'")
        if dataset.name in _MOVEMENTS:
            self.connection.execute(f"INSERT INTO told BY NAME {_MOVEMENTS[dataset.name]}")
        if f"'{dataset.name}'" in _WITNESSES:  # where it tells of what others own, or they of what it owns
            self.connection.execute("DELETE FROM told WHERE note LIKE 'only %'")
            self.connection.execute(f"INSERT INTO told BY NAME {_ONLY_TOLD}")
        try:
            yield self._lost()
        finally:
            self.connection.rollback()

    def _lost(self) -> Residuals:
        """What is in the ledger no more, by the interval in which it moved, less what took its place."""
        found: defaultdict[Place, Decimal] = defaultdict(Decimal)
        for until, wallet, asset, amount in self.connection.execute(_LOST).fetchall():
            found[until, wallet, asset] += amount
        return {place: amount for place, amount in found.items() if amount}


def _identity(dataset: Dataset) -> tuple[str, ...]:
    return dataset.identity if dataset.kind is Kind.VERSIONS else dataset.key


_MOVEMENTS = {each.dataset: f"SELECT *, '{each.dataset}' AS dataset FROM ({each.sql})" for each in movements()}
_WITNESSES = unions()["witnesses"].over(DATASETS)
_ONLY_TOLD = """
SELECT * EXCLUDE (matched, closed, may_be_alone), 'only ' AS note FROM witnesses WHERE NOT matched AND closed
"""
_PASSED = "until < (SELECT max(observed_at) FROM balances)"
_UNEXPLAINED = f"SELECT * FROM reconciliation WHERE status <> 'explained' AND {_PASSED}"
_RESIDUALS = f"""
SELECT until, wallet, asset, observed - expected FROM balance_changes WHERE observed <> expected AND {_PASSED}
"""
_LOST = f"""
WITH taken AS (
    SELECT wallet, observed_at AS until FROM balance_snapshots
),
lost AS (
    FROM whole EXCEPT ALL FROM told
    UNION ALL
    SELECT * REPLACE (-amount AS amount) FROM (FROM told EXCEPT ALL FROM whole)  -- what another list tells of instead
)
SELECT until, lost.wallet, asset, sum(amount)
FROM lost ASOF JOIN taken ON lost.wallet = taken.wallet AND time <= until
WHERE {_PASSED}
GROUP BY ALL
"""


@contextmanager
def books(lake: Lake) -> Iterator[Books]:
    """The books of a lake."""
    with empty_session() as connection:
        tables = Tables(connection)
        for dataset in DATASETS.values():
            tables.insert(dataset, lake.table(dataset).scan())
        tables.ready()
        with sql.connect(lake) as stored:
            connection.register("known", sql.run(stored, "FROM bounds"))
        connection.execute("INSERT INTO bounds BY NAME FROM known")
        for table in ("whole", "told"):
            connection.execute(f"CREATE TABLE {table} AS FROM ledger")
        connection.execute("CREATE OR REPLACE VIEW ledger AS FROM told")  # made anew only where a row is taken away
        yield Books(connection)
