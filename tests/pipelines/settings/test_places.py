"""The places where secrets are kept: each gives its secret, and says in one sentence why it cannot."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoStore
from keyring.errors import KeyringLocked

from pipelines.settings import places
from pipelines.settings.credentials import key_of, unset_secret
from pipelines.settings.places import read_secret
from schemas.config.accounts import Account
from schemas.config.flows import FlowsFile
from schemas.config.references import Reference
from schemas.model.errors import AccessRefused

API_KEY = "k" * 64


def kept(reference: object) -> str:
    """The secret that is kept where flows.yaml says."""
    secret = read_secret(Reference.read(reference))
    assert secret is not None
    return secret.reveal()


def printing(text: str, code: int = 0) -> dict[str, list[str]]:
    """A command that prints a text."""
    return {"command": [sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({code})"]}


def test_secrets_from_the_environment(monkeypatch):
    """An unset or empty variable is no secret, rather than an empty one."""
    monkeypatch.setenv("BINLAKE_TEST_KEY", "  value\n")
    assert kept("env:BINLAKE_TEST_KEY") == "value"
    monkeypatch.setenv("BINLAKE_TEST_KEY", " ")
    assert read_secret(Reference.read("env:BINLAKE_TEST_KEY")) is None
    monkeypatch.delenv("BINLAKE_TEST_KEY")
    assert read_secret(Reference.read("env:BINLAKE_TEST_KEY")) is None


def test_secrets_from_a_private_file(tmp_path):
    """A file that only its owner can read gives its text without the final newline."""
    path = tmp_path / "key"
    path.write_text("value\n")
    for mode in (0o600, 0o400):
        path.chmod(mode)
        assert kept(f"file:{path}") == "value"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o600, "cannot be read"),
        (b"", 0o600, "is empty"),
        (b" \n", 0o600, "is empty"),
        (b"value", 0o640, "chmod 600"),
        (b"value", 0o604, "chmod 600"),
        (b"value", 0o444, "chmod 600"),
        (b"\xff\xfe", 0o600, "is not text"),
        (b"a\0b", 0o600, "is not text"),
        (b"a" * 20_000, 0o600, "more than any key has"),
    ],
)
def test_a_key_file_that_is_not_one_is_refused_by_name(tmp_path, content, mode, says):
    """Missing, empty, readable by others or of a wrong type: one sentence that names the file and the way out."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(AccessRefused, match=says) as problem:
        kept(f"file:{path}")
    assert str(path) in str(problem.value)


def test_what_is_no_file_is_no_key_file(tmp_path):
    """A folder, a pipe that nobody writes to and a device without end are refused at once, unread."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(AccessRefused, match="is not a regular file"):
            kept(f"file:{path}")


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path):
    """Editors that put a byte order mark before the text do no harm."""
    path = tmp_path / "key"
    path.write_bytes(b"\xef\xbb\xbfvalue\r\n")
    path.chmod(0o600)
    assert kept(f"file:{path}") == "value"


@pytest.fixture
def read_only(tmp_path) -> Iterator[Path]:
    """A read-only file system that holds keys of several modes, as containers get their secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    for mode in (0o400, 0o444, 0o666):
        (folder / f"{mode:o}").write_text("value")
        (folder / f"{mode:o}").chmod(mode)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_read_only_mount_may_be_readable_by_all(read_only, monkeypatch):
    """Containers hand out secrets with mode 0444 on a read-only mount: taken as a file and as a credential."""
    assert [kept(f"file:{read_only}/{mode}") for mode in ("400", "444")] == ["value", "value"]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(read_only))
    assert kept("credential:444") == "value"


def test_a_read_only_secret_is_not_told_to_change_its_mode(read_only):
    """Where chmod cannot work the way out is another one: mount it with another mode."""
    with pytest.raises(AccessRefused, match="Mount it with mode 0400") as problem:
        kept(f"file:{read_only}/666")
    assert "chmod" not in str(problem.value)


def test_a_credential_of_the_system(tmp_path, monkeypatch):
    """It is looked for in the folder that systemd names, or without one in the folder of a container."""
    (tmp_path / "binance").write_text("value\n")
    (tmp_path / "binance").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert kept("credential:binance") == "value"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(AccessRefused, match="/run/secrets/no-such-name cannot be read: No such file"):
        kept("credential:no-such-name")


def test_a_command_prints_the_secret(tmp_path):
    """What it prints is the secret, of one line, or a private key of many; what it complains of is not read."""
    assert kept(printing("value\n")) == "value"
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "main.pem").write_bytes(pem)
    assert kept({"command": ["cat", f"{tmp_path}/main.pem"]}) == pem.decode().strip()
    assert kept({"command": ["sh", "-c", "echo no secret >&2; echo value"]}) == "value"


def test_no_shell_reads_the_words_of_a_command(tmp_path):
    """Words with a meaning to a shell are handed to the program as they are."""
    assert kept({"command": ["echo", f"$HOME;touch {tmp_path}/made"]}) == f"$HOME;touch {tmp_path}/made"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (printing("value", 3), "failed with exit code 3"),
        (printing(""), "is empty"),
        (printing("one\ntwo\n"), "printed 2 lines"),
        (printing("a\0b"), "not text"),
        ({"command": ["yes", "canary"]}, "more than any key has"),
        ({"command": ["no-such-program"]}, "cannot be run: No such file"),
    ],
    ids=["fails", "prints nothing", "two lines", "bytes", "without end", "absent"],
)
def test_a_command_that_gives_no_secret_is_refused(command, says):
    """Failing, printing nothing or too much: one sentence that names the program and repeats no output."""
    with pytest.raises(AccessRefused, match=says) as problem:
        kept(command)
    assert command["command"][0] in str(problem.value)
    assert "canary" not in str(problem.value)


@pytest.mark.parametrize("script", ["exec sleep 60", "sleep 60 & echo value", "exec >&-; exec sleep 60"])
def test_a_command_that_hangs_is_ended(script, monkeypatch):
    """One that does not end, leaves a child behind or closes its output first is ended when its time is up."""
    monkeypatch.setattr(places, "COMMAND_LIMIT_S", 0.2)
    with pytest.raises(AccessRefused, match="did not end within"):
        kept({"command": ["sh", "-c", script]})


def test_a_command_has_one_limit(monkeypatch):
    """The time for what it prints and the time for its end are one: what takes longer than that in both is refused."""
    monkeypatch.setattr(places, "COMMAND_LIMIT_S", 1.0)
    with pytest.raises(AccessRefused, match="did not end within"):
        kept({"command": ["sh", "-c", "echo value; sleep 0.7; exec >&-; exec sleep 0.7"]})


class Store(KeyringBackend):
    """An operating system's store, with one entry; None: it is locked."""

    priority = 1

    def __init__(self, entry: str | None) -> None:
        super().__init__()
        self._entry = entry

    def get_password(self, service: str, username: str) -> str | None:
        if self._entry is None:
            raise KeyringLocked
        return self._entry if (service, username) == ("binlake", "main") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def store() -> Iterator[Callable[[KeyringBackend], None]]:
    """Puts a store in the place of this machine's, while the test lasts."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_a_secret_from_the_keyring(store):
    """An entry of the service `binlake` is a secret."""
    store(Store("value"))
    assert kept("keyring:main") == "value"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Store("value"), "There is no keyring entry 'other'.*keyring set binlake other"),
        (Store(None), "the keyring is locked"),
        (NoStore(), "There is no keyring here"),
    ],
    ids=["no entry", "locked", "no keyring"],
)
def test_a_keyring_that_gives_no_secret_is_refused(store, found, says):
    """Absent, locked or without the entry: one sentence with its way out."""
    store(found)
    with pytest.raises(AccessRefused, match=says):
        kept("keyring:other")


def test_without_the_library_the_keyring_is_refused(monkeypatch):
    """The keyring is an extra; who names it without having it is told what to install."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(AccessRefused, match=r"Install binlake\[keyring\]"):
        kept("keyring:main")


def test_a_command_runs_only_for_those_who_need_the_key(tmp_path, monkeypatch):
    """Whether a flow's key is set is answered from the environment alone."""
    monkeypatch.setenv("BINLAKE_TEST_KEY", API_KEY)
    account = {"api_key": "env:BINLAKE_TEST_KEY", "secret": {"command": ["touch", f"{tmp_path}/ran"]}}
    flow = {"kind": "account", "account": "main", "datasets": ["balances"]}
    config = FlowsFile.model_validate({"accounts": {"main": account}, "flows": {"wallet": flow}})
    assert unset_secret(config, "wallet") is None
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("BINLAKE_TEST_KEY")
    assert unset_secret(config, "wallet") == "main"


def test_an_encrypted_key_and_its_passphrase_may_lie_apart(tmp_path, monkeypatch):
    """The PEM comes from a file, its passphrase from a command, the API key from the environment."""
    key, password = Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"open it")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, password)
    (tmp_path / "main.pem").write_bytes(pem)
    (tmp_path / "main.pem").chmod(0o600)
    monkeypatch.setenv("BINLAKE_TEST_KEY", API_KEY)
    account = Account.model_validate({
        "api_key": "env:BINLAKE_TEST_KEY",
        "private_key": f"file:{tmp_path}/main.pem",
        "passphrase": printing("open it"),
    })  # fmt: skip
    keys = key_of(account)
    assert keys is not None
    assert keys.api_key.reveal() == API_KEY
