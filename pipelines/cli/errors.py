"""Whatever happens becomes one sentence on stderr and an exit code here, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Iterator

from cyclopts import CycloptsError, MissingArgumentError

from pipelines.cli.output import complain, say
from pipelines.context.receipts import worst
from pipelines.context.surprises import BUG, told
from schemas.model.errors import UsageProblem
from schemas.model.redaction import without_keys

INTERRUPTED = 130


def explained(error: BaseException, *, debug: bool) -> int:
    """Say what happened and return the exit code; of several, the one that matters most."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if debug:
        lines = "".join(traceback.format_exception(error)).splitlines()
        say(*map(without_keys, lines))
    said = [_said(each) for each in _leaves(error)]
    code = worst(code for code, _ in said)
    sentence = next(sentence for each, sentence in said if each == code)
    if sentence:
        complain(sentence)
    return code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _said(error: BaseException) -> tuple[int, str]:
    match error:
        case CycloptsError():
            verb = " ".join(error.command_chain or ())
            return UsageProblem.exit_code, f"{_missing(error) or error} See `{f'binlake {verb}'.rstrip()} --help`."
        case KeyboardInterrupt() | asyncio.CancelledError():
            return INTERRUPTED, "Interrupted; what was committed stays. The same command goes on from there."
        case BrokenPipeError():
            _close_stdout()
            return 0, ""
        case Exception():
            return told(error)
        case _:
            return BUG, f"A bug: {type(error).__name__}. Run the same command with --debug."


def _missing(error: CycloptsError) -> str:
    """The argument that a command lacks, as its usage calls it; empty where something else is wrong."""
    if not isinstance(error, MissingArgumentError) or error.keyword or not error.argument or error.argument.tokens:
        return ""
    return f"{error.argument.name.removeprefix('--').upper()} is missing."


def _close_stdout() -> None:
    """The reader of a pipe is gone: what is still buffered has nowhere to go, which is no failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
