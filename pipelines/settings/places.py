"""The places where secrets are kept: one function and one row each."""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from connectors.binance.keys import Secret
from schemas.config.references import COMMAND, Reference
from schemas.model.errors import AccessRefused

KEYRING_SERVICE = "binlake"
COMMAND_LIMIT_S = 30.0  # long enough for a person to unlock a password store
_CONTAINERS = Path("/run/secrets")
_TRY_IT = "Run it in a terminal to see why."


def read_secret(reference: Reference) -> Secret | None:
    """The secret that is kept there; None where it is an environment variable that is unset or empty."""
    return _PLACES[reference.place](reference)


def _env(reference: Reference) -> Secret | None:
    value = os.environ.get(reference.name, "").strip()
    return Secret(value) if value else None


def _file(reference: Reference) -> Secret:
    return Secret(read_key_file(Path(reference.name)))


def _credential(reference: Reference) -> Secret:
    """A file that systemd or a container puts into a folder of its own."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Secret(read_key_file((Path(folder) if folder else _CONTAINERS) / reference.name))


def _keyring(reference: Reference) -> Secret:
    """An entry of the operating system's store, by the service `binlake`."""
    where = f"keyring entry '{reference.name}' of service '{KEYRING_SERVICE}'"
    try:
        from keyring import get_password  # noqa: PLC0415 - an extra that few install
        from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415
    except ImportError:
        raise AccessRefused(f"The {where} needs the keyring library.", "Install binlake[keyring].") from None
    try:
        value = get_password(KEYRING_SERVICE, reference.name)
    except NoKeyringError:
        raise AccessRefused(f"There is no keyring here for the {where}.", "Keep the key in another place.") from None
    except KeyringError:
        raise AccessRefused(f"The {where} cannot be read: the keyring is locked.", "Unlock it.") from None
    if not value:
        way_out = f"Make it with: keyring set {KEYRING_SERVICE} {reference.name}"
        raise AccessRefused(f"There is no {where}.", way_out)
    return Secret(value.strip())


def _command(reference: Reference) -> Secret:
    """What a command prints: one line, or a PEM. No shell reads its words, and its errors are not ours to show."""
    source = f"The command '{reference.name}' for a key"
    try:
        process = subprocess.Popen(  # noqa: S603 - the owner's own words in flows.yaml
            reference.words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that whatever it started ends with it
        )
    except OSError as error:
        raise AccessRefused(f"{source} cannot be run: {error.strerror}.", "Check its name and PATH.") from None
    until_s = time.monotonic() + COMMAND_LIMIT_S
    with process:
        try:
            content = _printed(process.stdout, until_s)
            code = process.wait(max(0.0, until_s - time.monotonic())) if len(content) <= LARGEST_BYTES else 0
        except (TimeoutError, subprocess.TimeoutExpired):
            raise AccessRefused(f"{source} did not end within {COMMAND_LIMIT_S:.0f} seconds.", _TRY_IT) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        raise AccessRefused(f"{source} failed with exit code {code}.", _TRY_IT)
    return Secret(_one_line_or_pem(key_text(content, f"The output of '{reference.name}'", _TRY_IT), source))


def _printed(stream: IO[bytes] | None, until_s: float) -> bytes:
    """What a command prints up to its end, or a byte more than a key may have."""
    assert stream is not None  # noqa: S101 - it is a pipe
    content, poll = b"", select.poll()  # select() knows but the first 1,024 files of a process
    poll.register(stream)
    while len(content) <= LARGEST_BYTES:
        if not poll.poll(max(0.0, until_s - time.monotonic()) * 1000):
            raise TimeoutError
        part = os.read(stream.fileno(), LARGEST_BYTES + 1)
        if not part:
            break
        content += part
    return content


def _one_line_or_pem(text: str, source: str) -> str:
    if (count := len(text.splitlines())) > 1 and not text.startswith("-----BEGIN "):
        raise AccessRefused(f"{source} printed {count} lines.", "Have it print the key alone, in one line.")
    return text


_PLACES: Mapping[str, Callable[[Reference], Secret | None]] = {
    "env": _env,
    "file": _file,
    "credential": _credential,
    "keyring": _keyring,
    COMMAND: _command,
}


LARGEST_BYTES = 16_384  # an RSA key of 4096 bits in PEM has 3,300
_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO
_MAY_WRITE_OR_RUN = 0o333


def read_key_file(path: Path) -> str:
    """The text of a file of mode 0600 or less; on a read-only mount 0444 will do, as containers hand out secrets."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to would block
        try:
            _check(path, handle)
            content = os.read(handle, LARGEST_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror
        raise AccessRefused(f"The key file {path} cannot be read: {reason}.", "Check the path and its owner.") from None
    return key_text(content, f"The key file {path}", "It must hold the key alone, as text.")


def _check(path: Path, handle: int) -> None:
    """Refuse what is no regular file, and what other users may read, before reading any of it."""
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise AccessRefused(f"The key file {path} is not a regular file.", "Write the key into a file of mode 0600.")
    if not mode & _OTHERS_MAY_READ:
        return
    if not os.fstatvfs(handle).f_flag & os.ST_RDONLY:
        raise AccessRefused(f"The key file {path} is open to other users.", f"Run: chmod 600 {path}")
    if mode & _MAY_WRITE_OR_RUN:
        raise AccessRefused(
            f"The key file {path} is open to other users, and its file system is read-only.",
            "Mount it with mode 0400 or 0444.",
        )


def key_text(content: bytes, source: str, way_out: str) -> str:
    """What a place gave, as text without blanks around it; AccessRefused where that cannot be a key."""
    if len(content) > LARGEST_BYTES:
        raise AccessRefused(f"{source} holds more than any key has.", way_out)
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise AccessRefused(f"{source} holds something that is not text.", way_out)
    if not text:
        raise AccessRefused(f"{source} is empty.", way_out)
    return text
