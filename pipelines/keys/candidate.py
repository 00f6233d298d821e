"""A key that its owner brings: made here, typed in, or kept in a place that is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.binance.keys import KeyPair, Secret
from pipelines.keys.flows_file import Written
from pipelines.keys.generations import API_KEY, PRIVATE_KEY, SECRET, Generation
from pipelines.settings.places import read_secret
from schemas.config.references import Reference
from schemas.model.errors import AccessRefused, UsageProblem

Ask = Callable[[str], Secret]  # what to ask the owner for, who answers unseen
Say = Callable[..., None]

_STEPS = """\
Register this public key with the exchange; its private half stays in {path}:

{public}
1. On the exchange: Account, API Management, Create API, Self-generated. Paste the whole public key.
2. Leave "Enable Reading" on and every other permission off.
3. Restrict access to trusted IPs: enter the address of this machine.
4. Copy the API key that the exchange shows, and paste it here. It is not shown while you paste."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the owner says of a new key: that it is made here, or where its parts are kept. The rest is asked for."""

    generate: bool = False
    api_key: Any = None  # as flows.yaml holds a reference
    secret: Any = None
    private_key: Any = None
    passphrase: Any = None

    def check(self) -> None:
        """UsageProblem for what contradicts itself."""
        signers = [bool(self.generate), self.secret is not None, self.private_key is not None]
        if sum(signers) > 1:
            raise UsageProblem(
                "A key signs in one way only.", "Give one of --generate, --secret (HMAC) and --private-key."
            )
        if self.passphrase is not None and self.private_key is None:
            raise UsageProblem("A passphrase belongs to an encrypted private key.", "Give --private-key too.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new key, how flows.yaml will name its parts, and those that are stored once it is let in."""

    keys: KeyPair
    written: Written
    generation: Generation
    typed: Mapping[str, Secret] = field(repr=False)

    def store(self) -> None:
        """Keep what was typed."""
        for part, secret in self.typed.items():
            self.generation.keep(part, secret)


def collect(given: Given, generation: Generation, ask: Ask, say: Say) -> Candidate:
    """Bring the parts of a key together; what is asked for is kept nowhere yet."""
    parts = _Parts(given, generation, ask, say)
    if given.generate:
        _offer(generation, say)
    api_key = parts.get("api_key", API_KEY, "API key")
    if given.generate:
        pem = parts.stored("private_key", PRIVATE_KEY)
        keys = KeyPair.from_pem(api_key, pem.reveal().encode())
    elif given.private_key is not None:
        pem = parts.named("private_key")
        passphrase = parts.named("passphrase") if given.passphrase is not None else None
        keys = KeyPair.from_pem(api_key, pem.reveal().encode(), passphrase)
    else:
        keys = KeyPair.from_secret(api_key, parts.get("secret", SECRET, "API secret"))
    return Candidate(keys, parts.written, generation, parts.typed)


def _offer(generation: Generation, say: Say) -> None:
    """Show the public key and how it is registered, unless an earlier attempt came as far as the API key."""
    if generation.holds(PRIVATE_KEY):
        _say_again(generation, PRIVATE_KEY, say)
    else:
        generation.make_private_key()
    public = generation.public_key()
    if not generation.holds(API_KEY):
        say(*_STEPS.format(path=generation.path(PRIVATE_KEY), public=public).splitlines())


def _say_again(generation: Generation, part: str, say: Say) -> None:
    say(f"Going on with {generation.path(part)} of an earlier attempt; remove it to begin anew.")


class _Parts:
    """The parts of one key, each from where its owner has it."""

    def __init__(self, given: Given, generation: Generation, ask: Ask, say: Say) -> None:
        self._given, self._generation, self._ask, self._say = given, generation, ask, say
        self.written: dict[str, Any] = {}
        self.typed: dict[str, Secret] = {}

    def get(self, name: str, part: str, what: str) -> Secret:
        """A part that is kept where its owner says, was stored by an earlier attempt, or is typed now."""
        if getattr(self._given, name) is not None:
            return self.named(name)
        if self._generation.holds(part):
            _say_again(self._generation, part, self._say)
            return self.stored(name, part)
        self.written[name] = self._generation.written(part)
        self.typed[part] = self._ask(what)
        return self.typed[part]

    def stored(self, name: str, part: str) -> Secret:
        self.written[name] = self._generation.written(part)
        return self._generation.read(part)

    def named(self, name: str) -> Secret:
        value = getattr(self._given, name)
        place = Reference.read(value, self._generation.folder.parent)
        secret = read_secret(place)
        if secret is None:
            raise AccessRefused(f"{place} is not set.", "Set it, and run the same command again.")
        self.written[name] = value
        return secret
