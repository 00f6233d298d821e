"""Whatever happens becomes one sentence on stderr and an exit code here, and nowhere else."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from cyclopts import CycloptsError

from pipelines.receipts import worst
from schemas.errors import Problem, UsageProblem

INTERRUPTED = 130
BUG = 70
_FULL = (errno.ENOSPC, errno.EDQUOT)


def explained(error: BaseException, *, debug: bool) -> int:
    """Say what happened and return the exit code; of several, the one that matters most."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if debug:
        traceback.print_exception(error)
    said = [_said(each) for each in _leaves(error)]
    code = worst(code for code, _ in said)
    sentence = next(sentence for each, sentence in said if each == code)
    if sentence:
        print(f"binlake: {sentence}", file=sys.stderr)
    return code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _said(error: BaseException) -> tuple[int, str]:
    match error:
        case Problem():
            return error.exit_code, str(error)
        case CycloptsError():
            verb = " ".join(error.command_chain or ())
            return UsageProblem.exit_code, f"{error} See `{f'binlake {verb}'.rstrip()} --help`."
        case KeyboardInterrupt() | asyncio.CancelledError():
            return INTERRUPTED, "Interrupted; what was committed stays. The same command goes on from there."
        case BrokenPipeError():
            _close_stdout()
            return 0, ""
        case OSError() if error.errno in _FULL or error.filename is not None:
            return 1, _of_the_system(error)
        case _:
            return BUG, f"A bug: {_place(error)}. Run the same command with --debug and report what it prints."


def _of_the_system(error: OSError) -> str:
    if error.errno in _FULL:
        return "The disk is full; nothing committed was lost. Make room and run the same command again."
    return f"{error.filename}: {error.strerror}."


def _place(error: BaseException) -> str:
    """The kind of an error and where it arose; not its text, which may hold what is secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _close_stdout() -> None:
    """The reader of a pipe is gone: what is still buffered has nowhere to go, which is no failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
