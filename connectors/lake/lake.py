"""The lake: a folder of Delta tables, bound for life to one environment."""

from __future__ import annotations

import re
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import copytree

import msgspec

from connectors.lake.files.local_disk import DRAFT, OTHER_DISK, disk_problems, has_links, held, make_folder, whole_file
from connectors.lake.table import Table
from schemas.model.dataset import Dataset
from schemas.model.errors import AccessRefused, CorruptData, UsageProblem

FORMAT = 1
_LABEL, _LOCKS = "lake.json", ".locks"


class _Label(msgspec.Struct, frozen=True):
    """lake.json: what the folder is, and which exchange accounts its names mean."""

    format: int
    environment: str
    accounts: dict[str, int] = {}


class Lake:
    """An open lake. Make one with `open` or `at`."""

    def __init__(self, path: Path, label: _Label) -> None:
        self.path = path
        self._label = label
        self.folders: tuple[Path, ...] = (path,)  # in which its tables lie
        self._tables: dict[str, Table] = {}
        self._guard = threading.Lock()

    @classmethod
    def open(cls, path: Path, environment: str) -> Lake:
        """Open a lake of this environment, creating it on first use."""
        path = _place(path)
        with disk_problems(path, "the lake was not opened"):
            make_folder(path, below=_existing(path.parent))
            with _label_lock(path):
                for draft in path.glob(f"{DRAFT}*"):
                    if draft.is_file():  # of a process that died while it held the lock; folders are of others
                        draft.unlink()
                if not (path / _LABEL).exists() and not _has_tables(path):
                    if not has_links(path):
                        raise UsageProblem(f"The disk of {path} has no hard links, which commits need.", OTHER_DISK)
                    _write_label(path, _Label(FORMAT, environment))
        return cls.at(path).of(environment)

    @classmethod
    def at(cls, path: Path) -> Lake:
        """Open an existing lake for reading, whatever its environment."""
        path = _place(path)
        return cls(path, _read_label(path))

    def of(self, environment: str) -> Lake:
        """This lake; UsageProblem if it holds data of another environment."""
        if self.environment != environment:
            raise UsageProblem(
                f"The lake {self.path} holds data of {self.environment}, not of {environment}.",
                "Give this flow another lake folder.",
            )
        return self

    def trial(self, folder: Path, dataset: Dataset) -> Lake:
        """The same lake, but a copy of one table in that folder takes the commits that are not to last."""
        copy, stored = folder / dataset.table, self._folder(dataset)
        if stored.exists():
            copytree(stored, copy)
        trial = Lake(self.path, self._label)
        trial.folders = (self.path, folder)
        trial._tables[dataset.table] = Table(copy, dataset, folder / ".locks")
        return trial

    @property
    def locks(self) -> Path:
        """The folder of the files that processes lock, to know of one another."""
        return self.path / _LOCKS

    @property
    def environment(self) -> str:
        return self._label.environment

    @property
    def accounts(self) -> dict[str, int]:
        """The exchange's uid of each account name."""
        return dict(self._label.accounts)

    def table(self, dataset: Dataset) -> Table:
        """The dataset's table. It comes into being with its first commit; until then it reads as empty."""
        with self._guard:
            if dataset.table not in self._tables:
                self._tables[dataset.table] = Table(self._folder(dataset), dataset, self.locks)
            return self._tables[dataset.table]

    def _folder(self, dataset: Dataset) -> Path:
        """Where a table lies: an older lake keeps the name that it has there."""
        former = self.path / dataset.former_table
        return former if former.exists() else self.path / dataset.table

    def alone(self, task: str) -> AbstractContextManager[None]:
        """Let one process and thread at a time do a task: what it finds stays true until it has committed."""
        return held(self.locks / task)

    def pin(self, account: str, uid: int) -> None:
        """Bind an account's name to the exchange's uid, for life."""
        with disk_problems(self.path, "the account was not pinned"), _label_lock(self.path):
            label = _read_label(self.path)
            refuse_mixing(label.accounts, account, uid)
            if account not in label.accounts:
                label = msgspec.structs.replace(label, accounts={**label.accounts, account: uid})
                _write_label(self.path, label)
            self._label = label


# Delta takes a path apart as a URL: it decodes what looks encoded, and turns a backslash.
_NO_PLACE = re.compile(r"\\|%[0-9A-Fa-f]{2}|[\x00-\x1f\x7f\ud800-\udfff]|(?<=/)_delta_log(?=/|$)")


def _place(path: Path) -> Path:
    """The absolute path of a lake; UsageProblem where no Delta table can stand."""
    path = path.resolve() if ".." in path.parts else path.absolute()
    if found := _NO_PLACE.search(str(path)):
        raise UsageProblem(f"A lake cannot stand at {path}: its path holds {found[0]!r}.", "Give it another folder.")
    return path


def refuse_mixing(accounts: dict[str, int], account: str, uid: int) -> None:
    """Refuse an account's name, or a uid, that a lake with these accounts knows as another."""
    if accounts.get(account, uid) != uid:
        raise AccessRefused(
            f"The key of account {account} belongs to another exchange account than the one in this lake.",
            "Use the key of the same account, or give the new one another name.",
        )
    names = [name for name, known in accounts.items() if known == uid and name != account]
    if names:
        raise AccessRefused(
            f"Account {account} is the exchange account that this lake knows as {names[0]}.",
            f"Call it {names[0]} in the flows too; an account keeps its name.",
        )


def _existing(folder: Path) -> Path:
    return folder if folder.is_dir() else _existing(folder.parent)


def _has_tables(path: Path) -> bool:
    return any(path.glob("*/_delta_log"))


def _label_lock(path: Path) -> AbstractContextManager[None]:
    return held(path / _LOCKS / "lake")


def _write_label(path: Path, label: _Label) -> None:
    with whole_file(path / _LABEL) as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(label)) + b"\n")


def _read_label(path: Path) -> _Label:
    try:
        label = msgspec.json.decode((path / _LABEL).read_bytes(), type=_Label)
    except FileNotFoundError:
        if _has_tables(path):
            raise CorruptData(f"{path / _LABEL} is missing, and tables are there.", "Restore it from a copy.") from None
        raise UsageProblem(f"There is no lake at {path}.", "`binlake run` makes one.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptData(f"{path / _LABEL} is damaged: {error}.", "Restore it from a copy.") from None
    if label.format > FORMAT:
        raise UsageProblem(
            f"The lake {path} has format {label.format}; this binlake knows formats up to {FORMAT}.",
            "Upgrade binlake.",
        )
    return label
