"""The store: Delta tables of durable Parquet files, and DuckDB over them."""

from connectors.lake.lake import Lake
from connectors.lake.log.cursor_moves import Move, Stale
from connectors.lake.table import Committed, Table

__all__ = ["Committed", "Lake", "Move", "Stale", "Table"]
