"""`doctor --probe`: ask the exchange what nobody has verified about it, and write down the answers without the person.

The file holds one word per statement, codes of refusals and used weights: no id, amount, key or traded symbol.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from connectors.binance.budget import Budget, default_path
from connectors.binance.calls import Request
from connectors.binance.client import Client
from connectors.binance.endpoints.model import Endpoint, Param
from connectors.binance.errors import BinanceError, Throttled, Transient
from connectors.binance.key_guard import check_key
from connectors.binance.keys import KeyPair
from connectors.binance.probes import PROBES, UNDECIDED, Probe, Reply
from connectors.binance.sites import resolve
from pipelines.settings.credentials import key_of
from schemas.config.accounts import Account
from schemas.config.flows import FlowsFile
from schemas.model.errors import AccessRefused, CorruptData, Problem

FORMAT = 1
UNREADABLE, UNANSWERED = "unreadable", "unanswered"
_NOTHING_LEARNT = {
    UNDECIDED: "There is too little in the account or the market to tell.",
    UNREADABLE: "The answer has another shape than documented: please tell us.",
    UNANSWERED: "No answer came: ask again later.",
}


class Learnt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one probe came to: one of the words that it declares, or that nothing was learnt."""

    probe: str
    outcome: str
    refused: tuple[int | None, ...] = ()
    used_weight: tuple[int | None, ...] = ()

    @property
    def means(self) -> str:
        return meaning(self.probe, self.outcome)


def meaning(name: str, outcome: str) -> str:
    """What an outcome means for binlake; CorruptData for one that no probe of this version declares."""
    known = {probe.name: probe.decides for probe in PROBES}
    means = known[name].get(outcome) or _NOTHING_LEARNT.get(outcome) if name in known else None
    if means is None:
        raise CorruptData(f"No probe of this binlake comes to '{outcome}' about '{name}'.", "Use the binlake it is of.")
    return means


async def probe(
    config: FlowsFile,
    probes: Iterable[Probe] = PROBES,
    *,
    state: Path | None = None,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[Learnt]:
    """Make these probes with the first key of the file that is set, after the guard has let it in.

    `pause` passes the time between two tries of a request.
    """
    site = resolve(config.exchange)
    account, keys = await asyncio.to_thread(_first_key, config)  # its place may take its time
    requests: list[Request] = []
    with Budget(state or default_path(), site.environment, share=config.budget) as budget:
        async with Client(site, budget, keys, requests.append, sleep=pause) as client:
            await check_key(client, account.allow)
            for each in probes:
                yield await _made(each, client, requests)


def _first_key(config: FlowsFile) -> tuple[Account, KeyPair]:
    for account in config.accounts.values():
        if (keys := key_of(account)) is not None:
            return account, keys
    raise AccessRefused("A probe needs a key, and none is set.", "Set the key of an account in flows.yaml.")


async def _made(each: Probe, client: Client, requests: list[Request]) -> Learnt:
    replies: list[Reply] = []
    try:
        for endpoint, params in each.calls:
            body, refused = await _answer(client, endpoint, params(client.now_us() // 1000, replies))
            replies.append(Reply(body=body, refused=refused, used=requests[-1].used_weight))
        outcome = each.read(replies)
    except Throttled:
        raise  # so would all others be
    except Problem:  # such as an exchange whose address the file does not name
        outcome = UNANSWERED
    except (LookupError, TypeError, ValueError, AttributeError):
        outcome = UNREADABLE
    return Learnt(
        probe=each.name,
        outcome=outcome,
        refused=tuple(reply.refused for reply in replies),
        used_weight=tuple(reply.used for reply in replies),
    )


async def _answer(client: Client, endpoint: Endpoint, params: Mapping[str, Param]) -> tuple[Any, int | None]:
    """The answer to a call, or the code of its refusal, which is an answer too."""
    try:
        return msgspec.json.decode(await client.body(endpoint, **params)), None
    except BinanceError as error:
        if isinstance(error, (Throttled, Transient)) or error.code is None:
            raise
        return None, error.code


def as_file(found: Iterable[Learnt], config: FlowsFile) -> str:
    """The file that a user can send: nothing in it tells who asked."""
    told = {
        "format": FORMAT,
        "binlake": version("binlake"),
        "environment": resolve(config.exchange).environment.partition(":")[0],
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "findings": [msgspec.to_builtins(each) for each in found],
    }
    return json.dumps(told, indent=2) + "\n"


def rows(found: Iterable[Learnt]) -> list[dict[str, Any]]:
    """Each statement with what was found and what that means, for a person."""
    said = {probe.name: probe.statement for probe in PROBES}
    return [{"statement": said[each.probe], "found": each.outcome, "means": each.means} for each in found]
