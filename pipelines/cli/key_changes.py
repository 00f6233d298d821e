"""`binlake keys add` and `binlake keys rotate`: an account gets its first key, or its next one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from getpass import getpass
from typing import Annotated, Any

from cyclopts import Parameter
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from connectors.binance.keys import Secret
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.cli.output import say
from pipelines.keys.candidate import Given
from pipelines.keys.changing import Changed, Changing
from pipelines.keys.flows_file import PARTS
from schemas.config.references import FORMS, Reference
from schemas.model.errors import UsageProblem

Account = Annotated[str, Parameter(help="the account's name in flows.yaml")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """The options that say of a new key whether it is made here, or where its parts are kept."""

    generate: Annotated[
        bool, Parameter(help="make an Ed25519 pair here; its private key never leaves this machine")
    ] = False
    api_key: Annotated[str | None, Parameter(help=f"where the API key is kept, instead of typing it: {FORMS}")] = None
    secret: Annotated[str | None, Parameter(help="where the secret of an HMAC key is kept, in the same forms")] = None
    private_key: Annotated[str | None, Parameter(help="where the PEM of an RSA or Ed25519 key is kept")] = None
    passphrase: Annotated[str | None, Parameter(help="where the passphrase of an encrypted PEM is kept")] = None

    def given(self) -> Given:
        places = {part: _place(part, getattr(self, part)) for part in PARTS}
        return Given(generate=self.generate, **places)


_TYPED = NewKey()


def add(account: Account, *, new: NewKey = _TYPED, config: Config = FLOWS_FILE) -> int:
    """Give an account its key: typed unseen, made here, or kept elsewhere; flows.yaml names it once it is verified."""
    changed = Changing(flows=config, given=new.given(), ask=_ask, say=say).add(account)
    _tell(account, changed)
    if changed.flows:
        say(f"Next: `binlake run {changed.flows[0]}`.")
    else:
        say(f"No flow uses it yet: add one of kind account with `account: {account}` to {config}.")
    return 0


def rotate(account: Account, *, new: NewKey = _TYPED, config: Config = FLOWS_FILE) -> int:
    """Replace an account's key by another of the same account, in one step, while flows go on."""
    changed = Changing(flows=config, given=new.given(), ask=_ask, say=say).rotate(account)
    _tell(account, changed)
    if changed.before is not None:
        say(
            f"Key {changed.before.fingerprint} is retired. Runs that have begun end with it; then delete it on the "
            f"exchange, and what is kept of it here: {', '.join(changed.places_before)}."
        )
    return 0


def _place(name: str, text: str | None) -> Any:
    """A reference as flows.yaml would hold it; a key that was pasted in its place is not repeated."""
    if text is None:
        return None
    option = f"--{name.replace('_', '-')}"
    try:
        value = YAML(typ="safe", pure=True).load(text)
        Reference.read(value)
    except YAMLError:
        raise UsageProblem(f"{option}: this is no place.", f"Write {FORMS}.") from None
    except ValueError as error:
        raise UsageProblem(f"{option}: {error}") from None
    return value


def _ask(what: str) -> Secret:
    """What the owner types, unseen; a line of a pipe where nobody sits at a terminal."""
    try:
        text = getpass(f"{what}: ", stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        text = ""
    if not text.strip():
        raise UsageProblem(f"No {what} was given.", "Run the same command again.")
    return Secret(text.strip())


def _tell(account: str, changed: Changed) -> None:
    facts = changed.facts
    may = ", ".join(sorted(facts.permissions)) or "not told by the exchange"
    say(
        f"Account {account} has key {changed.keys.fingerprint} ({changed.keys.kind}) of exchange account {facts.uid}; "
        f"permissions: {may}.",
        *facts.warnings,
    )
