"""What is asked of a local disk: whole files, synced names, locks that end with their process."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM
from pathlib import Path
from uuid import uuid4

from schemas.model.errors import Problem, TryLater

DRAFT = ".tmp-"  # a name that readers, globs and Delta's vacuum pass over
PATIENCE_S = 60.0  # commits take milliseconds, a checkpoint of a large table a second
SAY_AFTER_S = 3.0
LONGEST_NAP_S = 0.05

OTHER_DISK = "Put the lake on another disk."
_UNSUPPORTED = {EPERM, EOPNOTSUPP, ENOSYS}
_say = logging.getLogger("binlake")


def sync(path: Path) -> None:
    """Return only when the file's bytes, or the folder's names, would survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_synced: set[Path] = set()  # folders whose names this process has made durable; a dead one may not have


def make_folder(folder: Path, below: Path) -> None:
    """Have a private folder, and all between it and `below`, durably."""
    if folder == below or (folder in _synced and folder.is_dir()):
        return
    make_folder(folder.parent, below)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync(folder.parent)
    _synced.add(folder)


@contextmanager
def draft_in(folder: Path, suffix: str) -> Iterator[Path]:
    """A private file to write; unless it is published, it goes."""
    draft = folder / f"{DRAFT}{uuid4().hex}{suffix}"
    try:
        draft.touch(0o600, exist_ok=False)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def publish(draft: Path, target: Path) -> None:
    """Have the draft appear under a name, durably and whole."""
    sync(draft)
    draft.replace(target)
    sync(target.parent)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A private draft to write; it appears under its name durably and whole, or not at all."""
    with draft_in(target.parent, target.suffix) as draft:
        yield draft
        publish(draft, target)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A private draft to write; it appears durably and whole, or FileExistsError says that the name is taken."""
    with draft_in(target.parent, target.suffix) as draft:
        yield draft
        sync(draft)
        target.hardlink_to(draft)
        sync(target.parent)


class Busy(TryLater):
    """Another process holds a lock for longer than anyone should wait; nothing was done."""


@contextmanager
def held(lock: Path, patience_s: float | None = None) -> Iterator[None]:
    """Hold a lock among processes and threads, or raise Busy; it is gone with the process that held it."""
    if not lock.parent.is_dir():
        lock.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _taken(descriptor):
            _wait_for(descriptor, lock, PATIENCE_S if patience_s is None else patience_s)
        with suppress(OSError):  # a full disk; it is only for those who wait to read
            os.pwrite(descriptor, b"%-10d" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)


def held_by_another(lock: Path) -> bool:
    """Whether somebody holds a lock at this moment; nobody is kept waiting by the question for long."""
    with lock.open() as file:
        return not _taken(file.fileno(), fcntl.LOCK_SH)


def _taken(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)  # of this descriptor, so threads wait for each other too
    except BlockingIOError:
        return False
    return True


def _wait_for(descriptor: int, lock: Path, patience_s: float) -> None:
    """Ask for the lock again and again: a stopped process would hold it, and us, for ever."""
    begin, said = time.monotonic(), False
    while not _taken(descriptor):
        waited_s = time.monotonic() - begin
        holder = os.pread(descriptor, 10, 0).decode("ascii", "replace").strip() or "unknown"
        if waited_s > patience_s:
            raise Busy(
                f"Process {holder} has held {lock} for {patience_s:.0f} s.", "Let it go on or end it, and run again."
            )
        if waited_s > SAY_AFTER_S and not said:
            _say.warning("Waiting for process %s, which holds %s.", holder, lock)
            said = True
        time.sleep(min(LONGEST_NAP_S, waited_s / 10))


@contextmanager
def disk_problems(place: Path, outcome: str, kind: type[Problem] = Problem) -> Iterator[None]:
    """Say in one sentence what the disk refused, and what that means for the data."""
    try:
        yield
    except OSError as error:
        reason = os_error(error)
        if reason.errno in {ENOSPC, EDQUOT}:
            raise kind(f"Disk full while writing {place}: {outcome}.", "Free space and run again.") from error
        if reason.errno in _UNSUPPORTED and not has_links(place):
            raise kind(f"The disk of {place} has no hard links, which commits need: {outcome}.", OTHER_DISK) from error
        raise kind(f"Could not write {place} ({reason.strerror}): {outcome}.", "Mend it and run again.") from error


def has_links(folder: Path) -> bool:
    """Whether the disk of a folder has hard links, such as most but FAT and some network shares."""
    with draft_in(folder if folder.is_dir() else folder.parent, "") as draft:
        try:
            draft.with_name(f"{draft.name}-link").hardlink_to(draft)
        except OSError as error:
            return error.errno not in _UNSUPPORTED  # of a full disk, whoever writes next tells
        draft.with_name(f"{draft.name}-link").unlink()
    return True


@contextmanager
def read_problems(place: Path) -> Iterator[None]:
    """Say in one sentence what the disk would not give."""
    try:
        yield
    except OSError as error:
        raise not_read(place, error) from error


def not_read(place: Path, error: OSError) -> Problem:
    """That nothing is known to be damaged, only that it cannot be read now."""
    return Problem(
        f"Could not read {place} ({os_error(error).strerror}).", "Mend the disk or its permissions, and run again."
    )


def os_error(error: Exception) -> OSError:
    """The error with its number, which delta-rs gives in its text only."""
    named = re.search(r"os error (\d+)", str(error))
    code = getattr(error, "errno", None) or (int(named[1]) if named else None)
    return OSError(code, os.strerror(code)) if code else OSError(None, str(error))
