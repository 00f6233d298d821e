"""The accounts of flows.yaml: where the parts of a key lie, and what it may be able to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from schemas.config import values as written
from schemas.config.parts import Length, Part
from schemas.config.references import Reference
from schemas.config.values import Written, wrong


class Account(Part):
    """A key of the exchange; only where it lies stands here, never the key."""

    api_key: Reference = Field(
        description="where the API key is kept: env:NAME, file:PATH of mode 0600, credential:NAME, keyring:NAME or "
        "command: [PROGRAM, WORD], which prints it"
    )
    secret: Reference | None = Field(None, description="where the secret of an HMAC key is kept")
    private_key: Reference | None = Field(None, description="where the PEM of an RSA or Ed25519 key is kept")
    passphrase: Reference | None = Field(None, description="where the passphrase of an encrypted PEM is kept")
    allow: frozenset[Annotated[str, Written(written.permission, f"^(trade|{written.PERMISSION})$")]] = Field(
        frozenset(),
        description="what the key may be able to do although binlake never does it: trade, or a permission by the "
        "exchange's name; withdrawals and transfers are never allowed",
    )
    rotate_every: Length = Field(
        timedelta(days=365),
        description="the age from which on a check asks for another key, such as 90d",
        json_schema_extra={"default": "365d"},
    )
    expiry_notice: Length = Field(
        timedelta(days=14),
        description="how long before the end of a key a check begins to warn",
        json_schema_extra={"default": "14d"},
    )

    @model_validator(mode="after")
    def _one_way_to_sign(self) -> Account:
        if (self.secret is None) == (self.private_key is None):
            raise wrong("an account has either secret (HMAC) or private_key (RSA, Ed25519).")
        if self.passphrase is not None and self.private_key is None:
            raise wrong("only an encrypted private_key has one; remove it.", "passphrase")
        return self

    @property
    def places(self) -> tuple[Reference, ...]:
        """Where the parts of its key are kept."""
        every = (self.api_key, self.secret, self.private_key, self.passphrase)
        return tuple(place for place in every if place is not None)
