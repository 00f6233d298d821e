"""The weight budget, in virtual minutes: what is spent, by whom, and that the exchange never has to refuse."""

import asyncio
import heapq
import os
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.binance.budget import Budget, Minute, default_path, sqlite_problems
from connectors.binance.errors import Banned, Firewalled, Throttled
from connectors.binance.pools import SPOT, Pool, sapi_by_ip, sapi_by_uid
from schemas.model.errors import Problem

START_S = 1_789_999_980.0  # the first second of a minute
LIMIT, SHARE = SPOT.limit, 0.9
USABLE = int(LIMIT * SHARE)


class VirtualTime:
    """Time that moves to the next sleeper as soon as nobody has anything left to do."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s
        self._sleepers: list[tuple[float, int, asyncio.Future]] = []
        self._count = 0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, self._count, done))
        await done

    async def run(self, *tasks: object) -> None:
        """Run these to the end."""
        running = asyncio.gather(*tasks)
        while not running.done():
            for _ in range(6):  # as many steps as a wake-up takes to reach the next sleep
                await asyncio.sleep(0)
            if self._sleepers and not running.done():
                self.now_s, _, done = heapq.heappop(self._sleepers)
                done.set_result(None)
        await running


@dataclass
class Ledger:
    """The exchange's side: weight by UTC minute of its own clock; refusals of ours are counted."""

    time: VirtualTime
    limit: int = LIMIT
    spent: Counter = field(default_factory=Counter)
    refused: int = 0
    instants: list[tuple[float, int]] = field(default_factory=list)

    def charge(self, weight: int, *, ours: bool = True) -> int:
        minute = int(self.time() // 60)
        self.spent[minute] += weight
        self.refused += ours and self.spent[minute] > self.limit
        self.instants.append((self.time(), weight))
        return self.spent[minute]


async def work(budget, time, exchange, *, until_s, weight=2, latency_s=0.0, offset_s=0.0):
    """One connection that asks as fast as it may."""
    while time() < until_s:
        await budget.spend(SPOT, weight)
        if time() >= until_s:
            return
        asked_s = time() + offset_s
        await time.sleep(latency_s / 2)
        used = exchange.charge(weight)
        await time.sleep(latency_s / 2)
        budget.correct(SPOT, used, asked_s)


def open_budget(path, time, offset_s=0.0, share=SHARE) -> Budget:
    return Budget(path / "budget.sqlite", "live", share, clock=lambda: time() + offset_s, sleep=time.sleep)


@pytest.mark.parametrize("processes", [1, 4])
async def test_a_full_minute_is_used_up_and_never_exceeded(tmp_path, processes):
    """One process, and four that know each other only through the file, spend at least 95 % and are never refused."""
    time = VirtualTime()
    exchange = Ledger(time)
    budgets = [open_budget(tmp_path, time) for _ in range(processes)]
    until_s = START_S + 120
    await time.run(
        *(work(b, time, exchange, until_s=until_s, weight=5, latency_s=0.15) for b in budgets for _ in range(20))
    )
    full = [exchange.spent[int(START_S // 60) + n] for n in range(2)]
    assert exchange.refused == 0
    assert all(0.95 * USABLE <= spent <= LIMIT for spent in full), full


@pytest.mark.soak
@settings(max_examples=12, deadline=None)
@given(
    latencies=st.lists(st.floats(0.005, 0.8), min_size=1, max_size=3),
    offsets=st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=3),
    weight=st.sampled_from([5, 20, 80]),
    begin=st.floats(0, 60),
    others=st.integers(0, 40),
)
def test_no_mix_of_processes_latencies_and_clocks_is_refused(
    tmp_path_factory, latencies, offsets, weight, begin, others
):
    """Clocks that agree to a fifth of a second, slow answers, and another program on the address: no 429."""
    time = VirtualTime(START_S + begin)
    exchange, until_s = Ledger(time), START_S + 130

    async def other_program() -> None:
        while time() < until_s:
            exchange.charge(others, ours=False)
            await time.sleep(1)

    async def everybody() -> None:
        path = tmp_path_factory.mktemp("budget")
        everyone = [other_program()] if others else []
        for latency_s, offset_s in zip(latencies, offsets, strict=False):
            budget = open_budget(path, time, offset_s)
            everyone += [
                work(budget, time, exchange, until_s=until_s, weight=weight, latency_s=latency_s, offset_s=offset_s)
                for _ in range(10)
            ]
        await time.run(*everyone)

    asyncio.run(everybody())
    assert exchange.refused == 0


async def test_spending_is_paced(tmp_path):
    """Beyond the first tenth of a minute's budget, nothing goes faster than 1.5 times an even pace."""
    time = VirtualTime(START_S + 41)  # late in a minute: catching up would be a burst
    exchange = Ledger(time)
    budget = open_budget(tmp_path, time)
    await time.run(*(work(budget, time, exchange, until_s=START_S + 120) for _ in range(20)))
    for begin_s, _ in exchange.instants[::50]:
        for span_s in (1, 5, 20):
            within = sum(weight for at_s, weight in exchange.instants if begin_s <= at_s < begin_s + span_s)
            assert within <= 0.1 * USABLE + 1.5 * USABLE / 60 * span_s + 2


async def test_a_few_requests_do_not_crawl(tmp_path):
    """The first tenth of a minute's budget goes at once."""
    time = VirtualTime()
    budget = open_budget(tmp_path, time)
    await time.run(*(budget.spend(SPOT, 20) for _ in range(27)))
    assert time() == START_S


async def test_an_unlimited_exchange_does_not_pace(tmp_path):
    """Where exchangeInfo prints a huge limit, nobody waits."""
    time = VirtualTime()
    budget = open_budget(tmp_path, time)
    budget.learn(SPOT, 2_000_000_000)
    await time.run(*(budget.spend(SPOT, 80) for _ in range(10_000)))
    assert time() == START_S


async def test_a_learned_limit_counts_for_all(tmp_path):
    """What one process learns from exchangeInfo, the others keep to."""
    time = VirtualTime()
    one, other = open_budget(tmp_path, time), open_budget(tmp_path, time)
    one.learn(SPOT, 1200)
    assert (other.state(SPOT).limit, other.state(SPOT).usable) == (1200, 1080)


async def test_the_share_is_kept(tmp_path):
    """Who gives binlake half the budget spends half of it."""
    time = VirtualTime()
    exchange = Ledger(time)
    budget = open_budget(tmp_path, time, share=0.5)
    await time.run(*(work(budget, time, exchange, until_s=START_S + 60) for _ in range(20)))
    assert 0.95 * LIMIT / 2 <= exchange.spent[int(START_S // 60)] <= LIMIT / 2


async def test_the_exchange_is_believed_when_it_counted_more(tmp_path):
    """The header raises what is spent, in all processes; it never lowers it."""
    time = VirtualTime(START_S + 5)
    one, other = open_budget(tmp_path, time), open_budget(tmp_path, time)
    await one.spend(SPOT, 10)
    one.correct(SPOT, 4000, time())
    other.correct(SPOT, 17, time())
    await other.spend(SPOT, 2)
    assert one.state(SPOT).used == other.state(SPOT).used == 4002


async def test_a_header_of_the_last_minute_does_not_count_for_this_one(tmp_path):
    """An answer that crosses the minute tells of a window that is over."""
    time = VirtualTime(START_S + 59)
    budget = open_budget(tmp_path, time)
    await budget.spend(SPOT, 2)
    asked_s, time.now_s = time(), START_S + 61
    budget.correct(SPOT, 5400, asked_s)
    assert budget.state(SPOT).used == 0


async def test_a_request_above_the_budget_goes_alone(tmp_path):
    """A call that weighs more than the usable budget waits for an untouched minute instead of for ever."""
    time = VirtualTime(START_S + 1)
    budget = open_budget(tmp_path, time, share=0.01)
    await budget.spend(SPOT, 1)
    await time.run(budget.spend(SPOT, 80))
    assert START_S + 60 <= time() < START_S + 62


async def test_a_spent_budget_says_why_it_waits(tmp_path):
    """Progress can say what is used and why nothing moves."""
    time = VirtualTime(START_S + 1)
    budget = open_budget(tmp_path, time)
    budget.correct(SPOT, 5399, time())
    waiting = asyncio.ensure_future(budget.spend(SPOT, 2))
    await asyncio.sleep(0)
    state = budget.state(SPOT)
    assert (state.used, state.usable, state.waiting) == (5399, USABLE, "this minute's budget is spent")
    await time.run(waiting)
    assert time() >= START_S + 60
    assert budget.state(SPOT).waiting is None


@pytest.mark.parametrize("kind", [Throttled, Banned, Firewalled])
async def test_a_block_holds_in_every_process_and_after_a_restart(tmp_path, kind):
    """A throttle, a short ban and the end of a firewall's block are waited out by whoever opens the file."""
    time = VirtualTime()
    with open_budget(tmp_path, time) as budget:
        budget.block(SPOT, START_S + 100, 100, kind)
    with open_budget(tmp_path, time) as budget:
        assert budget.state(SPOT).blocked_until == START_S + 100
        await time.run(budget.spend(SPOT, 1))
    assert time() == START_S + 100


async def test_a_throttle_of_minutes_is_waited_out(tmp_path):
    """The longest window of the exchange's own limits is five minutes."""
    time = VirtualTime()
    budget = open_budget(tmp_path, time)
    budget.block(SPOT, START_S + 300, 300)
    await time.run(budget.spend(SPOT, 1))
    assert time() == START_S + 300


@pytest.mark.parametrize(("kind", "exit_code"), [(Throttled, 75), (Banned, 75), (Firewalled, 4)])
async def test_what_lasts_long_is_told_by_every_process(tmp_path, kind, exit_code):
    """Nobody wants to watch a program wait for hours, whatever the exchange told whichever process."""
    time = VirtualTime()
    with open_budget(tmp_path, time) as budget:
        budget.block(SPOT, START_S + 3600, 3600, kind)
    with open_budget(tmp_path, time) as budget, pytest.raises(kind, match="UTC") as told:
        await budget.spend(SPOT, 1)
    assert (told.value.until_ms, told.value.exit_code) == ((START_S + 3600) * 1000, exit_code)


@pytest.mark.parametrize("limit", [0, -1, -(10**30), 10**13, 10**30])
async def test_a_limit_that_cannot_be_one_is_not_believed(tmp_path, limit):
    """Neither nothing nor what no file could hold is taken over."""
    budget = open_budget(tmp_path, VirtualTime())
    budget.learn(SPOT, limit)
    assert budget.state(SPOT).limit == SPOT.limit


@pytest.mark.parametrize("kind", [Banned, Firewalled])
async def test_a_throttle_closes_its_pool_a_ban_closes_all(tmp_path, kind):
    """Pools do not draw on one another; a ban and the firewall are of the address."""
    time, wallet = VirtualTime(), sapi_by_uid("/sapi/v1/x")
    budget = open_budget(tmp_path, time)
    budget.block(SPOT, START_S + 50, 50)
    await time.run(budget.spend(wallet, 1))
    assert time() == START_S
    budget.block(SPOT, START_S + 90, 90, kind)
    await time.run(budget.spend(wallet, 1))
    assert time() == START_S + 90


async def test_a_shorter_block_does_not_shorten_a_longer_one(tmp_path):
    """The latest deadline counts."""
    time = VirtualTime()
    budget = open_budget(tmp_path, time)
    budget.block(SPOT, START_S + 100, 100)
    budget.block(SPOT, START_S + 10, 10)
    assert budget.state(SPOT).blocked_until == START_S + 100


async def test_environments_and_pools_are_apart(tmp_path):
    """Testnet spends nothing of live."""
    time = VirtualTime()
    live = open_budget(tmp_path, time)
    test = Budget(tmp_path / "budget.sqlite", "testnet", clock=time, sleep=time.sleep)
    await live.spend(SPOT, 7)
    assert (live.state(SPOT).used, test.state(SPOT).used) == (7, 0)
    assert live.state(sapi_by_ip("/sapi/v1/x")).used == 0


async def test_a_process_with_a_wrong_clock_harms_nobody(tmp_path):
    """Before it knows the exchange's time, a machine a day ahead neither stalls nor frees the others."""
    time = VirtualTime()
    budget, ahead = open_budget(tmp_path, time), open_budget(tmp_path, time, offset_s=86_000)
    await budget.spend(SPOT, 100)
    await ahead.spend(SPOT, 500)
    await budget.spend(SPOT, 1)
    assert time() == START_S
    assert budget.state(SPOT).used == 101


def test_a_minute_decides_without_a_clock_of_its_own():
    """The decision is arithmetic: full minute, pace, or go."""
    begin = Minute(START_S + 10, usable=5400)
    assert begin.delay(2) == (0.0, "")
    full = Minute(START_S + 10, usable=5400, used=5399)
    assert full.delay(2)[0] == pytest.approx(50.25)
    ahead = Minute(START_S + 10, usable=5400, used=10, ahead_s=5)
    assert ahead.delay(2) == (pytest.approx(1.0), "even pace")


def test_the_file_is_the_owners(tmp_path):
    """What a user asks is nobody else's business."""
    path = tmp_path / "state" / "binlake" / "budget.sqlite"
    with Budget(path, "live"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for companion in path.parent.iterdir():
            assert stat.S_IMODE(companion.stat().st_mode) == 0o600


def test_the_default_place_is_the_users_state(monkeypatch, tmp_path):
    """The usual variable decides where state lies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "binlake" / "budget.sqlite"
    for elsewhere in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", elsewhere)
        assert default_path() == Path.home() / ".local" / "state" / "binlake" / "budget.sqlite"


def test_a_damaged_file_is_named(tmp_path):
    """One sentence names the file and the way out."""
    path = tmp_path / "budget.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Problem, match="Delete it") as problem:
        Budget(path, "live")
    assert str(path) in str(problem.value)


async def test_a_held_file_does_not_stop_the_event_loop(tmp_path):
    """While another process holds the file, spending waits and everything else goes on."""
    time = VirtualTime()
    budget = open_budget(tmp_path, time)
    holder = sqlite3.connect(tmp_path / "budget.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    spending = asyncio.ensure_future(budget.spend(SPOT, 1))
    await asyncio.sleep(0)
    assert budget.state(SPOT).waiting == "another process holds the budget file"
    holder.execute("ROLLBACK")
    holder.close()
    await time.run(spending)
    assert budget.state(SPOT).used == 1


def test_processes_that_open_and_spend_at_once_lose_nothing(tmp_path):
    """Eight real processes create the file together and spend; every unit of weight is counted."""
    script = f"""
import asyncio, pathlib
from connectors.binance.budget import sqlite_problems, Budget
from connectors.binance.pools import SPOT
async def main():
    with Budget(pathlib.Path({str(tmp_path / "budget.sqlite")!r}), "live", clock=lambda: {START_S}) as budget:
        budget.learn(SPOT, 10**9)
        for _ in range(200):
            await budget.spend(SPOT, 3)
asyncio.run(main())
"""
    running = [subprocess.Popen([sys.executable, "-c", script], env=os.environ) for _ in range(8)]
    assert [process.wait(60) for process in running] == [0] * 8
    with Budget(tmp_path / "budget.sqlite", "live", clock=lambda: START_S) as budget:
        assert budget.state(SPOT).used == 8 * 200 * 3


def test_pools_name_their_header():
    """Each pool knows which header counts it."""
    assert {pool.header for pool in (SPOT, sapi_by_ip("/x"), sapi_by_uid("/x"))} == {
        "X-MBX-USED-WEIGHT-1M",
        "X-SAPI-USED-IP-WEIGHT-1M",
        "X-SAPI-USED-UID-WEIGHT-1M",
    }
    assert isinstance(SPOT, Pool)


# Two clocks: minutes are the exchange's, what lasts is measured on our own.


@pytest.mark.parametrize("ahead_s", [20.0, 70.0, -20.0, -3600.0])
async def test_learning_the_exchanges_time_makes_nobody_wait(tmp_path, ahead_s):
    """What was spent by our own clock, before the exchange told the time, does not hold up what comes after."""
    time = VirtualTime(START_S + 40)
    budget = Budget(tmp_path / "budget.sqlite", "live", SHARE, clock=time, sleep=time.sleep)
    await budget.spend(SPOT, 1)
    budget.follow("spot", lambda: time() - ahead_s)
    for _ in range(10):
        await budget.spend(SPOT, 20)
    assert time() == START_S + 40


@pytest.mark.parametrize("ahead_s", [86_400.0, -86_400.0])
async def test_a_ban_lasts_as_long_on_a_machine_whose_clock_is_wrong(tmp_path, ahead_s):
    """A ban of an hour is over after an hour, however far our clock is off; what is told is the exchange's instant."""
    time = VirtualTime()
    with open_budget(tmp_path, time, offset_s=ahead_s) as budget:
        budget.block(SPOT, START_S + 3600, 3600, Banned)
    time.now_s += 3599
    with open_budget(tmp_path, time, offset_s=ahead_s) as budget:
        assert budget.state(SPOT).blocked_until == START_S + 3600
        time.now_s += 2
        assert budget.state(SPOT).blocked_until is None


async def test_a_clock_set_back_makes_no_ban_endless(tmp_path):
    """When the machine's clock is set back by a year, a ban lasts no longer than it was told to."""
    time, year_s = VirtualTime(), 365 * 86_400
    with open_budget(tmp_path, time, offset_s=year_s) as budget:
        budget.block(SPOT, START_S + 3600, 3600, Banned)
    with open_budget(tmp_path, time) as budget:
        time.now_s += 3599
        assert budget.state(SPOT).blocked_until is not None
    time.now_s += 2
    with open_budget(tmp_path, time) as budget:
        assert budget.state(SPOT).blocked_until is None


def test_a_full_disk_is_told_to_be_freed(tmp_path):
    """A budget file that cannot grow is full, not broken: deleting it would forget what was used."""
    path = tmp_path / "budget.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.execute("PRAGMA max_page_count = 2")
    with pytest.raises(Problem, match=r"full.*Free some space there"), sqlite_problems(path):
        db.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    db.close()


def test_a_budget_file_that_cannot_be_written_is_told_another_place(tmp_path):
    """A file that may only be read, or a place where none can be made, is not told to be deleted."""
    path = tmp_path / "budget.sqlite"
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    with pytest.raises(Problem, match=r"readonly.*XDG_STATE_HOME"), sqlite_problems(path):
        db.execute("INSERT INTO t VALUES (1)")
    db.close()
    with pytest.raises(Problem, match=r"Not a directory.*XDG_STATE_HOME"):
        Budget(path / "deeper" / "budget.sqlite", "live")


async def test_what_was_sent_is_known_to_all_and_for_as_long_as_it_may_count(tmp_path):
    """All processes see what each sent of a pool in the last 90 seconds, whatever the exchange counted besides."""
    time = VirtualTime()
    ours, other = (Budget(tmp_path / "budget.sqlite", "live", clock=time, sleep=time.sleep) for _ in range(2))
    await ours.spend(SPOT, 20)
    await other.spend(SPOT, 5)
    ours.correct(SPOT, 400, time())
    assert (ours.sent(SPOT), other.sent(SPOT), ours.sent(sapi_by_ip("/a"))) == (25, 25, 0)
    time.now_s += 89
    await ours.spend(SPOT, 1)
    assert other.sent(SPOT) == 26
    time.now_s += 2
    assert other.sent(SPOT) == 1
