"""What a command really prints on a terminal: a pseudo-terminal takes it, and a screen shows what arrived."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import pyte
import pytest

from pipelines.cli import main

ROOT = Path(__file__).parents[2]
ASCII = {"LC_ALL": "C"}
UTF8 = {"LC_ALL": "C.UTF-8"}
LOCALES = {"UTF-8": UTF8, "ASCII": ASCII}
_SCROLLBACK = 3000  # lines


def each_width_and_locale(widths: Sequence[int]) -> pytest.MarkDecorator:
    """A test at every width, and with every locale; in the soak each at each."""
    cases = [
        pytest.param(width, env, id=f"{width}-{name}", marks=() if (m + n) % len(LOCALES) == 0 else pytest.mark.soak)
        for m, width in enumerate(widths)
        for n, (name, env) in enumerate(LOCALES.items())
    ]
    return pytest.mark.parametrize(("width", "env"), cases)


class Screen:
    """What a program wrote, and how a terminal of this width shows it."""

    def __init__(self, raw: bytes, width: int, code: Any = None) -> None:
        self.raw, self.code = raw, code
        screen = pyte.Screen(width, _SCROLLBACK)
        pyte.ByteStream(screen).feed(raw)
        self.lines = [line.rstrip() for line in screen.display]
        while self.lines and not self.lines[-1]:
            self.lines.pop()

    def __str__(self) -> str:
        return "\n".join(self.lines)


def on_terminal(*argv: str, width: int, env: Mapping[str, str] = UTF8) -> Screen:
    """Run a command of this process on a terminal of this width."""
    return drawn(lambda: main(argv), width=width, env=env)


def drawn(work: Callable[[], Any], *, width: int, env: Mapping[str, str] = UTF8) -> Screen:
    """Whatever the work prints, on a terminal of this width with colours."""
    with terminal(width) as (ours, theirs), patch.dict(os.environ, {"TERM": "xterm-256color", **env}):
        for name in ("COLUMNS", "LINES", "NO_COLOR", "LANG"):
            os.environ.pop(name, None)
        parts: list[bytes] = []
        reader = threading.Thread(target=lambda: parts.extend(arriving(ours)))
        reader.start()
        try:
            with (
                os.fdopen(theirs, "w", encoding="utf-8") as stream,
                redirect_stdout(stream),
                redirect_stderr(stream),
                patch.object(sys, "stdin", stream),  # a terminal, at which nobody types
            ):
                code = work()
        finally:
            reader.join()
    return Screen(b"".join(parts), width, code)


@contextmanager
def terminal(width: int, height: int = 24) -> Iterator[tuple[int, int]]:
    """Our end of a pseudo-terminal, and the program's, which whoever gets it closes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def arriving(end: int) -> Iterator[bytes]:
    """What a program writes until it has closed its end, which Linux reports as an error."""
    try:
        while part := os.read(end, 65536):
            yield part
    except OSError:
        return


class Typist:
    """Someone who types at a program on a terminal, and reads the screen before typing on."""

    def __init__(self, *argv: str, width: int = 80, env: Mapping[str, str] = UTF8) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self._screen = pyte.Screen(width, _SCROLLBACK)
        self._stream = pyte.ByteStream(self._screen)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", *argv],
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,  # else it would ask for passwords at the terminal of whoever runs the tests
            env={**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **env},
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read_until(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """The lines of the screen, as soon as they are as wanted."""
        while not wanted(self.lines):
            self._stream.feed(os.read(self._ours, 65536))
        return self.lines

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display if line.strip()]
