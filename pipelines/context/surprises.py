"""What any error says to a person, and its exit code: a surprise becomes a sentence too, and stops nothing else."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from schemas.model.errors import Problem

BUG = 70
_FULL = (errno.ENOSPC, errno.EDQUOT)


def told(error: Exception) -> tuple[int, str]:
    """The exit code and the sentence of an error."""
    match error:
        case Problem():
            return error.exit_code, str(error)
        case OSError() if error.errno in _FULL:
            return 1, "The disk is full; nothing committed was lost. Make room and run the same command again."
        case OSError() if error.filename is not None:
            return 1, f"{error.filename}: {error.strerror}."
        case OSError() if error.errno is not None:  # of Arrow, which names the file in its text
            return 1, f"{error.strerror}."
        case _:
            return BUG, f"A bug: {_place(error)}. Run the same command with --debug and report what it prints."


def _place(error: Exception) -> str:
    """The kind of an error and where it arose; not its text, which may hold what is secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
