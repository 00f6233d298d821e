"""What could keep binlake from working here, looked at one by one: each finding with its fix."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from connectors.binance.archive.client import Archive
from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.endpoints import CLOCKS
from connectors.binance.key_guard import check_key
from connectors.binance.route import proxy_name
from connectors.binance.sites import Site, resolve
from connectors.lake import Lake
from connectors.lake.sql.session import connect
from pipelines.quality.key_checks import check_keys, told
from pipelines.service.server import apart, recorder
from pipelines.settings.credentials import key_of, unset_places
from pipelines.settings.loader import exposure, load
from pipelines.settings.markets import by_archive_alone, family_of
from schemas.config.accounts import Account
from schemas.config.flows import FlowsFile, MaintenanceFlow, MarketFlow
from schemas.model.errors import CorruptData, Problem, UsageProblem
from schemas.model.instants import utc_text

Level = Literal["ok", "warn", "fail"]

CLOCK_WARN_S = 1.0
DISK_WARN_BYTES = 5_000_000_000
DISK_FAIL_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it stands, and what to do about it."""

    what: str
    level: Level
    says: str
    fix: str = ""
    exit_code: int = 0

    @classmethod
    def of(cls, what: str, problem: Problem) -> Finding:
        return cls(what, "fail", problem.what, problem.way_out, problem.exit_code)


async def examine(path: Path, *, state: Path | None = None) -> AsyncIterator[Finding]:
    """Look at everything that the flows of a file need. `state` is the file of the shared weight budget."""
    try:
        config = load(path)
        site = resolve(config.exchange)
    except Problem as problem:
        yield Finding.of("flows.yaml", problem)
        return
    warning = exposure(path)
    says = f"{len(config.flows)} flows on {site.environment}"
    yield Finding("flows.yaml", "warn" if warning else "ok", says, warning)
    for finding in (_disk(config.lake), _lake(config.lake, site), await _prefect(path)):
        yield finding
    try:
        families = _families(config)
        if by_archive_alone(config):
            yield await _archive(site)
        with Budget(state or default_path(), site.environment, share=config.budget) as budget:
            if families:
                yield _budget(budget, families)
            for family in families:
                yield await _clock(site, family, budget)
            for name, account in config.accounts.items():
                yield await _key(name, account, site, budget)
    except Problem as problem:
        yield Finding.of("budget", problem)
    if config.accounts and (config.lake / "lake.json").exists():
        for finding in _key_use(config):
            yield finding


def _disk(lake: Path) -> Finding:
    folder = next(each for each in (lake, *lake.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    says, fix = f"{free / 1e9:.1f} GB free at {folder}", "Make room, or put the lake on another disk."
    if free < DISK_FAIL_BYTES:
        return Finding("disk", "fail", says, fix, exit_code=1)
    return Finding("disk", "warn", says, fix) if free < DISK_WARN_BYTES else Finding("disk", "ok", says)


def _lake(path: Path, site: Site) -> Finding:
    if not (path / "lake.json").exists():
        return Finding("lake", "ok", f"none yet at {path}; the first run makes it")
    try:
        lake = Lake.open(path, site.environment)
    except Problem as problem:
        return Finding.of("lake", problem)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("lake", "warn", f"other users can look into {path}", f"Run: chmod 700 {path}")
    return Finding("lake", "ok", f"{path}, bound to {lake.environment}")


def _key_use(config: FlowsFile) -> Iterator[Finding]:
    """What the checks say about how the keys were used, as far as the lake can tell."""
    try:
        with connect(Lake.at(config.lake)) as connection:
            broken = [one for one in check_keys(connection, config, datetime.now(UTC)) if not one.passed]
    except Problem as problem:
        yield Finding.of("key use", problem)
        return
    for result in broken:
        failed, fix = result.breaks(), "Run: binlake keys audit"
        yield Finding("key use", "fail" if failed else "warn", told(result), fix, CorruptData.exit_code * failed)
    if not broken:
        yield Finding("key use", "ok", "nothing unusual in the last seven days")


async def _prefect(path: Path) -> Finding:
    api, wanted = recorder(path), os.environ.get("PREFECT_API_URL")
    if api is None and wanted:
        fix = "Start that server, or unset PREFECT_API_URL; until then runs go directly, unrecorded."
        return Finding("Prefect", "warn", f"nobody answers at {wanted}", fix)
    if api is None:
        return Finding("Prefect", "ok", "no server is up: runs go directly, unrecorded and unscheduled; `binlake up`")
    with apart():
        from pipelines.service.deployments import close_zombies  # noqa: PLC0415 - Prefect takes a second or two to import

        closed = await close_zombies(api)
    killed = f"; closed {closed} that were killed" if closed else ""
    return Finding("Prefect", "ok", f"records runs at {api.url}{killed}")


def _families(config: FlowsFile) -> list[str]:
    """The families of calls that the flows ask for; upkeep can wait for a network, and an archive is no exchange."""
    asking = [flow for flow in config.flows.values() if not isinstance(flow, MaintenanceFlow)]
    families = {family_of(flow) for flow in asking if not isinstance(flow, MarketFlow) or flow.source != "archive"}
    return sorted(families) if asking else ["spot"]


async def _archive(site: Site) -> Finding:
    """Whether the public archive answers, where a flow asks nothing else."""
    if not {"archive", "archive_list"} <= site.urls.keys():
        fix = "Give `archive` and `archive_list` under `exchange`, or write `source: auto`."
        return Finding("archive", "fail", f"the exchange `{site.environment}` has none", fix, UsageProblem.exit_code)
    try:
        async with Archive(site) as archive:
            await archive.time()
    except Problem as problem:
        return Finding.of("archive", problem)
    return Finding("archive", "ok", f"{site.url('archive')} answers; flows with source: archive ask nothing else")


def _budget(budget: Budget, families: Iterable[str]) -> Finding:
    states = {CLOCKS[family].pool.name: budget.state(CLOCKS[family].pool) for family in families}
    blocked_until = max((state.blocked_until or 0.0 for state in states.values()), default=0.0)
    if blocked_until:
        says = f"this address must not ask before {utc_text(int(blocked_until * 1e6))}"
        return Finding("budget", "fail", says, "Wait; asking earlier makes it longer.", exit_code=75)
    used = (f"{state.used:,} of {state.usable:,} weight of {name}" for name, state in states.items())
    return Finding("budget", "ok", f"{' and '.join(used)} used this minute")


async def _clock(site: Site, family: str, budget: Budget) -> Finding:
    """Whether a host of the exchange answers here, and how far this machine's clock is off."""
    try:
        async with Client(site, budget, family=family) as client:
            await client.sync()
            ahead_s = time.time() - client.now_us() / 1e6
    except Problem as problem:
        return Finding.of("exchange", problem)
    proxy = proxy_name(site.url(family))
    through = f" through the proxy {proxy}" if proxy else ""
    off = f"{abs(ahead_s):.3f} s {'ahead' if ahead_s > 0 else 'behind'}"
    says = f"{site.url(family)} answers{through}; this clock is {off}"
    if abs(ahead_s) > CLOCK_WARN_S:
        fix = "binlake corrects for it; others may not: let the machine set its clock."
        return Finding("exchange", "warn", says, fix)
    return Finding("exchange", "ok", says)


async def _key(name: str, account: Account, site: Site, budget: Budget) -> Finding:
    what = f"account {name}"
    try:
        keys = await asyncio.to_thread(key_of, account)  # a command may take its time
        if keys is None:
            names = " and ".join(map(str, unset_places(account)))
            fix = f"Set {names}, or `binlake keys add {name}`."
            return Finding(what, "warn", "its key is not set, so its flows are skipped", fix)
        async with Client(site, budget, keys) as client:
            facts = await check_key(client, account.allow)
    except Problem as problem:
        return Finding.of(what, problem)
    says = f"key {keys.fingerprint} reads account {facts.uid}"
    if facts.warnings:
        return Finding(what, "warn", says, " ".join(facts.warnings))
    return Finding(what, "ok", says)
