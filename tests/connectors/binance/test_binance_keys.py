"""Signing, secrets and where they come from."""

import copy
import json
import os
import pickle
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connectors.binance.keys import KeyPair, Secret, read_secret
from schemas.model.errors import AccessRefused, UsageProblem

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
    wire = KeyPair(API_KEY, "00000000", lambda _: published).sign(b"")
    assert unquote(wire) == published
    assert not set(wire) & set("+/=")


def test_a_published_wire_form_is_ours():
    """The one signature that is published percent-encoded comes out byte for byte."""
    published = VECTORS["wire_only"]["R3"]
    assert KeyPair(API_KEY, "00000000", lambda _: published).sign(b"") == VECTORS["r3_on_the_wire"]


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


def test_secrets_from_the_environment(monkeypatch):
    """An unset or empty variable is no secret, rather than an empty one."""
    monkeypatch.setenv("BINLAKE_TEST_KEY", "  value\n")
    assert read_secret("env:BINLAKE_TEST_KEY").reveal() == "value"
    monkeypatch.setenv("BINLAKE_TEST_KEY", " ")
    assert read_secret("env:BINLAKE_TEST_KEY") is None
    monkeypatch.delenv("BINLAKE_TEST_KEY")
    assert read_secret("env:BINLAKE_TEST_KEY") is None


@pytest.mark.parametrize("ref", ["NhqPtmdSJYdKjVHj", "env:", "file:", "vault:x", ""])
def test_a_value_in_place_of_a_reference_is_refused_without_repeating_it(ref):
    """Who pastes the secret itself into flows.yaml is told how to refer to it, and it is not printed."""
    with pytest.raises(UsageProblem) as problem:
        read_secret(ref)
    assert "NhqPtmdSJYdKjVHj" not in str(problem.value)


def test_secrets_from_a_private_file(tmp_path):
    """A file that only its owner can read gives its text without the final newline."""
    path = tmp_path / "key"
    path.write_text("value\n")
    path.chmod(0o600)
    assert read_secret(f"file:{path}").reveal() == "value"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o600, "cannot be read"),
        (b"", 0o600, "is empty"),
        (b" \n", 0o600, "is empty"),
        (b"value", 0o640, "chmod 600"),
        (b"value", 0o604, "chmod 600"),
        (b"\xff\xfe", 0o600, "is not text"),
        (b"a\0b", 0o600, "is not text"),
        (b"a" * 20_000, 0o600, "larger than any key"),
    ],
)
def test_a_key_file_that_is_not_one_is_refused_by_name(tmp_path, content, mode, says):
    """Missing, empty, readable by others or of a wrong type: one sentence that names the file and the way out."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(AccessRefused, match=says) as problem:
        read_secret(f"file:{path}")
    assert str(path) in str(problem.value)


def test_a_folder_is_no_key_file(tmp_path):
    """A folder in place of a file is refused like a missing file."""
    with pytest.raises(AccessRefused, match="is not a regular file"):
        read_secret(f"file:{tmp_path}")


def test_what_never_ends_is_no_key_file(tmp_path):
    """A pipe that nobody writes to and a device without end are refused at once, unread."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(AccessRefused, match="is not a regular file"):
            read_secret(f"file:{path}")


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path):
    """Editors that put a byte order mark before the text do no harm."""
    path = tmp_path / "key"
    path.write_bytes(b"\xef\xbb\xbfvalue\r\n")
    path.chmod(0o600)
    assert read_secret(f"file:{path}").reveal() == "value"


@pytest.fixture
def read_only(tmp_path) -> Iterator[Path]:
    """A read-only file system that holds a key with mode 0444, as containers get their secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    (folder / "key").write_text("value")
    (folder / "key").chmod(0o444)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_read_only_secret_is_not_told_to_change_its_mode(read_only):
    """Where chmod cannot work the way out is another one: mount it for its owner alone, or use the environment."""
    with pytest.raises(AccessRefused, match="Mount it with mode 0400") as problem:
        read_secret(f"file:{read_only / 'key'}")
    assert "chmod" not in str(problem.value)


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
        (_pem(ED25519, PASSPHRASE), "is encrypted.*openssl pkey"),
        (_pem(rsa.generate_private_key(65537, 2048), PASSPHRASE, OPENSSL), "is encrypted.*openssl pkey"),
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


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "schlüssel", "\x00", ""])
def test_a_key_that_cannot_be_one_is_refused_without_repeating_it(text):
    """A key with blanks, line breaks or accents is a copying mistake, and would break the request's header."""
    with pytest.raises(AccessRefused) as problem:
        KeyPair.from_secret(Secret(text), Secret("s"))
    assert not text or text not in str(problem.value)
    with pytest.raises(AccessRefused):
        KeyPair.from_secret(API_KEY, Secret(text))
