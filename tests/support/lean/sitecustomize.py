"""Found by every process that tests start: it lacks what slows imports down and whoever installs binlake has not.

Where there is a pandas, pyarrow imports it, which takes as long as all other imports together; aiohttp imports aiodns,
and jsonschema, which Prefect needs, rfc3987_syntax: that builds a parser for two seconds.
"""

from __future__ import annotations

import sys


class _NotInstalled:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name in {"aiodns", "pandas", "rfc3987_syntax"}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, _NotInstalled)  # type: ignore[arg-type]
