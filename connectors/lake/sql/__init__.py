"""DuckDB sessions over the snapshots of a lake."""
