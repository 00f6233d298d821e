"""Candles from the public archive: inventory, loading, provenance, republished files."""
