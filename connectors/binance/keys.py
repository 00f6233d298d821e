"""Keys of the exchange: how they sign, and that they never show."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schemas.model.errors import AccessRefused

_GENERATE = "Make one with: openssl genpkey -algorithm ed25519"
# What people store in place of a private key in PEM, as its text shows, and what to say about it.
_NO_PRIVATE_KEYS = (
    (r"-----BEGIN OPENSSH PRIVATE KEY", "in OpenSSH's own format, not in PKCS#8", _GENERATE),
    (r"-----BEGIN (RSA )?PUBLIC KEY|ssh-(rsa|ed25519) ", "the public half", "Name the file of the private half."),
    (r"-----BEGIN CERTIFICATE", "a certificate", "Name the file of the private key."),
    (
        r"-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED",
        "encrypted",
        "Write where its passphrase is kept, such as `passphrase: env:NAME`, below `private_key`.",
    ),
    (
        r"-----BEGIN [A-Z ]+-----(\\n|\\r)",
        "without line breaks: \\n is written in their place",
        "Copy the file itself, or turn each \\n into a line break.",
    ),
    (r"-----BEGIN (EC|DSA) ", "neither RSA nor Ed25519", _GENERATE),
)


class Secret:
    """A text that does not show: not printed, not pickled, not copied; only `reveal` gives it out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


@dataclass(frozen=True)
class KeyPair:
    """An API key and the pure function that signs with its secret half."""

    api_key: Secret
    fingerprint: str
    kind: str  # HMAC, RSA or Ed25519
    _signature: Callable[[bytes], str] = field(repr=False)

    def sign(self, payload: bytes) -> str:
        """The value of `signature` for these exact bytes, percent-encoded as it goes on the wire."""
        return quote(self._signature(payload), safe="")

    @classmethod
    def from_secret(cls, api_key: Secret, secret: Secret) -> KeyPair:
        """A key whose secret is a shared text (HMAC)."""
        shared = Secret(_plain(secret, "The API secret"))

        def signature(payload: bytes) -> str:
            return hmac.new(shared.reveal().encode(), payload, hashlib.sha256).hexdigest()

        return cls(api_key, _fingerprint(api_key), "HMAC", signature)

    @classmethod
    def from_pem(cls, api_key: Secret, pem: bytes, passphrase: Secret | None = None) -> KeyPair:
        """A key whose secret is a private key in PEM; RSA or Ed25519 is told from the key itself."""
        return cls(api_key, _fingerprint(api_key), *_asymmetric(pem, passphrase))


def _plain(secret: Secret, what: str) -> str:
    """The text, when it can be one: what the exchange hands out is printable ASCII without blanks."""
    text = secret.reveal()
    if not (text.isascii() and text.isprintable()) or " " in text or not text:
        raise AccessRefused(f"{what} holds characters that no key has.", "Copy it again, in one line.")
    return text


def _fingerprint(api_key: Secret) -> str:
    return hashlib.sha256(_plain(api_key, "The API key").encode()).hexdigest()[:8]


def _asymmetric(pem: bytes, passphrase: Secret | None) -> tuple[str, Callable[[bytes], str]]:
    """The kind of a private key, and how it signs."""
    key = _load(pem, passphrase)
    if isinstance(key, RSAPrivateKey):
        return "RSA", lambda payload: base64.b64encode(key.sign(payload, PKCS1v15(), SHA256())).decode()
    if isinstance(key, Ed25519PrivateKey):
        return "Ed25519", lambda payload: base64.b64encode(key.sign(payload)).decode()
    raise AccessRefused("The private key is neither RSA nor Ed25519.", _GENERATE)


def _load(pem: bytes, passphrase: Secret | None) -> object:
    with suppress(TypeError, ValueError, UnsupportedAlgorithm):
        return load_pem_private_key(pem, passphrase.reveal().encode() if passphrase else None)
    text = pem.decode("utf-8", "replace")
    if passphrase is not None and "-----BEGIN " in text and "PRIVATE KEY-----" in text:
        raise AccessRefused(
            "The passphrase does not open the private key.",
            "Check the place that `passphrase` names; remove it where the key is not encrypted.",
        )
    for pattern, what, way_out in _NO_PRIVATE_KEYS:
        if re.search(pattern, text):
            raise AccessRefused(f"The private key is {what}.", way_out)
    raise AccessRefused("The private key is not a private key in PEM.", "It begins with -----BEGIN PRIVATE KEY-----.")
