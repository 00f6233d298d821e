"""Keys of the exchange: where they come from, how they sign, and that they never show."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schemas.errors import AccessRefused, UsageProblem

_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO


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

        return cls(api_key, _fingerprint(api_key), signature)

    @classmethod
    def from_pem(cls, api_key: Secret, pem: bytes) -> KeyPair:
        """A key whose secret is a private key in PEM; RSA or Ed25519 is told from the key itself."""
        return cls(api_key, _fingerprint(api_key), _asymmetric(pem))


def read_secret(ref: str) -> Secret | None:
    """The secret behind `env:NAME` (None when unset or empty) or `file:PATH` (for its owner's eyes only)."""
    kind, _, where = ref.partition(":")
    if kind == "env" and where:
        value = os.environ.get(where, "").strip()
        return Secret(value) if value else None
    if kind == "file" and where:
        return Secret(_read_private(Path(where).expanduser()))
    raise UsageProblem("A secret is given as a value or in an unknown form.", "Write env:NAME or file:PATH.")


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except OSError as error:
        reason = error.strerror
        raise AccessRefused(f"The key file {path} cannot be read: {reason}.", "Check the path and its owner.") from None
    if mode & _OTHERS_MAY_READ:
        raise AccessRefused(f"The key file {path} is open to other users.", f"Run: chmod 600 {path}")
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> str:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise AccessRefused(f"The key file {path} is not text.", "It must hold a PEM key or the key's text.")
    if not text:
        raise AccessRefused(f"The key file {path} is empty.", "Put the key into it.")
    return text


def _plain(secret: Secret, what: str) -> str:
    """The text, when it can be one: what the exchange hands out is printable ASCII without blanks."""
    text = secret.reveal()
    if not (text.isascii() and text.isprintable()) or " " in text or not text:
        raise AccessRefused(f"{what} holds characters that no key has.", "Copy it again, in one line.")
    return text


def _fingerprint(api_key: Secret) -> str:
    return hashlib.sha256(_plain(api_key, "The API key").encode()).hexdigest()[:8]


def _asymmetric(pem: bytes) -> Callable[[bytes], str]:
    key = _load(pem)
    if isinstance(key, RSAPrivateKey):
        return lambda payload: base64.b64encode(key.sign(payload, PKCS1v15(), SHA256())).decode()
    if isinstance(key, Ed25519PrivateKey):
        return lambda payload: base64.b64encode(key.sign(payload)).decode()
    raise AccessRefused(
        "The private key is neither RSA nor Ed25519.", "Make one with: openssl genpkey -algorithm ed25519"
    )


def _load(pem: bytes) -> object:
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        problem = AccessRefused("The private key is encrypted.", "Store it without a passphrase, mode 0600.")
    except (ValueError, UnsupportedAlgorithm):
        problem = AccessRefused(
            "The private key is not a private key in PEM.", "It begins with -----BEGIN PRIVATE KEY-----."
        )
    raise problem
