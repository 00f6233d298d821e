"""The files of an account's keys beside flows.yaml, one generation after the other: none is ever overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from connectors.binance.keys import Secret
from connectors.lake.files.local_disk import DRAFT, disk_problems, held, make_folder, new_file, whole_file
from pipelines.settings.places import read_key_file
from schemas.config.accounts import Account
from schemas.model.errors import AccessRefused

FOLDER = "keys"
API_KEY, SECRET, PRIVATE_KEY = "key", "secret", "pem"


@dataclass(frozen=True, slots=True)
class Generation:
    """The files of one key of an account, such as `keys/main-2.pem`."""

    folder: Path
    account: str
    number: int

    def path(self, part: str) -> Path:
        return self.folder / f"{self.account}-{self.number}.{part}"

    def written(self, part: str) -> str:
        """The reference that flows.yaml beside the folder holds."""
        return f"file:{FOLDER}/{self.path(part).name}"

    def holds(self, *parts: str) -> bool:
        return all(self.path(part).exists() for part in parts)

    def read(self, part: str) -> Secret:
        return Secret(read_key_file(self.path(part)))

    def keep(self, part: str, secret: Secret) -> None:
        """Write a file of mode 0600, durably and whole; one that is there is left alone."""
        path = self.path(part)
        with disk_problems(path, "no key was stored"), new_file(path) as draft:
            draft.write_text(f"{secret.reveal().strip()}\n", encoding="ascii")

    def make_private_key(self) -> None:
        """Make an Ed25519 pair, and keep its private half."""
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.keep(PRIVATE_KEY, Secret(pem.decode()))

    def public_key(self) -> str:
        """The public half of the private key that is kept, in the form that the exchange takes."""
        pem = self.read(PRIVATE_KEY).reveal().encode()
        try:
            key = load_pem_private_key(pem, None)
        except (TypeError, ValueError):
            path = self.path(PRIVATE_KEY)
            raise AccessRefused(f"{path} is no private key that was made here.", "Move it away.") from None
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@contextmanager
def next_generation(flows: Path, name: str, account: Account | None, *, generate: bool) -> Iterator[Generation]:
    """The generation after the one in use, for one process at a time.

    It is the unfinished one of an earlier attempt, if there is one, so that a key which the exchange already knows is
    not made a second time.
    """
    folder, target = flows.absolute().parent / FOLDER, flows.resolve()
    with disk_problems(folder, "no key was stored"):
        make_folder(folder, below=folder.parent)
        with held(folder / ".lock", patience_s=0):
            for draft in (*folder.glob(f"{DRAFT}*"), *target.parent.glob(f"{DRAFT}*{target.suffix}")):
                draft.unlink()  # of a process that died while it held the lock
            if not (ignore := folder / ".gitignore").exists():
                with whole_file(ignore) as draft:  # half of it would let git take the keys
                    draft.write_text("*\n", encoding="ascii")
            found = Generation(folder, name, _in_use(folder, name, account) + 1)
            while not _may_go_on(found, generate=generate):
                found = Generation(folder, name, found.number + 1)
            yield found


def _in_use(folder: Path, name: str, account: Account | None) -> int:
    """The number of the generation that flows.yaml names; 0 when its key is kept elsewhere."""
    files = [Path(place.name) for place in account.places if place.place == "file"] if account else []
    names = (file.name for file in files if file.parent.resolve() == folder.resolve())
    found = (re.fullmatch(rf"{name}-(\d+)\.\w+", each) for each in names)
    return max((int(each[1]) for each in found if each), default=0)


def _may_go_on(generation: Generation, *, generate: bool) -> bool:
    """Whether nothing is there yet, or what an earlier attempt of the same kind left."""
    private, secret, api_key = (generation.holds(part) for part in (PRIVATE_KEY, SECRET, API_KEY))
    return not secret and (private or not api_key) if generate else not private
