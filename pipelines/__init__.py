"""What happens when: flows, checks, the command line. For notebooks: `connect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["connect"]


def connect(flows: str | Path = "flows.yaml") -> DuckDBPyConnection:
    """A DuckDB connection with a view for every dataset of the lake that a flows.yaml names, as it is now.

    It reaches nothing outside the lake's folder, but it is yours: a COPY through it can overwrite the lake's files.
    """
    # Not at the top: whoever imports a module of this package would wait for DuckDB and Arrow.
    from connectors.lake import Lake  # noqa: PLC0415
    from connectors.lake.sql import session  # noqa: PLC0415
    from pipelines.settings.loader import load  # noqa: PLC0415

    return session.connect(Lake.at(load(Path(flows)).lake))
