"""The weight budget: how much may be asked now, shared by all processes of this user through one SQLite file.

The exchange counts weight in fixed minutes of its own clock and answers 429, then a ban, to whoever exceeds.
So spending is counted in the same minutes, corrected upwards by the used-weight headers (others may share the
address), held under a share of the limit, and paced, since bursts invite the exchange's firewall.

Minutes are the exchange's. Whatever lasts, the pace and a ban, is measured on this machine's own clocks: the
exchange's time is not known before it was asked, and the difference of two clocks is no duration.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from connectors.binance.clock import steady_clock
from connectors.binance.errors import Banned, BinanceError, Firewalled, Throttled
from connectors.binance.pools import Pool
from schemas.model.errors import Problem, TryLater
from schemas.model.instants import utc_text

WINDOW_S = 60.0
GUARD_S = 0.25  # our minute begins this much after the exchange's: clocks agree no better than that
HASTE = 1.5  # never faster than this times the pace that would just use the minute up
BURST = 0.10  # so much of a minute may go at once: a run of a few requests should not crawl
_BUSY_S = 0.05  # how long the event loop may stand still for the file
_PATIENT_S = 10.0  # and how long when what is to be written is rare and must not be lost
_SOON_S = 0.002
_LOOK_AGAIN_S = 1.0
_KEPT_MINUTES = 24 * 60
_EVERY_POOL = "*"
_PRIMARY = 0xFF  # of an extended error code of SQLite, the part that says what kind it is
_FREE_SPACE = "Free some space there."
_OTHER_PLACE = "Make its folder writable, or set XDG_STATE_HOME to one that is."
_ONE_MINUTES_S = 90  # what the exchange counts in one minute was sent within so long: an answer takes 30 s at most
_LARGEST_LIMIT = 10**12  # what an exchange without limits may print, and what the file can hold

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    pool TEXT, minute INTEGER, used INTEGER, paced_to_s REAL, PRIMARY KEY (pool, minute)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (
    pool TEXT, second INTEGER, weight INTEGER, PRIMARY KEY (pool, second)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS limits (pool TEXT PRIMARY KEY, weight INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS closed (
    pool TEXT PRIMARY KEY, until_s REAL, banned INTEGER, from_s REAL, lasts_s REAL) WITHOUT ROWID;
"""
_SPENT = "SELECT minute, used, paced_to_s FROM spent WHERE pool = ? AND minute IN (?, ?)"
_BLOCKS = "SELECT until_s, banned, from_s, lasts_s FROM closed WHERE pool IN (?, ?)"
_CLOCK_SET_BACK = "UPDATE closed SET from_s = :now_s WHERE from_s > :now_s"  # else it would last till then
_FORGET = "DELETE FROM spent WHERE pool = :pool AND minute < :minute - :kept"
_CHARGE = """
INSERT INTO spent VALUES (:pool, :minute, :weight, :paced_to_s)
ON CONFLICT DO UPDATE SET used = used + excluded.used, paced_to_s = excluded.paced_to_s
"""
_SEND = """
INSERT INTO sent VALUES (:pool, :second, :weight) ON CONFLICT DO UPDATE SET weight = weight + excluded.weight
"""
_FORGET_SENT = "DELETE FROM sent WHERE pool = :pool AND second NOT BETWEEN :second - :kept AND :second"
_SENT = "SELECT coalesce(sum(weight), 0) FROM sent WHERE pool = ? AND second BETWEEN ? AND ?"
_CORRECT = """
INSERT INTO spent VALUES (:pool, :minute, :used, 0)
ON CONFLICT DO UPDATE SET used = max(used, excluded.used)
"""
_BLOCK = """
INSERT INTO closed VALUES (:pool, :until_s, :banned, :from_s, :lasts_s)
ON CONFLICT DO UPDATE SET until_s = excluded.until_s, banned = excluded.banned,
                          from_s = excluded.from_s, lasts_s = excluded.lasts_s
WHERE excluded.from_s + excluded.lasts_s > from_s + lasts_s
"""


@dataclass(frozen=True, slots=True)
class Closure:
    """A reason to send nothing for a while, what it means for who comes later, and how long it is waited out."""

    kind: type[BinanceError]
    shown: str
    why: str
    way_out: str
    patience_s: float  # what lasts longer is told


# The file has a closure by its place here.
CLOSURES = (
    Closure(
        Throttled, "throttled", "The exchange wants no requests from this address", "Run again then.", patience_s=600.0
    ),
    Closure(
        Banned,
        "banned",
        "The exchange has banned this address",
        "Run again then; asking earlier makes a ban longer.",
        patience_s=120.0,
    ),
    Closure(
        Firewalled,
        "blocked by the exchange's firewall",
        "The exchange's firewall blocks this address; binlake pauses",
        "Run again then; ask less often, and from no data-centre address.",
        patience_s=120.0,
    ),
)


@dataclass(frozen=True, slots=True)
class PoolState:
    """How a pool stands this minute, and why somebody waits, if so."""

    used: int
    limit: int
    usable: int
    blocked_until: float | None
    waiting: str | None


@dataclass(frozen=True, slots=True)
class Minute:
    """One pool in one minute of the exchange's clock. Pure: decides, but spends nothing."""

    now_s: float
    usable: int
    used: int = 0
    ahead_s: float = 0.0  # of an even, hasty spender

    def delay(self, weight: int) -> tuple[float, str]:
        """How long to wait before spending, and why; (0, "") when it may be spent now."""
        if self.used and self.used + weight > self.usable:
            return self.end_s - self.now_s, "this minute's budget is spent"
        wait_s = self.ahead_s - BURST * WINDOW_S / HASTE
        return (wait_s, "even pace") if wait_s > 0 else (0.0, "")

    def ahead_after(self, weight: int) -> float:
        """How far ahead spending this too would be."""
        return self.ahead_s + weight * WINDOW_S / (HASTE * self.usable)

    @property
    def end_s(self) -> float:
        return (_minute(self.now_s) + 1) * WINDOW_S + GUARD_S


class Budget:
    """Spending of one environment. Many processes and many clients may share one file."""

    def __init__(
        self,
        path: Path,
        environment: str,
        share: float = 0.9,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._path = path
        self._environment = environment
        self._share = share
        self._own_s = clock or steady_clock  # lasts over a restart of the machine
        self._even_s = clock or time.monotonic  # the same for all processes, whoever sets the wall clock
        self._clocks: dict[str, Callable[[], float]] = {}  # of the exchange, by family
        self._sleep = sleep
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: dict[str, str] = {}
        self._charged: dict[str, tuple[int, int]] = {}  # by pool the minute, and what it had at least
        self._db = _open(path, self._own_s())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def follow(self, family: str, clock: Callable[[], float]) -> None:
        """Count the minutes of a family's pools by this clock from now on: that of the host that serves it."""
        self._clocks[family] = clock

    async def spend(self, pool: Pool, weight: int) -> None:
        """Wait until the weight may be spent, and spend it. First come, first served within a process."""
        async with self._turns[pool.name]:
            try:
                while delay_s := self._try_spend(pool, weight):
                    await self._sleep(min(max(delay_s, _SOON_S), _LOOK_AGAIN_S))
            finally:
                self._waiting.pop(pool.name, None)

    def correct(self, pool: Pool, used: int, asked_s: float) -> None:
        """Believe the exchange when it counted more, if question and answer fall into the same minute."""
        minute = _minute(self._exchange_s(pool))
        if minute != _minute(asked_s) or self._knows(pool, minute, used):
            return
        with suppress(_HeldError), self._transaction() as db:  # the next answer tells again
            db.execute(_CORRECT, {"pool": self._key(pool.name), "minute": minute, "used": used})

    def _knows(self, pool: Pool, minute: int, used: int) -> bool:
        """Whether so much was counted already; mostly that is plain from the charge of the request."""
        charged = self._charged.get(pool.name)
        return (charged is not None and charged[0] == minute and used <= charged[1]) or used <= self._read(pool).used

    def sent(self, pool: Pool) -> int:
        """What all processes sent that the exchange may count in the minute of an answer that has just come, at most.

        Measured on the machine's even clock: when exactly the exchange's minute turned does not matter to it.
        """
        second = int(self._even_s())
        ((weight,),) = self._rows(_SENT, self._key(pool.name), second - _ONE_MINUTES_S, second)
        return int(weight)

    def learn(self, pool: Pool, limit: int) -> None:
        """Take over the limit that the exchange prints, unless it cannot be one."""
        if 0 < limit <= _LARGEST_LIMIT and limit != self._limit(pool):
            with self._transaction(_PATIENT_S) as db:
                db.execute("INSERT OR REPLACE INTO limits VALUES (?, ?)", (self._key(pool.name), limit))

    def block(self, pool: Pool, until_s: float, lasts_s: float, kind: type[BinanceError] = Throttled) -> None:
        """Let nobody spend for so long: until this instant of the exchange's. All but throttling closes every pool."""
        key = self._key(pool.name if kind is Throttled else _EVERY_POOL)
        row = {
            "pool": key,
            "until_s": until_s,
            "banned": [each.kind for each in CLOSURES].index(kind),
            "from_s": self._own_s(),
            "lasts_s": lasts_s,
        }
        with self._transaction(_PATIENT_S) as db:
            db.execute(_BLOCK, row)

    def state(self, pool: Pool) -> PoolState:
        """How the pool stands now, over all processes."""
        minute, limit = self._read(pool), self._limit(pool)
        left_s, until_s, _ = self._blocked(pool)
        blocked_until = until_s if left_s > 0 else None
        return PoolState(minute.used, limit, minute.usable, blocked_until, self._waiting.get(pool.name))

    def _try_spend(self, pool: Pool, weight: int) -> float:
        """Spend and return 0, or return for how long it is no use to ask again."""
        try:
            with self._transaction() as db:
                minute = self._read(pool)
                delay_s, reason = self._block_left(pool) or minute.delay(weight)
                if not delay_s:
                    self._charge(db, pool, minute, weight)
            if not delay_s:
                self._charged[pool.name] = _minute(minute.now_s), minute.used + weight
        except _HeldError:
            delay_s, reason = _BUSY_S, "another process holds the budget file"
        self._waiting[pool.name] = reason
        return delay_s

    def _charge(self, db: sqlite3.Connection, pool: Pool, minute: Minute, weight: int) -> None:
        row = {"pool": self._key(pool.name), "minute": _minute(minute.now_s)}
        if not minute.used:
            db.execute(_FORGET, {**row, "kept": _KEPT_MINUTES})
        now_s = self._even_s()
        db.execute(_CHARGE, {**row, "weight": weight, "paced_to_s": now_s + minute.ahead_after(weight)})
        sent = {"pool": row["pool"], "second": int(now_s)}
        db.execute(_FORGET_SENT, {**sent, "kept": _ONE_MINUTES_S})
        db.execute(_SEND, {**sent, "weight": weight})

    def _block_left(self, pool: Pool) -> tuple[float, str] | None:
        """How long the exchange wants to be left alone. What outlasts patience raises."""
        left_s, until_s, closure = self._blocked(pool)
        if left_s <= 0:
            return None
        until = utc_text(int(until_s * 1e6))
        if left_s > closure.patience_s:
            raise closure.kind(f"{closure.why} until {until}.", closure.way_out, until_ms=int(until_s * 1000))
        return left_s, f"{closure.shown} until {until}"

    def _read(self, pool: Pool) -> Minute:
        now_s = self._exchange_s(pool)
        number = _minute(now_s)
        rows = self._rows(_SPENT, self._key(pool.name), number - 1, number)
        used = sum(row[1] for row in rows if row[0] == number)
        usable = max(1, int(self._limit(pool) * self._share))
        ahead_s = max((row[2] - self._even_s() for row in rows), default=0.0)
        return Minute(now_s, usable, used, max(ahead_s, 0.0) if ahead_s <= WINDOW_S else 0.0)  # or clocks were set

    def _exchange_s(self, pool: Pool) -> float:
        """The exchange's time; our own until somebody knows it."""
        return self._clocks.get(pool.family, self._own_s)()

    def _limit(self, pool: Pool) -> int:
        rows = self._rows("SELECT weight FROM limits WHERE pool = ?", self._key(pool.name))
        return rows[0][0] if rows else pool.limit

    def _blocked(self, pool: Pool) -> tuple[float, float, Closure]:
        """How long the pool is still closed, until which instant of the exchange's, and by what."""
        rows = self._rows(_BLOCKS, self._key(pool.name), self._key(_EVERY_POOL))
        now_s = self._own_s()
        left = [(from_s + lasts_s - now_s, until_s, place) for until_s, place, from_s, lasts_s in rows]
        left_s, until_s, place = max(left, default=(0.0, 0.0, 0))
        return left_s, until_s, CLOSURES[place]

    def _rows(self, query: str, *values: str | int) -> list[Any]:
        with sqlite_problems(self._path):
            return self._db.execute(query, values).fetchall()

    def _key(self, pool_name: str) -> str:
        return f"{self._environment}/{pool_name}"

    @contextmanager
    def _transaction(self, patience_s: float = _BUSY_S) -> Iterator[sqlite3.Connection]:
        with sqlite_problems(self._path), self._db:  # the second one commits, or rolls back
            self._db.execute(f"PRAGMA busy_timeout = {round(patience_s * 1000)}")
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db


class _HeldError(TryLater):
    """Another process holds the budget file for longer than a transaction takes."""


def default_path() -> Path:
    """Where the user's state lies. A relative XDG_STATE_HOME is none: each process would mean another folder."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    state = named if named.is_absolute() else Path.home() / ".local" / "state"
    return state / "binlake" / "budget.sqlite"


def _minute(instant_s: float) -> int:
    return int((instant_s - GUARD_S) // WINDOW_S)


def _open(path: Path, now_s: float) -> sqlite3.Connection:
    with sqlite_problems(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(path, timeout=_PATIENT_S, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a commit waits for no disk
        db.executescript(_SCHEMA)
        db.execute(_CLOCK_SET_BACK, {"now_s": now_s})
        return db


@contextmanager
def sqlite_problems(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise _HeldError(f"Another process holds the budget file {path}.", "Try again.") from None
        full = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_FULL
        raise _unusable(path, error, _FREE_SPACE if full else _OTHER_PLACE) from None
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error, "Delete it; it is made again.") from None
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise _unusable(path, error, _FREE_SPACE if full else _OTHER_PLACE) from None


def _unusable(path: Path, error: Exception, way_out: str) -> Problem:
    return Problem(f"The budget file {path} cannot be used: {error}.", way_out)
