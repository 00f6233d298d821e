"""The same candles fetched into memory by other clients, each in a process of its own.

Each is given its best case: what it needs to know is loaded before the clock starts, and all it may do at once it
does at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import ccxt.async_support as ccxt
from binance.async_client import AsyncClient

MINUTE_MS = 60_000
PAGE = 1000

Fetched = tuple[float, int]


async def ccxt_async(url: str, symbols: Sequence[str], since_ms: int, pages: int, *, limiter: bool) -> Fetched:
    """Every page as one task; with its limiter off nothing paces them but the number of connections."""
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False}
    async with ccxt.binance({"enableRateLimit": limiter, "options": options}) as exchange:
        api = exchange.urls["api"]
        api |= dict.fromkeys(("public", "private"), f"{url}/api/v3") | {"v1": f"{url}/api/v1"}
        await exchange.load_markets()
        names = [exchange.markets_by_id[symbol][0]["symbol"] for symbol in symbols]
        starts = [since_ms + page * PAGE * MINUTE_MS for page in range(pages)]
        began = time.perf_counter()
        asked = [exchange.fetch_ohlcv(name, "1m", start, PAGE) for start in starts for name in names]
        answers = await asyncio.gather(*asked)
        return time.perf_counter() - began, sum(map(len, answers))


async def python_binance(url: str, symbols: Sequence[str], since_ms: int, pages: int) -> Fetched:
    """Its own helper for history, all symbols at once; it sleeps a second after every third page."""
    AsyncClient.API_URL = f"{url}/api"
    client = AsyncClient()
    until_ms = since_ms + pages * PAGE * MINUTE_MS - 1
    try:
        began = time.perf_counter()
        asked = [client.get_historical_klines(symbol, "1m", since_ms, until_ms) for symbol in symbols]
        answers = await asyncio.gather(*asked)
        return time.perf_counter() - began, sum(map(len, answers))
    finally:
        await client.close_connection()


PEERS: dict[str, Callable[..., Awaitable[Fetched]]] = {
    "ccxt": lambda *asked: ccxt_async(*asked, limiter=True),
    "ccxt-unlimited": lambda *asked: ccxt_async(*asked, limiter=False),
    "python-binance": python_binance,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("url")
    parser.add_argument("since_ms", type=int)
    parser.add_argument("pages", type=int, help="of 1,000 candles, a symbol")
    parser.add_argument("symbols", nargs="+")
    options: Any = parser.parse_args()
    wall_s, rows = asyncio.run(PEERS[options.peer](options.url, options.symbols, options.since_ms, options.pages))
    print(json.dumps({"wall_s": wall_s, "rows": rows}))


if __name__ == "__main__":
    main()
