"""Keys of the exchange: where they come from, how they sign, and that they never show."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
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

from schemas.model.errors import AccessRefused, UsageProblem

_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO
_LARGEST_BYTES = 16_384  # an RSA key of 4096 bits in PEM has 3,300
_GENERATE = "Make one with: openssl genpkey -algorithm ed25519"
# What people store in place of a private key in PEM, as its text shows, and what to say about it.
_NO_PRIVATE_KEYS = (
    (r"-----BEGIN OPENSSH PRIVATE KEY", "in OpenSSH's own format, not in PKCS#8", _GENERATE),
    (r"-----BEGIN (RSA )?PUBLIC KEY|ssh-(rsa|ed25519) ", "the public half", "Name the file of the private half."),
    (r"-----BEGIN CERTIFICATE", "a certificate", "Name the file of the private key."),
    (
        r"-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED",
        "encrypted",
        "Store it without a passphrase, mode 0600: openssl pkey -in ENCRYPTED -out PLAIN",
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
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to would block
        try:
            _check_file(path, handle)
            content = os.read(handle, _LARGEST_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror
        raise AccessRefused(f"The key file {path} cannot be read: {reason}.", "Check the path and its owner.") from None
    if len(content) > _LARGEST_BYTES:
        raise AccessRefused(f"The key file {path} is larger than any key.", "Name the file that holds the key alone.")
    return _decoded(content, path)


def _check_file(path: Path, handle: int) -> None:
    """Refuse what is no regular file, and what other users may read, before reading any of it."""
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise AccessRefused(f"The key file {path} is not a regular file.", "Write the key into a file of mode 0600.")
    if not mode & _OTHERS_MAY_READ:
        return
    if os.fstatvfs(handle).f_flag & os.ST_RDONLY:
        raise AccessRefused(
            f"The key file {path} is open to other users, and its file system is read-only.",
            "Mount it with mode 0400, owned by the user who runs binlake, or give the key as env:NAME.",
        )
    raise AccessRefused(f"The key file {path} is open to other users.", f"Run: chmod 600 {path}")


def _decoded(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8-sig").strip()
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
    raise AccessRefused("The private key is neither RSA nor Ed25519.", _GENERATE)


def _load(pem: bytes) -> object:
    with suppress(TypeError, ValueError, UnsupportedAlgorithm):
        return load_pem_private_key(pem, password=None)
    text = pem.decode("utf-8", "replace")
    for pattern, what, way_out in _NO_PRIVATE_KEYS:
        if re.search(pattern, text):
            raise AccessRefused(f"The private key is {what}.", way_out)
    raise AccessRefused("The private key is not a private key in PEM.", "It begins with -----BEGIN PRIVATE KEY-----.")
