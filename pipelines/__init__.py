"""What happens when: flows, checks, the command line. For notebooks: `connect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["connect"]


def connect(flows: str | Path = "flows.yaml", *, write: str | Path | None = None) -> DuckDBPyConnection:
    """A DuckDB connection with a view for every dataset of the lake that a flows.yaml names, as it is now.

    It answers queries, keeps tables and views of your own in memory, and joins what you `register` under a name: a
    DataFrame, or an Arrow table. Neither the network nor a file beside the lake is within its reach.

    `write` names one more folder, made where it is missing, in which SQL may read and write: `COPY prices TO
    'results/prices.parquet'`, `FROM 'results/mine.csv'`, `ATTACH 'results/mine.duckdb'`. It is neither in the lake nor
    around it. The lake itself can only be read.
    """
    # Not at the top: whoever imports a module of this package would wait for DuckDB and Arrow.
    from connectors.lake import Lake  # noqa: PLC0415
    from connectors.lake.sql import session  # noqa: PLC0415
    from pipelines.settings.loader import load  # noqa: PLC0415

    folder = None if write is None else Path(write).expanduser()
    return session.hand_out(Lake.at(load(Path(flows)).lake), folder)
