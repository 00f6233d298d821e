"""Parquet files on a local disk: durable, sorted, with statistics and checksums."""
