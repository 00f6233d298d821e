"""With which key a flow acts."""

from __future__ import annotations

from connectors.binance.keys import KeyPair, read_secret
from pipelines.settings.loader import flow_named
from schemas.config.flows import Account, AccountFlow, Flow, FlowsFile
from schemas.model.errors import AccessRefused


def key_of(account: Account) -> KeyPair | None:
    """The key pair of an account, or None where its secret is not set on this machine."""
    api_key = read_secret(account.api_key)
    signer = read_secret(account.secret or account.private_key or "")
    if api_key is None or signer is None:
        return None
    if account.private_key is not None:
        return KeyPair.from_pem(api_key, signer.reveal().encode())
    return KeyPair.from_secret(api_key, signer)


def unset_secret(config: FlowsFile, name: str) -> str | None:
    """The account whose secret is not set, when the flow needs one: such a flow is skipped unless asked for."""
    flow = flow_named(config, name)
    if isinstance(flow, AccountFlow) and key_of(config.accounts[flow.account]) is None:
        return flow.account
    return None


def keys_for(config: FlowsFile, flow: Flow) -> KeyPair | None:
    if not isinstance(flow, AccountFlow):
        return None
    account = config.accounts[flow.account]
    keys = key_of(account)
    if keys is None:
        signer = account.secret or account.private_key
        raise AccessRefused(f"The key of account '{flow.account}' is not set.", f"Set {account.api_key} and {signer}.")
    return keys
