"""Giving an account its first key, and its next one while the flows go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from connectors.binance.errors import Denied
from connectors.binance.key_guard import READING, KeyFacts, examine_key
from connectors.binance.keys import KeyPair
from connectors.lake import Lake
from pipelines.context.key_log import Row, known_keys, note_key
from pipelines.keys.admission import admitted, lake_of, reached
from pipelines.keys.candidate import Ask, Given, Say, collect
from pipelines.keys.flows_file import account_of, write_account
from pipelines.keys.generations import next_generation
from pipelines.settings.credentials import key_named, unset_places
from pipelines.settings.loader import load
from schemas.config.flows import AccountFlow, FlowsFile
from schemas.config.parts import Name
from schemas.model.errors import AccessRefused, UsageProblem
from schemas.model.instants import wall_clock

Old = tuple[KeyPair, KeyFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of an account's key, and which flows use it."""

    keys: KeyPair
    facts: KeyFacts
    flows: tuple[str, ...]
    before: KeyPair | None = None
    places_before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    """A flows.yaml whose keys are changed, and how its owner is asked and told."""

    flows: Path
    given: Given
    ask: Ask
    say: Say
    state: Path | None = None  # of the shared weight budget

    def add(self, name: str) -> Changed:
        """Give an account its first key; whatever is refused leaves flows.yaml as it was."""
        text, config = self._read(name)
        account = config.accounts.get(name)
        if account is not None and not unset_places(account):
            raise UsageProblem(f"Account '{name}' has a key already.", f"`binlake keys rotate {name}` replaces it.")
        return self._change(text, config, name, None)

    def rotate(self, name: str) -> Changed:
        """Give an account its next key and note the old one as retired; until the switch the old one stays in use."""
        text, config = self._read(name)
        if name not in config.accounts:
            raise UsageProblem(f"There is no account '{name}' in {self.flows}.", f"`binlake keys add {name}` adds it.")
        keys = key_named(config, name)
        return self._change(text, config, name, (keys, asyncio.run(self._facts_of(config, name, keys))))

    def _read(self, name: str) -> tuple[bytes, FlowsFile]:
        self.given.check()
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError:
            way_out = "Use letters, digits, - and _, at most 64."
            raise UsageProblem("An account cannot have this name.", way_out) from None
        config = load(self.flows)
        return self.flows.read_bytes(), config

    async def _facts_of(self, config: FlowsFile, name: str, keys: KeyPair) -> KeyFacts:
        """What the old key may do; of one that the exchange takes no more, what is known from before."""
        try:
            async with reached(config, keys, self.state) as client:
                return (await examine_key(client, config.accounts[name].allow)).facts
        except Denied:
            return _remembered(lake_of(config), name, keys)

    def _change(self, text: bytes, config: FlowsFile, name: str, old: Old | None) -> Changed:
        before, lake = config.accounts.get(name), lake_of(config)
        with next_generation(self.flows, name, before, generate=self.given.generate) as generation:
            candidate = collect(self.given, generation, self.ask, self.say)
            _refuse_used(candidate.keys, old[0] if old else None, known_keys(lake, name) if lake is not None else {})
            account = account_of(candidate.written, generation.folder.parent, before)
            wanted = config.model_copy(update={"accounts": {**config.accounts, name: account}})
            facts = asyncio.run(self._let_in(wanted, name, candidate.keys, old[1] if old else None))
            candidate.store()
            with _noted(lake, name, (candidate.keys, facts), old):
                write_account(self.flows, text, name, candidate.written, wanted)
        return Changed(
            keys=candidate.keys,
            facts=facts,
            flows=tuple(each for each, flow in config.flows.items() if _uses(flow, name)),
            before=old[0] if old else None,
            places_before=tuple(map(str, before.places)) if before else (),
        )

    async def _let_in(self, config: FlowsFile, name: str, keys: KeyPair, before: KeyFacts | None) -> KeyFacts:
        async with reached(config, keys, self.state) as client:
            return await admitted(client, config, name, before)


def _remembered(lake: Lake | None, account: str, keys: KeyPair) -> KeyFacts:
    """What was noted of a key, or else whose account it was: it is then taken for one that only read."""
    noted = known_keys(lake, account).get(keys.fingerprint) if lake is not None else None
    if noted is not None:
        may = frozenset(json.loads(noted["permissions"]))
        return KeyFacts(noted["uid"], may, ip_restricted=noted["ip_restricted"])
    if lake is not None and account in lake.accounts:
        return KeyFacts(lake.accounts[account], frozenset({READING}))
    raise AccessRefused(
        f"The exchange takes key {keys.fingerprint} of account '{account}' no more, and no run ever used it here.",
        f"Remove the account from flows.yaml, then: binlake keys add {account}",
    )


def _uses(flow: object, account: str) -> bool:
    return isinstance(flow, AccountFlow) and flow.account == account


def _refuse_used(keys: KeyPair, old: KeyPair | None, known: Mapping[str, Row]) -> None:
    """Refuse a key that is no new one: it is in use, or was retired before."""
    if old is not None and keys.fingerprint == old.fingerprint:
        raise UsageProblem(f"Key {keys.fingerprint} is the one in use.", "Make another one on the exchange.")
    if known.get(keys.fingerprint, {}).get("state") == "retired":
        raise AccessRefused(f"Key {keys.fingerprint} was retired before.", "Make another one on the exchange.")


@contextmanager
def _noted(lake: Lake | None, account: str, new: Old, old: Old | None) -> Iterator[None]:
    """Note which key takes the place of which, and take that back where the switch is refused.

    The note comes first: a kill in between is then seen as the use of a retired key, and not at all otherwise.
    """
    if lake is None:
        yield
        return
    note_key(lake, account, *new, wall_clock(), "admitted")
    if old is not None:
        note_key(lake, account, *old, wall_clock(), "retired")
    try:
        yield
    except BaseException:
        if old is not None:
            note_key(lake, account, *old, wall_clock(), "admitted")
        raise
