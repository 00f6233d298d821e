"""With which key a flow acts."""

from __future__ import annotations

from connectors.binance.keys import KeyPair, Secret
from pipelines.settings.loader import flow_named
from pipelines.settings.places import read_secret
from schemas.config.accounts import Account
from schemas.config.flows import AccountFlow, Flow, FlowsFile
from schemas.config.references import Reference
from schemas.model.errors import AccessRefused


def key_of(account: Account) -> KeyPair | None:
    """The key pair of an account, or None where a part of it is not set on this machine."""
    if unset_places(account):
        return None
    api_key = _kept(account.api_key)
    if account.secret is not None:
        return KeyPair.from_secret(api_key, _kept(account.secret))
    assert account.private_key is not None  # noqa: S101 - the model of flows.yaml asks for one of them
    passphrase = _kept(account.passphrase) if account.passphrase is not None else None
    return KeyPair.from_pem(api_key, _kept(account.private_key).reveal().encode(), passphrase)


def unset_places(account: Account) -> tuple[Reference, ...]:
    """The environment variables that the key of an account needs and that are not set; asks no other place."""
    return tuple(place for place in account.places if place.place == "env" and read_secret(place) is None)


def unset_secret(config: FlowsFile, name: str) -> str | None:
    """The account whose secret is not set, when the flow needs one: such a flow is skipped unless asked for."""
    flow = flow_named(config, name)
    if isinstance(flow, AccountFlow) and unset_places(config.accounts[flow.account]):
        return flow.account
    return None


def keys_for(config: FlowsFile, flow: Flow) -> KeyPair | None:
    return key_named(config, flow.account) if isinstance(flow, AccountFlow) else None


def key_named(config: FlowsFile, name: str) -> KeyPair:
    """The key pair of an account; AccessRefused names what is not set of it."""
    account = config.accounts[name]
    keys = key_of(account)
    if keys is None:
        unset = " and ".join(map(str, unset_places(account)))
        way_out = f"Set {unset}, or give it another: binlake keys add {name}"
        raise AccessRefused(f"The key of account '{name}' is not set.", way_out)
    return keys


def _kept(place: Reference) -> Secret:
    secret = read_secret(place)
    assert secret is not None, f"{place} was set a moment ago"  # noqa: S101 - nothing here changes the environment
    return secret
