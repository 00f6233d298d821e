"""Found by every process that tests start: it has no pandas, like that of whoever installs binlake.

Where there is one, pyarrow imports it, which takes as long as all other imports together.
"""

from __future__ import annotations

import sys


class _NoPandas:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, _NoPandas)  # type: ignore[arg-type]
