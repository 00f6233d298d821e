"""Found by every process that tests start: it lacks what slows imports down, and ends where a test says.

Where there is a pandas, pyarrow imports it, which takes as long as all other imports together; aiohttp imports aiodns,
and jsonschema, which Prefect needs, rfc3987_syntax: that builds a parser for two seconds. None of them is a dependency.
"""

from __future__ import annotations

import os
import signal
import sys


class _NotInstalled:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name in {"aiodns", "pandas", "rfc3987_syntax"}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, _NotInstalled)  # type: ignore[arg-type]


class _Killed:
    """SIGKILL at the first event behind so many calls, as Python audits them, with such arguments."""

    def __init__(self, call: str, text: str, times: str) -> None:
        self.call, self.text, self.left = call, text, int(times)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.left:
            signal.raise_signal(signal.SIGKILL)  # which, other than os.kill, is no event itself
        self.left -= event == self.call and self.text in " ".join(map(str, arguments))


if "KILLED_BEHIND" in os.environ:
    sys.addaudithook(_Killed(*os.environ["KILLED_BEHIND"].split("\n")))
