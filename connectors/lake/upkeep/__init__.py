"""Fewer and larger files with the same rows: compaction, replacement, vacuum."""
