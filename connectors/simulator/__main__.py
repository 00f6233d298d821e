"""`python -m connectors.simulator`: the exchange as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.simulator.account.cashflow.life import Cashflow
from connectors.simulator.account.trader import Life
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol.limits import Limits
from connectors.simulator.server import serve

DEFAULT_PORT = 8390
# The published key of Binance's own documentation; it opens nothing but this simulator.
DEMO_UID = 354937868
DEMO_API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
DEMO_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
_TRADED = {"BTCUSDT": 20, "ETHUSDT": 12, "BNBUSDT": 8}
_LOOK_S = 0.5


def main(argv: Sequence[str], greet: Callable[[str], None] = lambda _: None) -> int:
    """Serve until a signal, until the parent process is gone, or for --max-seconds; prints the address.

    `greet` is told the address as soon as it answers.
    """
    options = _parser().parse_args(argv)
    asyncio.run(_run(_exchange(options), options.port, options.max_seconds, greet))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description="An exchange on 127.0.0.1, offline.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same market")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="every answer waits so long")
    parser.add_argument("--no-limits", action="store_true", help="never answer 429 or 418")
    parser.add_argument("--weight-limit", type=int, default=Limits.weight, help="request weight a minute")
    parser.add_argument("--symbols", type=int, default=0, help="so many more symbols")
    parser.add_argument("--archive", type=Path, help="serve the archive files of this folder (data/...) too")
    parser.add_argument(
        "--demo-account",
        type=int,
        nargs="?",
        const=0,
        metavar="DAYS",
        help="an account with a past of years, or of so many days, under the documentation's HMAC key",
    )
    parser.add_argument("--max-seconds", type=float, default=None, help="stop by itself")
    return parser


def _exchange(options: argparse.Namespace) -> Exchange:
    exchange = Exchange(
        seed=options.seed,
        extra_symbols=options.symbols,
        limits=Limits(enforced=not options.no_limits, weight=options.weight_limit),
        latency_s=options.latency_ms / 1000,
    )
    if options.archive:
        exchange.replay_archive(options.archive)
    if options.demo_account is not None:
        add_demo_account(exchange, options.demo_account)
    return exchange


def add_demo_account(exchange: Exchange, days: int = 0) -> None:
    """An account with years of past; or one with so many days, all of which the exchange still tells of."""
    money, orders = Cashflow(), Life()
    if days:
        since_ms = (exchange.now_ms // DAY_MS - days) * DAY_MS
        money, orders = Cashflow(since_ms, busy=4), Life(since_ms, traded=_TRADED, watched={})
    exchange.add_account(DEMO_UID, DEMO_API_KEY, secret=DEMO_SECRET, money=money, orders=orders)


async def _run(exchange: Exchange, port: int, max_seconds: float | None, greet: Callable[[str], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if max_seconds is not None:
        loop.call_later(max_seconds, stopped.set)
    async with serve(exchange, port) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        greet(url)
        await _stopped_or_orphaned(stopped)


async def _stopped_or_orphaned(stopped: asyncio.Event) -> None:
    parent = os.getppid()
    while not stopped.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(stopped.wait(), _LOOK_S)
        except TimeoutError:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
