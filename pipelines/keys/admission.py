"""Whether a key does all that the flows of an account need, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.endpoints.model import ById, Endpoint, Inside, Param, SymbolWindows, Windows
from connectors.binance.errors import Fact
from connectors.binance.key_guard import KeyFacts, check_key
from connectors.binance.keys import KeyPair
from connectors.binance.sites import resolve
from connectors.lake import Lake
from connectors.lake.lake import refuse_mixing
from pipelines.pull.absence import absent_since
from pipelines.pull.ledger_series import questions_of
from pipelines.pull.snapshot import fixed_series
from pipelines.runs.registry import units_of
from pipelines.trading.calls import calls_of
from schemas.config.flows import AccountFlow, FlowsFile
from schemas.model.errors import AccessRefused

_ANY_SYMBOL = "BTCUSDT"  # what is asked about it may be empty, but not forbidden
_HOUR_MS = 3_600_000


@asynccontextmanager
async def reached(config: FlowsFile, keys: KeyPair, state: Path | None = None) -> AsyncIterator[Client]:
    """The exchange of a file, with a key."""
    site = resolve(config.exchange)
    with Budget(state or default_path(), site.environment, share=config.budget) as budget:
        async with Client(site, budget, keys) as client:
            yield client


async def admitted(client: Client, config: FlowsFile, name: str, before: KeyFacts | None) -> KeyFacts:
    """The facts of a key that may be used for an account: it reads all that its flows need, and moves nothing.

    A key that takes the place of another has its uid, and may do no more than that one.
    """
    facts = await check_key(client, config.accounts[name].allow)
    if before is not None:
        _refuse_more(facts, before)
        if before.ip_restricted and not facts.ip_restricted:  # no permission, so it is not refused
            forgotten = "The old key worked only from the addresses on its list."
            facts = replace(facts, warnings=(*facts.warnings, forgotten))
    if (lake := lake_of(config)) is not None:
        refuse_mixing(lake.accounts, name, facts.uid)
    now_ms = client.now_us() // 1000
    for endpoint, params in needed(config, name, now_ms, lake).items():
        with suppress(Fact):  # an answer about what was asked for: the key was accepted
            await client.body(endpoint, **params)
    return facts


def lake_of(config: FlowsFile) -> Lake | None:
    """The lake of a file, if there is one yet."""
    if not (config.lake / "lake.json").exists():
        return None
    return Lake.at(config.lake).of(resolve(config.exchange).environment)


def _refuse_more(facts: KeyFacts, before: KeyFacts) -> None:
    if facts.uid != before.uid:
        raise AccessRefused(
            f"The new key belongs to exchange account {facts.uid}, the old one to {before.uid}.",
            "Make the new key in the account of the old one.",
        )
    if more := sorted(facts.permissions - before.permissions):
        raise AccessRefused(
            f"The new key has permissions that the old one has not: {', '.join(more)}.",
            "Switch them off on the exchange, and run the same command again.",
        )


def needed(
    config: FlowsFile, name: str, now_ms: int, lake: Lake | None = None
) -> Mapping[Endpoint, Mapping[str, Param]]:
    """A small call to each endpoint that the flows of an account read, where the lake knows of no absence."""
    asked: dict[Endpoint, Mapping[str, Param]] = {}
    for flow_name, flow in config.flows.items():
        if isinstance(flow, AccountFlow) and flow.account == name:
            symbol = flow.symbols[0] if isinstance(flow.symbols, tuple) else _ANY_SYMBOL
            for unit in units_of(flow_name, flow):
                for endpoint in unit.endpoints if unit.account is not None else ():
                    if lake is None or not _is_absent(lake, endpoint, name):
                        asked |= dict(_calls(endpoint, symbol, now_ms))
    return asked


def _is_absent(lake: Lake, endpoint: Endpoint, account: str) -> bool:
    """Whether the exchange said of all that a call reads that the account, or its last key, has nothing of it."""
    read: Endpoint | None = endpoint
    if isinstance(endpoint.walk, ById | SymbolWindows):
        read = calls_of(endpoint.market).wallet
    if read is None:
        return False
    windows = isinstance(read.walk, Windows)
    series = [*questions_of(lake, read, account)] if windows else fixed_series(read, {"account": account})
    bounds = lake.table(read.feeds).bounds()
    return bool(series) and all(absent_since(one, bounds) is not None for one in series)


def _calls(endpoint: Endpoint, symbol: str, now_ms: int) -> Iterator[tuple[Endpoint, Mapping[str, Param]]]:
    match endpoint.walk:
        case Windows() as walk:
            if not all(fan_out.values for fan_out in walk.fan_out):
                return  # of pairs, which a key says nothing of
            yield endpoint, _last_hour(endpoint, walk, now_ms)
        case ById() | SymbolWindows():
            calls = calls_of(endpoint.market)
            if calls.named_only:
                return
            for each in filter(None, (endpoint, calls.order_lists, calls.allocations)):
                yield each, {"limit": 1} if each is calls.order_lists else {"symbol": symbol, "limit": 1}
            yield calls.open_orders, {"symbol": symbol}
            yield calls.order, {"symbol": symbol, "orderId": 1}
            if calls.prevented_matches is not None:
                yield calls.prevented_matches, {"symbol": symbol, "preventedMatchId": 1}
        case _:
            yield endpoint, {}


def _last_hour(endpoint: Endpoint, walk: Windows, now_ms: int) -> dict[str, Param]:
    params: dict[str, Param] = {walk.start: now_ms - _HOUR_MS, walk.end: now_ms}
    if walk.limit is not None:
        params[walk.limit] = endpoint.page_limit
    if walk.inside is Inside.PAGES:
        params[walk.page] = 1
    fan_outs = {fan_out.param: next(iter(fan_out.values.values())) for fan_out in walk.fan_out}
    return {**params, **walk.fixed, **fan_outs}
