"""Signing, and secrets that do not show."""

import copy
import json
import pickle
import textwrap
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connectors.binance.keys import KeyPair, Secret
from schemas.model.errors import AccessRefused

VECTORS = json.loads((Path(__file__).parent / "signatures.json").read_text())
API_KEY = Secret(VECTORS["api_key"])


def key_pair(name: str) -> KeyPair:
    """One of the published throw-away keys: a shared secret, or a private key that gets its PEM armour here."""
    body = VECTORS["keys"][name]
    if name in {"spot", "futures"}:
        return KeyPair.from_secret(API_KEY, Secret(body))
    lines = "\n".join(textwrap.wrap(body, 64))
    armoured = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"
    return KeyPair.from_pem(API_KEY, armoured.encode())


@pytest.mark.parametrize("vector", VECTORS["signatures"])
def test_published_vectors(vector):
    """HMAC, RSA and Ed25519 sign as documented, and base64 is percent-encoded for the wire."""
    known = VECTORS["signatures"][vector]
    assert key_pair(known["key"]).sign(known["payload"].encode()) == quote(known["signature"], safe="")


@pytest.mark.parametrize("vector", VECTORS["wire_only"])
def test_published_signatures_survive_the_wire(vector):
    """Signatures whose keys are unpublished read back the same from a wire form of unreserved characters only."""
    published = VECTORS["wire_only"][vector]
    wire = KeyPair(API_KEY, "00000000", "RSA", lambda _: published).sign(b"")
    assert unquote(wire) == published
    assert not set(wire) & set("+/=")


def test_a_published_wire_form_is_ours():
    """The one signature that is published percent-encoded comes out byte for byte."""
    published = VECTORS["wire_only"]["R3"]
    assert KeyPair(API_KEY, "00000000", "RSA", lambda _: published).sign(b"") == VECTORS["r3_on_the_wire"]


def test_a_secret_does_not_show():
    """Neither printing, formatting, pickling nor copying gives a secret away."""
    secret = Secret("canary-value")
    keys = KeyPair.from_secret(API_KEY, secret)
    assert "canary" not in f"{secret} {secret!r} {[secret]} {keys} {keys!r}"
    assert API_KEY.reveal() not in repr(keys)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            leak(secret)


def test_the_fingerprint_names_a_key_without_telling_it():
    """The journal speaks of a key by the first 8 hex digits of its SHA-256."""
    assert KeyPair.from_secret(API_KEY, Secret("s")).fingerprint == "5ba1ed84"


def _pem(key, encryption=None, form=serialization.PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, encryption or serialization.NoEncryption())


ED25519 = ed25519.Ed25519PrivateKey.generate()
PASSPHRASE = serialization.BestAvailableEncryption(b"x")
OPENSSL = serialization.PrivateFormat.TraditionalOpenSSL


def _public(form, encoding=serialization.Encoding.PEM) -> bytes:
    return ED25519.public_key().public_bytes(encoding, form)


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (b"no pem", "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "not a private key"),
        (_pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
        (b"-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----", "neither RSA nor Ed25519"),
        (_pem(ED25519, PASSPHRASE), "is encrypted.*passphrase: env:NAME"),
        (_pem(rsa.generate_private_key(65537, 2048), PASSPHRASE, OPENSSL), "is encrypted.*passphrase: env:NAME"),
        (_pem(ED25519, form=serialization.PrivateFormat.OpenSSH), "OpenSSH's own format.*openssl genpkey"),
        (_public(serialization.PublicFormat.SubjectPublicKeyInfo), "the public half.*private half"),
        (_public(serialization.PublicFormat.OpenSSH, serialization.Encoding.OpenSSH), "the public half.*private half"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "a certificate.*the private key"),
        (_pem(ED25519).replace(b"\n", b"\\n"), "without line breaks.*into a line break"),
        (_pem(ED25519).replace(b"\n", b"\\r\\n"), "without line breaks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "pem",  # the keys are new each time
)
def test_a_wrong_private_key_is_refused(pem, says):
    """Everything that people store in place of a private key is told apart, each with its own way out."""
    with pytest.raises(AccessRefused, match=says) as problem:
        KeyPair.from_pem(API_KEY, pem)
    assert problem.value.__context__ is None


@pytest.mark.parametrize("key", [ED25519, rsa.generate_private_key(65537, 2048)], ids=["Ed25519", "RSA"])
@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, OPENSSL], ids=["PKCS8", "OpenSSL"])
def test_an_encrypted_private_key_signs_with_its_passphrase(key, form):
    """PEM keys of both encrypted forms open with their passphrase; a wrong one is refused and not repeated."""
    if form is OPENSSL and key is ED25519:
        pytest.skip("OpenSSL's own form knows no Ed25519")
    pem = _pem(key, PASSPHRASE, form)
    plain, opened = KeyPair.from_pem(API_KEY, _pem(key)), KeyPair.from_pem(API_KEY, pem, Secret("x"))
    assert opened.sign(b"payload") == plain.sign(b"payload")
    with pytest.raises(AccessRefused, match="does not open the private key") as problem:
        KeyPair.from_pem(API_KEY, pem, Secret("canary-passphrase"))
    assert "canary" not in str(problem.value)
    assert problem.value.__context__ is None


def test_a_passphrase_without_an_encrypted_key_is_refused():
    """Whoever believes that the key is encrypted learns that it is not."""
    with pytest.raises(AccessRefused, match="remove it where the key is not encrypted"):
        KeyPair.from_pem(API_KEY, _pem(ED25519), Secret("x"))


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "schlüssel", "\x00", ""])
def test_a_key_that_cannot_be_one_is_refused_without_repeating_it(text):
    """A key with blanks, line breaks or accents is a copying mistake, and would break the request's header."""
    with pytest.raises(AccessRefused) as problem:
        KeyPair.from_secret(Secret(text), Secret("s"))
    assert not text or text not in str(problem.value)
    with pytest.raises(AccessRefused):
        KeyPair.from_secret(API_KEY, Secret(text))
