"""Imported first, it keeps pandas out: pyarrow would import it for nothing, in each of hundreds of runs."""

from __future__ import annotations

import sys


class _NoPandas:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, _NoPandas)  # type: ignore[arg-type]
