"""The command line: the only place that prints. One module per command, imported when it is called."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).parents[2]
_COLLECT_AFTER = 10_000  # new objects; imports make many that stay, and looking through them takes a tenth of a second


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, with which the process ends where it was started for this command.

    Everything a person can cause ends in one sentence on stderr.
    """
    foreign = strangers(HERE)
    if foreign:
        print(f"binlake: {foreign} Install binlake in an environment of its own.", file=sys.stderr)
        return 1
    if argv is None:
        sys.meta_path.insert(0, _WithoutPandas())
        gc.set_threshold(_COLLECT_AFTER)
    from pipelines.cli.app import call  # noqa: PLC0415 - only now is it certain whose `schemas` it imports

    code = call(sys.argv[1:] if argv is None else list(argv))
    if argv is None:
        _leave(code)
    return code


class _WithoutPandas(MetaPathFinder):
    """Hides pandas from Arrow, which would spend a second on importing it, and no command hands out a DataFrame."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def _leave(code: int) -> NoReturn:
    """End at once: for the interpreter to take apart all that was imported lasts a tenth of a second."""
    if "prefect" not in sys.modules:  # its threads outlive their work, and DuckDB torn down under them prints its leaks
        atexit._run_exitfuncs()  # noqa: SLF001 - such as those that remove folders of sessions
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whatever could be said of it was said
            stream.flush()
    os._exit(code)


def strangers(home: Path) -> str:
    """Another distribution's package of the same name, which would be imported instead of ours; empty when none."""
    for name in ("connectors", "schemas"):
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).parents[1] != home:
            return f"another installed package owns the name {name}, at {spec and spec.origin}."
    return ""
